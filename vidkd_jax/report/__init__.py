"""The report of a run: one page with pictures, readable without network access and on a phone."""

from vidkd_jax.report.closing import closing_lines
from vidkd_jax.report.page import write_report

__all__ = ["closing_lines", "write_report"]
