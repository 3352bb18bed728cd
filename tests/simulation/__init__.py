"""Deterministic simulation: the real agent, client and backend in a world defined by a seed.

``kernel``    time, machines, processes and threads, one at a time
``threads``, ``disk``, ``network``, ``programs``, ``backend``
              what the code meets there instead of the real thing
``seams``     puts them in place of what ``sweep_sdk._world`` imports
``world``     one world: who is in it, and what happened, reported in lines
``scenario``  what a seed has in store for it: the sweep, the agents, the faults
``judge``     what must hold whatever happens

    make simulate SEEDS=5000      many worlds
    make simulate SEED=123        one again, with its story
"""
