"""Metrics that a program writes for another tracker: a process for each run reads its files."""
