"""From scores of clips to figures: predictions, metrics."""
