"""What the slots of one agent share: its identity, its counts, the best run, and how it asks."""
