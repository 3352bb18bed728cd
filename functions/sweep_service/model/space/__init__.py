"""The search space: parameters, their distributions, and the unit cube."""
