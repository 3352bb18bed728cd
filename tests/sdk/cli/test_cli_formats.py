"""Formatting of values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_sdk.cli import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (0.123456789, "0.12346"),
        (1e-5, "1e-05"),
        (123456.789, "123457"),
        (1e9, "1e+09"),
        (1.0, "1.0"),
        (-2.0, "-2.0"),
        (12345.0, "12345.0"),
        (1e300, "1e+300"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (12345678, "12345678"),
        (True, "true"),
        (None, "null"),
        ("NaN", "NaN"),
        ("a b", "a b"),
        ([1, "ü"], '[1, "ü"]'),
        ({"x": None}, '{"x": null}'),
    ],
)
def test_value_text(value, text):
    assert formats.value_text(value) == text


@given(st.floats(-1e308, 1e308))
def test_a_float_keeps_five_significant_digits(value):
    assert float(formats.value_text(value)) == pytest.approx(value, rel=5.1e-5)


@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text):
    shown = formats.printable(text)
    assert all(char.isprintable() for char in shown)
    assert text != shown or text.isprintable()


def test_terminal_commands_in_a_value_are_shown_not_obeyed():
    assert formats.value_text("\x1b[31mred\n") == "\\x1b[31mred\\n"


def test_control_characters_in_a_name_are_escaped():
    assert formats.assignments({"\x1b[2J\n": 1}) == "\\x1b[2J\\n=1"
    assert formats.metric_text({"name": "\x1b[2J"}) == "minimize \\x1b[2J"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (0.84, "0.8 s"),
        (59.4, "59 s"),
        (60, "1.0 min"),
        (90, "1.5 min"),
        (3600, "1.0 h"),
        (86400 * 9, "9.0 d"),
        (86400 * 900, "900 d"),
    ],
)
def test_duration_text(seconds, text):
    assert formats.duration_text(seconds) == text


def test_age_text():
    assert formats.age_text(100.0, 112.0) == "12 s ago"
    assert formats.age_text(None, 112.0) == "-"


def test_flattened_maps_have_dotted_names():
    nested = {"a": {"b": {"c": 1}, "d": [2]}, "e": {}, "f": None}
    assert formats.flattened(nested) == {"a.b.c": 1, "a.d": [2], "e": {}, "f": None}
    assert formats.assignments(nested) == "a.b.c=1 a.d=[2] e={} f=null"


@given(st.text(), st.integers(4, 50))
def test_shortened_text_fits(text, width):
    short = formats.shortened(text, width)
    assert len(short) <= width
    assert short == text or (short.endswith("...") and text.startswith(short[:-3]))


def test_counts_text():
    assert formats.counts_text({"finished": 10, "failed": 2, "running": 0}) == (
        "12 runs (10 finished, 2 failed)"
    )
    assert formats.counts_text({}) == "0 runs"
    assert formats.count_text(1, "run") == "1 run"


def test_signal_text():
    assert formats.signal_text(9) == "SIGKILL"
    assert formats.signal_text(200) == "signal 200"


def test_command_text_can_be_pasted():
    assert formats.command_text(["python", "a b.py", "--x={'y': 1}"]) == (
        """python 'a b.py' '--x={'"'"'y'"'"': 1}'"""
    )


def test_metric_text():
    assert formats.metric_text(None) == "-"
    assert formats.metric_text({"name": "loss"}) == "minimize loss"
    assert formats.metric_text({"name": "acc", "goal": "maximize"}) == "maximize acc"
