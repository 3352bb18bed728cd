"""What is stored of sweeps and runs, and the names and numbers in it."""
