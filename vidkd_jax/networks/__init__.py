"""Networks beside their weights: what they see, how they are saved, named and loaded."""
