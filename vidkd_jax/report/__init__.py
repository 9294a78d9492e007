"""The report of a run: one page and its pictures, readable without network and on a phone."""

from vidkd_jax.report.page import write_report

__all__ = ["write_report"]
