"""Hints that an agent adds to the error of a failed program."""

from __future__ import annotations

import pytest

from sweep_sdk._agent.session.hints import hint_at


@pytest.mark.parametrize(
    "words",
    [
        "Traceback ...\nModuleNotFoundError: No module named 'sweep_sdk'",
        "ModuleNotFoundError: No module named 'sweep_sdk.cli'\n[rank 0] exit code 1",
        "ImportError: No module named sweep_sdk",
    ],
)
def test_a_python_without_the_sdk(words):
    hint = hint_at(words, "/env/bin/python")
    assert "/env/bin/python" in hint
    assert "\n" not in hint


@pytest.mark.parametrize(
    "words",
    [
        "",
        "ModuleNotFoundError: No module named 'torch'",
        "ModuleNotFoundError: No module named 'sweep_sdk_plots'",
        "caught: ModuleNotFoundError: No module named 'sweep_sdk'",
        "ValueError: boom",
    ],
)
def test_other_failures_get_no_hint(words):
    assert hint_at(words, "/env/bin/python") == ""
