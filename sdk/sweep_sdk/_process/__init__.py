"""The current process: its forks, its rank in a distributed run, its notices, its terminal."""
