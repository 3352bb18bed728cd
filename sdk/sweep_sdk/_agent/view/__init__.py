"""What an agent tells its watcher, and a plain view of it."""
