"""Draws the pictures of the report with matplotlib, without a display."""

from vidkd_jax.report.figures.axes import show_literally
from vidkd_jax.report.figures.by_epoch import (
    accuracy_curves,
    agreement_curves,
    curves_with_range,
    learning_rate_curve,
    loss_curves,
    speed_curves,
    weight_curves,
)
from vidkd_jax.report.figures.calibration import reliability_curves, reliability_diagram
from vidkd_jax.report.figures.confusion import confusion_picture
from vidkd_jax.report.figures.strips import film_strips

__all__ = [
    "accuracy_curves",
    "agreement_curves",
    "confusion_picture",
    "curves_with_range",
    "film_strips",
    "learning_rate_curve",
    "loss_curves",
    "reliability_curves",
    "reliability_diagram",
    "show_literally",
    "speed_curves",
    "weight_curves",
]
