"""The store protocol over one SQLite file."""
