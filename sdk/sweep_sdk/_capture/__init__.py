"""Programs that use wandb: their agent answers in the place of W&B, or listens on the way there.

``account``    whether this user has an account at W&B, and what becomes of a sweep's programs
``variables``  the environment in which a program's wandb finds its agent
``capture``    the endpoint of an agent, and of each of its programs

Those are loaded by every agent, and these by the first request of a program:

``protocol``   which answers a program's wandb gets, and ``answers`` what is in them
``recording``  what it sends, as lines of the run's metrics file
``artifacts``  the small store without which older clients raise errors
``mirror``     requests go on to the user's own W&B
"""
