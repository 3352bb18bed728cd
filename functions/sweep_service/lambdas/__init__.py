"""Entry points of the functions that template.yaml declares."""
