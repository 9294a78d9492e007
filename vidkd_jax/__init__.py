"""Knowledge distillation for video action recognition in JAX."""

__version__ = "0.1.0"
