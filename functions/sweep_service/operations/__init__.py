"""The use cases: load, decide, save. They know neither HTTP nor a particular store."""
