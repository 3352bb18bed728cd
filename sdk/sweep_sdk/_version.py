"""The version of the distribution: client and backend are released together."""

__version__ = "0.1.0"
