"""The events of an agent, and a plain view of them."""
