"""The local backend, served over HTTP."""
