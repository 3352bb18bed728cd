"""The agent: asks for runs, has programs or functions run them, reports."""
