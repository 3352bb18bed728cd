"""Search methods: pure functions of the search space, the seed and the observations."""
