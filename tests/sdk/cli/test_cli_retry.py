"""``sweep --retry-run`` and ``sweep --retry-failed``."""

from __future__ import annotations

import pytest


class TestOneRun:
    def test_is_handed_out_again(self, cli, grid, run_one, client):
        run = run_one(grid, state="failed")
        result = cli("sweep", "--retry-run", run)
        assert (result.code, result.err) == (0, "")
        assert result.out == f"run {run} will be handed out again: sweep-sdk agent {grid}\n"
        handed_out = client.ask(grid, "key-of-the-test", "agent")
        assert (handed_out.id, handed_out.attempt) == (run, 2)

    def test_that_waits_already_is_left_alone(self, cli, grid, run_one):
        run = run_one(grid, state="failed")
        cli("sweep", "--retry-run", run)
        result = cli("sweep", "--retry-run", run)
        assert (result.code, result.out) == (0, "")
        assert result.err == f"run {run} waits to be handed out again, so nothing has changed\n"

    def test_that_runs_is_left_alone(self, cli, grid, client):
        run = client.ask(grid, "key-of-the-test", "agent").id
        result = cli("sweep", "--retry-run", run)
        assert result.err == f"run {run} is running, so nothing has changed\n"

    @pytest.mark.parametrize("is_deleted", [False, True])
    def test_that_has_finished_is_not_handed_out_again(self, cli, grid, run_one, is_deleted):
        run = run_one(grid)
        if is_deleted:
            cli("delete", run, "--yes")
        result = cli("sweep", "--retry-run", run)
        assert (result.code, result.out) == (2, "")
        assert result.err.count("\n") == 1
        assert f"sweep-sdk delete {run} --again" in result.err

    def test_of_a_canceled_sweep_is_not_handed_out_again(self, cli, grid, run_one):
        run = run_one(grid, state="failed")
        cli("sweep", "--cancel", grid)
        result = cli("sweep", "--retry-run", run)
        assert result.code == 2
        assert f"sweep {grid} is canceled and hands out no more runs" in result.err

    @pytest.mark.parametrize(
        ("verb", "word"), [("--pause", "is paused"), ("--stop", "was stopped")]
    )
    def test_of_a_sweep_that_hands_out_nothing_waits(self, cli, grid, run_one, verb, word):
        run = run_one(grid, state="failed")
        cli("sweep", verb, grid)
        result = cli("sweep", "--retry-run", run)
        assert result.code == 0
        assert f"sweep {grid} {word}" in result.err
        assert f"sweep-sdk sweep --resume {grid}" in result.err

    def test_as_json(self, cli, grid, run_one):
        run = run_one(grid, state="killed")
        answer = cli("sweep", "--retry-run", run, "--json").json
        assert (answer["changed"], answer["run"]["id"]) == (True, run)
        assert answer["run"]["state"] == "pending"


class TestAllThatFailed:
    def test_are_handed_out_again_and_the_sweep_goes_on(self, cli, grid, run_one, client):
        runs = [run_one(grid, state=state) for state in ("failed", "finished", "killed", "failed")]
        assert client.get_sweep(grid)["state"] == "finished"
        result = cli("sweep", "--retry-failed", grid)
        assert (result.code, result.err) == (0, "")
        assert result.out == (
            f"3 runs of sweep {grid} will be handed out again: sweep-sdk agent {grid}\n"
        )
        sweep = client.get_sweep(grid)
        assert (sweep["state"], sweep["counts"]) == ("running", {"finished": 1, "pending": 3})
        asked = [client.ask(grid, f"key-of-the-test-{n}", "agent") for n in range(3)]
        assert sorted(run.id for run in asked) == [runs[0], runs[2], runs[3]]

    def test_without_failed_runs_nothing_changes(self, cli, grid, run_one):
        run_one(grid)
        result = cli("sweep", "--retry-failed", grid)
        assert (result.code, result.out) == (0, "")
        assert result.err == (
            f"no run of sweep {grid} failed, crashed or was killed; nothing was changed\n"
        )

    def test_as_json(self, cli, grid, run_one):
        run = run_one(grid, state="failed")
        answer = cli("sweep", "--retry-failed", grid, "--json").json
        assert answer == {"runs": [run], "sweep_state": "running"}


def test_an_update_that_comes_too_late_says_what_runs_them_again(cli, client, grid, run_one):
    for _ in range(4):
        run_one(grid, state="failed")
    config = client.get_sweep(grid)["config"] | {"retry_failed": 2}
    text = b"method: grid\nprogram: train.py\nmetric: {name: loss}\nretry_failed: 2\nparameters:\n"
    text += b"  lr: {values: [0.1, 0.01]}\n  layers: {values: [1, 2]}\n"
    assert config["retry_failed"] == 2
    result = cli("sweep", "--update", grid, "-", stdin=text)
    assert f"sweep-sdk sweep --retry-failed {grid}" in result.err


def test_a_result_that_is_reported_too_late_says_what_runs_it_again(cli, grid, run_one):
    run = run_one(grid, state="failed")
    result = cli("tell", run, "--state", "preempted")
    assert result.code == 2
    assert f"sweep-sdk sweep --retry-run {run}" in result.err
