"""What a program has reported, on its way to the backend: on disk until it is delivered."""
