"""The hand-out protocol as pure functions: from what is stored to what is to be stored next.

Each function takes records as they were read and returns a record to save, or raises an error of
the backend. None of them reads a clock or a store. A transition that has happened already returns
what it was given, so that a request can be repeated. See ``docs/protocol.md``.
"""
