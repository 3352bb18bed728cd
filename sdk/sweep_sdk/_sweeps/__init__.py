"""Sweeps from Python: registering, working on, reading and changing them."""
