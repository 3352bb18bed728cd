"""The runs of a sweep that are cached between two requests."""

from __future__ import annotations

from sweep_sdk._ui.kept_runs import KeptRuns


def run(index, state="finished", **more):
    return {"index": index, "state": state, **more}


def test_the_first_look_keeps_every_run():
    kept = KeptRuns().with_runs([run(0), run(2, "running")])
    assert kept.next_index == 3
    assert kept.open_indices == [2]
    assert [found["index"] for found in kept.since(0)] == [0, 2]


def test_a_look_without_news_changes_nothing():
    kept = KeptRuns().with_runs([run(0)])
    assert kept.with_runs([run(0)]) is kept


def test_only_what_has_changed_is_given_out_again():
    first = KeptRuns().with_runs([run(0), run(1, "running")])
    second = first.with_runs([run(1, "finished"), run(2, "running")])
    assert [found["index"] for found in second.since(first.revision)] == [1, 2]
    assert second.since(second.revision) == []


def test_runs_are_counted_by_state():
    kept = KeptRuns().with_runs([run(0), run(1), run(2, "failed")])
    assert kept.counts() == {"finished": 2, "failed": 1}
