"""The parts of a run: what it is built of, one step, its inputs, its folder, its results."""
