"""Conditions, sorting and names of selections, and the errors for ambiguous ones."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.conditions import parse_conditions
from sweep_sdk._results.names import Names
from sweep_sdk._results.order import best_by
from sweep_sdk._results.selection import Selection, selection

METRICS = {"s": {"name": "loss", "goal": "minimize"}}


def a_run(index, config=None, summary=None, **fields):
    return {
        "id": f"s-{index}", "sweep": "s", "index": index, "state": "finished", "attempt": 1,
        "exit_code": 0, "signal": None, "stopped_early": False, "best": None, "agent": "a",
        "host": "h", "created_at": 100.0, "started_at": 110.0, "ended_at": 120.0,
        "config": config or {}, "summary": summary or {}, "attributes": {},
    } | fields  # fmt: skip


RUNS = [
    a_run(0, {"lr": 0.1, "opt": "adam", "net": {"depth": 2}}, {"acc": 0.5, "loss": 0.9}, best=0.3),
    a_run(1, {"lr": 0.01, "opt": "sgd", "net": {"depth": 3}}, {"acc": math.nan}, state="failed"),
    a_run(2, {"lr": 1, "opt": None, "net": {"depth": 2}}, {"loss": math.nan}, state="running"),
    a_run(
        3, {"lr": 0.001, "opt": ["adam", 2]}, {"acc": 0.9, "acc.max": 0.95}, best=0.1, host="gpu7"
    ),
    a_run(4, {"lr": math.inf, "opt": True}, {"loss": math.inf}, state="crashed", ended_at=None),
]  # fmt: skip
NOTED = {"name": "base-1", "tags": ["old", "best of all"], "config": {"seed": 3}, "notes": "hm"}


def chosen(*where, runs=RUNS, **more):
    return [run["index"] for run in selection(where, **more).of(runs, METRICS)]


@pytest.mark.parametrize(
    ("where", "indices"),
    [
        ("lr<0.01", [3]),
        ("lr <= 1e-2", [1, 3]),
        ("lr>.1", [2, 4]),
        ("lr=inf", [4]),
        ("lr==0.10", [0]),
        ("lr!=0.1", [1, 2, 3, 4]),
        ("config.lr>=0.1 and lr<1", [0]),
        ("net.depth=2", [0, 2]),
        ("net.depth=null", [3, 4]),
        ("opt=adam", [0, 3]),  # a list has it
        ("opt='[\"adam\", 2]'", [3]),
        ("opt=null", [2]),
        ("opt=true", [4]),
        ("opt=True", [4]),
        ("opt!=adam", [1, 2, 4]),
        ("state=finished", [0, 3]),
        ("run.state=failed", [1]),
        ("host=gpu7 and state=finished", [3]),
        ("loss<0.5", [0, 3]),  # the best value, as the table has it
        ("summary.loss<0.95", [0]),  # the last one
        ("loss=nan", [2]),
        ("loss=inf", [4]),
        ("acc=nan", [1]),
        ("acc!=nan", [0, 2, 3, 4]),
        ("acc>0", [0, 3]),
        ("acc.max>0.9", [3]),
        ("time=10", [0, 1, 2, 3]),
        ("created_at>=1970-01-01T00:01:40Z", [0, 1, 2, 3, 4]),
        ("created_at<1970-01-01", []),
        ("stopped_early=false", [0, 1, 2, 3, 4]),
        ("exit_code=0.0", [0, 1, 2, 3, 4]),
        ("index>=3", [3, 4]),
        ("opt>3", []),  # texts are neither small nor large
    ],
)
def test_conditions(where, indices):
    assert chosen(where) == indices


def test_several_conditions_all_hold():
    assert chosen("lr<0.5", "lr>0.005", "opt=sgd") == [1]


def test_what_programs_noted_can_be_looked_for():
    runs = [a_run(0, attributes=NOTED), a_run(1, {"seed": 4}), a_run(2)]
    assert chosen("attributes.config.seed=3", runs=runs) == [0]
    assert chosen("name=base-1", runs=runs) == [0]
    assert chosen("notes=hm", runs=runs) == [0]
    assert chosen("tags='best of all'", runs=runs) == [0]
    assert chosen(tags="old", runs=runs) == [0]
    assert chosen(tags=["old", "new"], runs=runs) == []
    assert chosen(name="base-*", runs=runs) == [0]
    assert chosen(name="base", runs=runs) == []
    assert chosen("seed=3", runs=[runs[0], runs[2]]) == [0]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("", "needs NAME"),
        ("lr", "found 'lr'; needs NAME"),
        ("opt=adam,lr<0.1", "found 'opt=adam,lr<0.1'; needs NAME"),
        ("lr<", "found 'lr<'"),
        ("lr<<1", "found 'lr<<1'"),
        ("lr<1 and", "found ''"),
        ('opt=["adam",2]', "needs NAME"),  # quotes go around a whole value
        ("lr<1 or opt=adam", "found 'lr<1 or opt=adam'"),
        ("lr<small", "found 'small' after '<'; needs a number or a time"),
        ("__import__('os').system('x')", "needs NAME"),
        ("lrr<1", "no run has 'lrr'; did you mean lr"),
        ("config.lrr<1", "no run has 'config.lrr'; did you mean lr"),
        ("dept<1", "did you mean net.depth"),
        ("xyz=1", "no run has 'xyz'; there are lr, net.depth, opt, acc"),
        ("name=x", "no run has 'name'"),
    ],
)
def test_a_condition_that_is_not_understood(where, message):
    with pytest.raises(UsageError) as caught:
        chosen(where)
    assert message in str(caught.value)
    assert "--" not in str(caught.value)


def test_a_name_of_two_things_has_to_say_which():
    runs = [a_run(0, {"host": "x", "epochs": 3}, {"epochs": 2}, host="y")]
    for name, other in (("host", "config.host"), ("epochs", "summary.epochs")):
        with pytest.raises(UsageError, match=f"write .*{other}"):
            chosen(f"{name}=1", runs=runs)
    assert chosen("config.host=x and run.host=y and config.epochs=3", runs=runs) == [0]


@pytest.mark.parametrize(
    ("sort", "indices"),
    [
        ("lr", [3, 1, 0, 2, 4]),
        ("-lr", [4, 2, 0, 1, 3]),
        ("acc", [0, 3, 1, 2, 4]),  # NaN and nothing come last
        ("-acc", [3, 0, 1, 2, 4]),
        ("loss", [3, 0, 4, 1, 2]),
        ("net.depth,-lr", [2, 0, 1, 4, 3]),
        (["net.depth", "lr"], [0, 2, 1, 3, 4]),
        ("opt", [4, 0, 1, 3, 2]),  # numbers and booleans, texts, lists, nothing
        ("-index", [4, 3, 2, 1, 0]),
    ],
)
def test_order(sort, indices):
    assert chosen(sort=sort) == indices


@given(st.lists(st.none() | st.floats() | st.integers() | st.booleans() | st.text(), max_size=8))
def test_any_values_can_be_sorted_either_way(values):
    runs = [a_run(n, {"x": value}) for n, value in enumerate(values)]
    for key in ("x", "-x"):
        found = selection(sort=key).of(runs, METRICS)
        assert sorted(run["index"] for run in found) == list(range(len(values)))
        numbers = [run["config"]["x"] for run in found if type(run["config"]["x"]) is float]
        finite = [number for number in numbers if not math.isnan(number)]
        assert numbers[: len(finite)] == sorted(finite, reverse=key == "-x")


def test_top_alone_means_the_best():
    assert chosen(top=2) == [3, 0]
    better_but_failed = a_run(9, best=0.01, state="failed")
    assert chosen(top=2, runs=[better_but_failed, *RUNS]) == [3, 0]
    assert chosen(top=9, runs=[better_but_failed, *RUNS]) == [3, 0, 9, 1, 2, 4]
    maximise = {"s": {"name": "loss", "goal": "maximize"}}
    assert [run["index"] for run in selection(top=2).of(RUNS, maximise)] == [0, 3]
    assert chosen(top=2, sort="lr") == [3, 1]
    for metrics in ({"s": None}, {**METRICS, "t": None}, {**METRICS, "t": {**maximise["s"]}}):
        with pytest.raises(UsageError, match="say by what to sort"):
            selection(top=2).of(RUNS, metrics)


def test_states():
    assert chosen(state="finished,failed") == [0, 1, 3]
    assert chosen(state=["crashed", "running"]) == [2, 4]
    with pytest.raises(UsageError, match="state is 'done'; one of pending"):
        selection(state="done")


def test_of_no_runs_nothing_is_unknown():
    assert selection("lr<1", sort="acc", top=3).of([], METRICS) == []
    assert Names([], METRICS).getter("anything")({}) is None
    assert Selection().of(RUNS, METRICS) == RUNS


def test_quoted_names():
    (condition,) = parse_conditions('"val loss <5>" >= "1e3"')
    assert (condition.name, condition.sign, condition.text) == ("val loss <5>", ">=", "1e3")


class TestBestBy:
    @pytest.mark.parametrize("order", [*permutations(range(3))])
    def test_the_extreme_of_a_history_counts(self, order):
        runs = [
            a_run(0, summary={"acc": 0.9}),
            a_run(1, summary={"acc": 0.1, "acc.min": 0.1, "acc.max": 0.95}),
            a_run(2, summary={"acc": 0.5, "acc.min": 0.05, "acc.max": 0.5}),
        ]
        shuffled = [runs[index] for index in order]
        assert best_by(shuffled, "acc", "maximize")[0]["index"] == 1
        assert best_by(shuffled, "acc", "minimize")[0]["index"] == 2

    def test_failed_runs_and_non_finite_values_do_not_count(self):
        runs = [
            a_run(0, summary={"acc": 0.99}, state="failed"),
            a_run(1, summary={"acc": 0.98}, state="crashed"),
            a_run(2, summary={"acc": math.inf, "acc.max": 0.3}),
            a_run(3, summary={"acc": math.nan}),
            a_run(4),
            a_run(5, summary={"acc": 0.2}, state="killed"),
        ]
        run, value = best_by(runs, "acc", "maximize")
        assert (run["index"], value) == (2, 0.3)
        assert best_by(runs[3:5], "acc", "maximize") is None
