"""Bayesian search: a Gaussian process on the unit cube; the only code that needs numpy."""
