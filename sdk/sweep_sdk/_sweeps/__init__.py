"""The Python API for sweeps: register, work on, read and change them."""
