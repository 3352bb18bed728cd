from __future__ import annotations

import pytest

from sweep_sdk._agent.process.gpus import Allotment, allotment, parse_groups, variables_of
from sweep_sdk._exceptions import UsageError

CUDA = "CUDA_VISIBLE_DEVICES"
UUID = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
MIG = "MIG-GPU-8932f937/1/0"


@pytest.mark.parametrize(
    ("texts", "per_run", "groups"),
    [
        ((), None, ()),
        (("0", "2"), None, (("0",), ("2",))),
        ((" 0", "1 "), None, (("0",), ("1",))),
        (("0-3",), None, (("0",), ("1",), ("2",), ("3",))),
        (("0+1", "2+3"), None, (("0", "1"), ("2", "3"))),
        (("0-3",), 2, (("0", "1"), ("2", "3"))),
        (("00", "1"), 2, (("0", "1"),)),
        ((UUID, MIG), None, ((UUID,), (MIG,))),
    ],
)
def test_groups(texts, per_run, groups):
    assert parse_groups(texts, per_run) == groups


@pytest.mark.parametrize(
    ("texts", "per_run", "words"),
    [
        (("a",), None, "found 'a'; it takes numbers"),
        (("",), None, "found ''"),
        (("3-1",), None, "found '3-1'"),
        (("-1",), None, "found '-1'"),
        (("0:1",), None, "found '0:1'"),
        (("0", "0"), None, "0 is listed twice"),
        (("0-2", "1"), None, "1 is listed twice"),
        (("0-2",), 2, "3 GPUs do not make groups of 2"),
        (("0+1",), 2, "either groups"),
    ],
)
def test_nonsense_is_refused(texts, per_run, words):
    with pytest.raises(UsageError, match=words):
        parse_groups(texts, per_run)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Allotment(CUDA, None)),
        ({CUDA: "4,5"}, Allotment(CUDA, ("4", "5"))),
        ({CUDA: f" {UUID} , {MIG}"}, Allotment(CUDA, (UUID, MIG))),
        ({CUDA: ""}, Allotment(CUDA, ())),
        ({CUDA: "-1"}, Allotment(CUDA, ())),
        ({CUDA: "NoDevFiles"}, Allotment(CUDA, ())),
        ({"HIP_VISIBLE_DEVICES": "2,3"}, Allotment("HIP_VISIBLE_DEVICES", ("2", "3"))),
        ({"ROCR_VISIBLE_DEVICES": "1"}, Allotment("ROCR_VISIBLE_DEVICES", ("1",))),
    ],
)
def test_what_is_allotted(environ, expected):
    assert allotment(environ) == expected


@pytest.mark.parametrize(
    ("groups", "names", "values"),
    [
        ((("0",), ("3",)), None, ["0", "3"]),
        ((("0",), ("1",)), ("4", "5"), ["4", "5"]),
        ((("1", "0"),), ("4", "5"), ["5,4"]),
        ((("0",),), (UUID,), [UUID]),
        ((("GPU-8932f937",),), (UUID,), ["GPU-8932f937"]),
        (((UUID,),), None, [UUID]),
    ],
)
def test_numbers_count_within_what_is_allotted(groups, names, values):
    assert variables_of(groups, Allotment(CUDA, names)) == [{CUDA: value} for value in values]


@pytest.mark.parametrize(
    ("name", "names", "words"),
    [
        ("2", ("4", "5"), r"found 2; 2 are allotted here \(CUDA_VISIBLE_DEVICES=4,5\).*0 to 1"),
        ("4", ("4",), "numbered from 0: 0$"),
        ("0", (), "no GPU is allotted here"),
        (UUID, ("4", "5"), "is not among those"),
        (MIG, (UUID,), "is not among those"),
    ],
)
def test_what_is_not_allotted_is_refused(name, names, words):
    with pytest.raises(UsageError, match=words):
        variables_of([(name,)], Allotment(CUDA, names))
