"""Reads metrics that a program writes for other trackers, in one process per run."""
