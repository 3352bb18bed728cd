"""The only modules through which the client reaches the outside world.

The agent (``_agent``), the client (``_backend``) and ``_sweeps.asked_run`` use nothing of ``time``,
``threading``, ``queue``, ``random``, ``uuid`` or ``fcntl`` themselves, and open no file and no
connection by other means than these:

``clock``      the time of day, the time that passes, and sleeping
``threads``    threads, timers, locks, conditions, events and queues
``disk``       paths (``disk.Path``, and every path made from one), descriptors, locks on files
``network``    the session that sends an HTTP request
``loopback``   the web server for the programs that an agent starts
``processes``  who and where this process is, and the signals that it gets
``running``    the other processes of this machine
``chance``     unique keys and jitter

Training programs are started by ``_agent.process.child.start_child`` alone.

Call them through their module (``clock.monotonic()``, ``threads.Event()``): the simulation in
``tests/simulation`` puts a world of its own in place of what these modules import, and runs the
same code in it. ``tests/test_architecture.py`` holds the packages to this.
"""
