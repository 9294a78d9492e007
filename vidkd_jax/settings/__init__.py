"""What a user sets: the defaults, the recipes for data sets, and whether they can be run."""
