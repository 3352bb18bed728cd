"""Handlers: decode a request, call one operation, encode its result."""
