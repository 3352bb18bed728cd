"""The folder in which this machine keeps what belongs to sweeps (``SWEEP_HOME``)."""
