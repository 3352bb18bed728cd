"""How runs are chosen: pure functions of the search space, the seed and what was observed."""
