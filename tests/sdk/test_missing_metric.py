from __future__ import annotations

import pytest

from sweep_sdk._results.missing_metric import missing_metric, runs_without_metric


@pytest.mark.parametrize(
    ("metric", "logged", "words"),
    [
        ("val_loss", ["epoch", "val/loss"], "epoch, val/loss, not val_loss, the sweep's metric"),
        ("val_loss", ["epoch", "val/loss"], "did you mean val/loss?"),
        ("loss", ["Loss"], "did you mean Loss?"),
        ("accuracy", ["acuracy"], "did you mean acuracy?"),
        ("loss", [], "nothing was logged"),
        ("loss", [], "env -i"),
        ("loss", [], 'call run.log(), append lines such as {"loss": 0.3} to the file that SWEEP_'),
        ("loss", [], "or let 'metrics_from' take what is printed"),
        ("loss", ["loss"], "every value of loss was NaN or infinite"),
    ],
)
def test_what_is_said(metric, logged, words):
    assert words in missing_metric(metric, logged)


@pytest.mark.parametrize(
    ("logged", "words"),
    [
        ([], "nothing was logged, and nothing that was printed matches the pattern of loss"),
        (["acc"], "logged acc, not loss, the sweep's metric; nothing that was printed"),
        (["loss"], "every value of loss was NaN or infinite"),
    ],
)
def test_the_report_on_a_pattern_that_matched_nothing(logged, words):
    assert words in missing_metric("loss", logged, is_unmatched=True)


def test_no_name_is_suggested_without_similarity():
    assert "did you mean" not in missing_metric("loss", ["epoch", "lr"])


def test_many_names_are_cut():
    assert ", ..." in missing_metric("loss", [f"m{n}" for n in range(100)])


def run(state="finished", best=None, **summary):
    return {"state": state, "best": best, "summary": summary}


def test_finished_runs_without_a_value():
    runs = [run(best=1.0, loss=1), run(acc=1, **{"acc.min": 0}), run(acc=2), run("failed")]
    words = runs_without_metric("loss", runs)
    assert words.startswith("2 finished runs have no value of loss: logged acc, not loss")
    assert runs_without_metric("loss", runs[:1]) is None
    assert runs_without_metric(None, runs) is None
    assert runs_without_metric("loss", [run()]).startswith("1 finished run has no value")


def test_the_variable_that_names_the_file_is_named_as_it_is():
    words = missing_metric("METRIC", [])
    assert '{"METRIC": 0.3}' in words
    assert "SWEEP_METRICS_FILE" in missing_metric("loss", [])
