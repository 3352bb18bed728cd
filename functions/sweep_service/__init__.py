"""The backend of sweep-sdk: stateless handlers that hand out runs and compute configurations."""

__version__ = "0.1.0"
