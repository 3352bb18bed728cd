"""Hyperparameter sweeps: the client."""
