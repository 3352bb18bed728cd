"""Settings of the tests of the backend."""

from __future__ import annotations

from hypothesis import settings

# machines that run the suite are shared: how long an example takes says nothing
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
