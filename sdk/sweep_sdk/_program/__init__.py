"""The part inside a training program: run, configuration and summary. Standard library only."""
