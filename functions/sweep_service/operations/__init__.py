"""The use cases: load, decide, save. Free of HTTP, free of any particular store."""
