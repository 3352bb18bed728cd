"""Metrics that a program only prints: a process of its own finds them by patterns."""
