from __future__ import annotations

import pytest

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._exceptions import UsageError


def test_one_place_by_default():
    assert AgentOptions().slots == ("",)
    assert AgentOptions(count=1).gpus_of("", []) == {}


def test_one_place_per_gpu():
    options = AgentOptions(gpus=("0", "2", "5"))
    assert options.slots == ("0", "1", "2")
    assert [
        options.gpus_of(slot, [{"X": g[0]} for g in options.gpu_groups])["X"]
        for slot in options.slots
    ] == ["0", "2", "5"]


def test_one_gpu():
    options = AgentOptions(gpus=("3",))
    assert options.slots == ("",)
    assert options.gpus_of("", [{"X": "3"}]) == {"X": "3"}


def test_one_place_per_group():
    assert AgentOptions(gpus=("0-7",), gpus_per_run=4).slots == ("0", "1")


def test_more_places_than_gpus_share_them():
    options = AgentOptions(parallel=4, gpus=("0", "1"))
    groups = [{"X": "0"}, {"X": "1"}]
    assert [options.gpus_of(slot, groups)["X"] for slot in options.slots] == ["0", "1", "0", "1"]


@pytest.mark.parametrize(
    "options", [{"gpus": ("x",)}, {"gpus_per_run": 2}, {"gpus": ("0",), "gpus_per_run": 2}]
)
def test_gpus_are_checked_at_once(options):
    with pytest.raises(UsageError, match="gpus"):
        AgentOptions(**options)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", 0),
        ("parallel", -1),
        ("run_timeout_seconds", 0),
        ("report_interval_seconds", float("nan")),
        ("row_interval_seconds", 0),
        ("max_failures", -1),
        ("max_initial_failures", -1),
        ("max_consecutive_failures", -1),
        ("term_timeout_seconds", -1),
        ("name", ""),
        ("name", "x" * 129),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(field, value):
    with pytest.raises(UsageError, match=field):
        AgentOptions(**{field: value})
