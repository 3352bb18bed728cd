from __future__ import annotations

import pytest

from sweep_sdk._backend.references import is_run, parse_run, parse_sweep, sweep_of
from sweep_sdk._exceptions import UsageError


@pytest.mark.parametrize(
    "reference",
    ["k3v9x2ab", "mnist/k3v9x2ab", "me/mnist/k3v9x2ab", " k3v9x2ab ", "mnist/k3v9x2ab/"],
)
def test_every_form_names_the_sweep(reference):
    assert parse_sweep(reference) == "k3v9x2ab"


def test_the_sweep_of_a_run():
    assert sweep_of("mnist/k3v9x2ab-17") == sweep_of("mnist/k3v9x2ab") == "k3v9x2ab"
    with pytest.raises(UsageError, match="names no sweep"):
        sweep_of("mnist")


def test_a_run_is_not_taken_for_its_sweep():
    with pytest.raises(UsageError, match=r"'k3v9x2ab-17' is a run, .* sweep is k3v9x2ab"):
        parse_sweep("mnist/k3v9x2ab-17")


def test_a_sweep_is_not_taken_for_a_run():
    with pytest.raises(UsageError, match="'k3v9x2ab' is a sweep, and this takes a run"):
        parse_run("mnist/k3v9x2ab")


@pytest.mark.parametrize("reference", ["", "/", "k3v9x2a", "K3V9X2AB", "k3v9x2ab/..", "k3v9x2ab?"])
def test_what_names_no_sweep_is_refused(reference):
    with pytest.raises(UsageError, match="names no sweep"):
        parse_sweep(reference)


def test_runs():
    assert parse_run("me/mnist/k3v9x2ab-17") == ("k3v9x2ab", "k3v9x2ab-17")
    assert is_run("k3v9x2ab-0")
    assert not is_run("k3v9x2ab")


@pytest.mark.parametrize("reference", ["mnist", "k3v9x2ab-", "k3v9x2ab-01", "k3v9x2ab--1"])
def test_what_names_no_run_is_refused(reference):
    with pytest.raises(UsageError, match="names no run"):
        parse_run(reference)
