"""The dashboard: a web page about sweeps, and the server that gives it data."""
