"""A slot of an agent, which works on one run at a time."""
