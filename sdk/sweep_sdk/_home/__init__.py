"""The data folder of this machine (``SWEEP_HOME``)."""
