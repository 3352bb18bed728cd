"""Mechanisms against bad networks, disks, clocks and ends, missed in simulated worlds."""

from __future__ import annotations

from mutations import Mutation

_TEST = "tests/simulation/test_simulation.py::test_promises_hold_in_many_worlds"

SIMULATED = (
    Mutation(
        "sdk/sweep_sdk/_backend/acquaintance.py",
        "who had good answers waits out what is not the backend's",
        "        self.is_known = True",
        "        self.is_known = False",
        "waited out",
        _TEST,
    ),
    Mutation(
        "sdk/sweep_sdk/cli/commands/tell.py",
        "a result is told for the attempt that was handed out",
        '        if attempt is None or attempt != found["attempt"]:\n'
        "            raise UsageError(_not_the_attempt(found, attempt))",
        '        attempt = found["attempt"]',
        "8",
        _TEST,
    ),
    Mutation(
        "sdk/sweep_sdk/_agent/agent_lock.py",
        "a living agent keeps its pending deliveries",
        "        if disk.lock_if_free(descriptor):\n            lock.unlink",
        "        if True:\n            lock.unlink",
        "alone",
        _TEST,
    ),
    Mutation(
        "sdk/sweep_sdk/_agent/agent.py",
        "an agent's ending has a bound, whatever the network does",
        "            self._ending.at = clock.monotonic() + (grace or 0.0) + DELIVERY_SECONDS",
        "            self._ending.at = None",
        "ended",
        _TEST,
    ),
)
