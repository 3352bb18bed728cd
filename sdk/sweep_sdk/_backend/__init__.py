"""Talking to the backend: one method a route, over HTTP or in this process."""
