"""The hand-out protocol as pure functions from stored records to the record to store next.

Each function takes records as they were read and returns the record to save, or raises a backend
error. None reads a clock or a store. Applied to a record that it has already changed, a transition
returns it as it is, so that requests can be repeated. See ``docs/protocol.md``.
"""
