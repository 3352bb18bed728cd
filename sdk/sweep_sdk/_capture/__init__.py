"""Captures what programs log with wandb: the agent answers in place of W&B, or relays to it.

``account``    the user's W&B account, and the mode for a sweep's programs
``variables``  the environment in which a program's wandb finds its agent
``capture``    the endpoint of an agent, and of each of its programs

Every agent loads these modules. The first request of a program loads the following:

``protocol``   decides how each request of a program's wandb is answered
``answers``    the contents of these answers
``recording``  writes what it sends to the run's metrics file
``artifacts``  a minimal store, without which older clients raise errors
``mirror``     relays requests to the user's own W&B
"""
