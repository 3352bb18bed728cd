"""What comes out of a sweep: runs and rows, chosen, ordered, flat, as data frames."""
