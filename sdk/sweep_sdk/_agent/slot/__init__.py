"""One of the runs that an agent works on at a time, from the hand-out to its end."""
