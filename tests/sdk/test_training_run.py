"""Code shared by all training callbacks, without the libraries."""

from __future__ import annotations

import os
import signal

import pytest

from sweep_sdk._program import current_run
from sweep_sdk._program.run import Run
from sweep_sdk._settings import RunEnvironment
from sweep_sdk.integrations._callback import TrainingRun


@pytest.fixture
def metrics_file(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.touch()
    return path


@pytest.fixture(autouse=True)
def _default_handler():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(metrics_file):
    """The current run, of an agent's program."""
    environment = RunEnvironment(metrics_file=str(metrics_file), run="k3v9x2ab-0", sweep="k3v9x2ab")
    current_run.activate(Run(environment))
    yield current_run.active_run()
    current_run.activate(None)


def handler():
    return signal.getsignal(signal.SIGTERM)


@pytest.fixture
def stopped(run):
    """A training that has got SIGTERM."""
    training = TrainingRun()
    training.begin()
    os.kill(os.getpid(), signal.SIGTERM)
    return training


def test_a_training_that_is_not_stopped_goes_on(run, metrics_file):
    training = TrainingRun()
    training.begin()
    training.log({"loss": 0.5}, step=3)
    training.end()
    assert not training.should_stop
    assert handler() == signal.SIG_DFL
    run.finish()
    assert b"finish" in metrics_file.read_bytes()


def test_sigterm_stops_the_training_and_then_ends_the_program_again(stopped):
    assert stopped.should_stop
    stopped.end()
    assert handler() == signal.SIG_DFL


def test_a_stopped_training_still_reports(stopped, metrics_file):
    assert stopped.should_stop
    stopped.log({"loss": 0.5})
    assert b"0.5" in metrics_file.read_bytes()


def test_a_stopped_run_does_not_say_that_it_has_finished(stopped, run, metrics_file):
    assert stopped.should_stop
    run.finish()
    assert metrics_file.read_bytes() == b""


def test_a_training_that_was_complete_when_the_signal_came_has_finished(stopped, run, metrics_file):
    run.finish()
    assert b"finish" in metrics_file.read_bytes()


def test_a_function_is_stopped_without_an_exception(run):
    training = TrainingRun()
    run.request_stop("stop_run")
    training.log({"loss": 0.5})
    assert training.should_stop
    assert run.is_stopped


def test_several_processes_are_ended_by_the_signal(run):
    TrainingRun().begin(n_processes=2)
    assert handler() == signal.SIG_DFL


def test_outside_a_sweep_the_signal_means_what_it_always_means():
    training = TrainingRun()
    training.begin()
    training.log({"loss": 0.5})
    assert handler() == signal.SIG_DFL
    assert not training.should_stop
    current_run.activate(None)


def test_a_handler_of_the_program_remains(run):
    def own(_number, _frame):
        pass

    signal.signal(signal.SIGTERM, own)
    training = TrainingRun()
    training.begin()
    assert handler() is own
    training.end()
    assert handler() is own
