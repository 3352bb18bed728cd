"""Storage: one protocol, implemented by several stores."""
