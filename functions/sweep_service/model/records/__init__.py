"""The records that are stored about sweeps and runs, with their identifiers and numbers."""
