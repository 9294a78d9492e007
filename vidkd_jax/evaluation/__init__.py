"""Predictions for clips and videos, and metrics of predictions."""
