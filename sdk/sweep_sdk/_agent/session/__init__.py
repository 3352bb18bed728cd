"""State shared by the slots of one agent: identity, counts, best run and requests for runs."""
