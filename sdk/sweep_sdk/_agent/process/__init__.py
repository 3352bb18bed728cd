"""A training program as the agent sees it: how it is started, signalled, watched and ended."""
