"""Results of a sweep: runs and rows, filtered, sorted, flattened, and as data frames."""
