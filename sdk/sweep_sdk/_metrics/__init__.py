"""The metrics file between a training program and its agent: values, line format, writer."""
