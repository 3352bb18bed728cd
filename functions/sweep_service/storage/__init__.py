"""Where sweeps are kept: one protocol, several stores."""
