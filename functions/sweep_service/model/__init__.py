"""Value objects of the domain; standard library and PyYAML only, no I/O, no clock."""
