"""What client and backend say to each other."""
