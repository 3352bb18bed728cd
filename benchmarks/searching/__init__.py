"""Problems, peers and the simulated sweep of the search quality benchmark."""
