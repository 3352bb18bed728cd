from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.line_format import (
    BadLine,
    FinishLine,
    PreemptingLine,
    RowLine,
    SummaryLine,
    decode_line,
    whole_step,
)


def decode(document):
    return decode_line(json.dumps(document).encode())


names = st.text(min_size=1).filter(lambda name: name not in ("step", "at", "metrics", "event"))
values = (
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
)


@given(
    st.none() | st.integers(-(2**52), 2**52),
    st.floats(0, 2e9),
    st.dictionaries(names, values),
)
def test_rows_survive_the_file(step, at, metrics):
    line = line_format.encode_row(step, at, metrics)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_line(line) == RowLine(step, at, metrics)


def test_events_survive_the_file():
    assert decode_line(line_format.encode_finish(3)) == FinishLine(3)
    assert decode_line(line_format.encode_preempting()) == PreemptingLine()
    assert decode_line(line_format.encode_summary({"a": "NaN"})) == SummaryLine({"a": "NaN"})


class TestOtherLanguages:
    def test_a_plain_object(self):
        assert decode({"loss": 0.3, "step": 4}) == RowLine(4, None, {"loss": 0.3})

    def test_a_step_that_is_counted(self):
        assert decode({"loss": 0.3}) == RowLine(None, None, {"loss": 0.3})

    def test_at_and_metrics_are_metrics_among_others(self):
        assert decode({"at": 3, "loss": 1}) == RowLine(None, None, {"at": 3, "loss": 1})
        assert decode({"metrics": {"a": 1}, "loss": 1}).metrics == {"metrics.a": 1, "loss": 1}
        assert decode({"event": 3}).metrics == {"event": 3}

    def test_nested_objects(self):
        assert decode({"val": {"loss": 1}}).metrics == {"val.loss": 1}

    def test_bare_nan(self):
        assert decode_line(b'{"loss": NaN, "x": -Infinity}').metrics == {
            "loss": "NaN",
            "x": "-Infinity",
        }

    def test_windows_line_ends_and_blanks(self):
        assert decode_line(b'{"loss": 1}\r').metrics == {"loss": 1}
        assert decode_line(b"") is None
        assert decode_line(b"  \r\n") is None

    def test_texts_are_refused_by_name_and_the_rest_is_kept(self):
        row = decode({"loss": 1, "image": "iVBOR"})
        assert row.metrics == {"loss": 1}
        assert "image" in row.refusals[0]

    @pytest.mark.parametrize("step", ["4", 1.5, True, 2**60, [1]])
    def test_a_step_that_is_none_is_counted(self, step):
        row = decode({"loss": 1, "step": step})
        assert row.step is None
        assert row.metrics == {"loss": 1}
        assert "step" in row.refusals[0]

    def test_an_invalid_time(self):
        assert decode({"at": "noon", "metrics": {"a": 1}}).at is None
        assert decode_line(b'{"at": NaN, "metrics": {"a": 1}}').at is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"loss 0.3", "not JSON"),
        (b'{"loss": 0.3', "not JSON"),
        (b"\x00\xff\xfe", "UTF-16"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not an object"),
        (b"3", "not an object"),
        (b'{"event": "explode"}', "explode"),
        (b'{"event": "summary"}', "summary"),
    ],
)
def test_bad_lines_say_why(line, reason):
    with pytest.raises(BadLine, match=reason):
        decode_line(line)


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        (b"{loss: 0.5, val/acc: nan}", {"loss": 0.5, "val/acc": "NaN"}),
        (b'{"loss": 0.5, "acc": 1,}', {"loss": 0.5, "acc": 1}),
        (b"{'loss': 0.5 , }", {"loss": 0.5}),
        (b'{"losses": {"a": 1,}, "b": 2}', {"losses.a": 1, "b": 2}),
        (b"{inf: -Inf, nan: .5}", {"inf": "-Infinity", "nan": 0.5}),
        (b'{"a, }": 1, "b: c": 2,}', {"a, }": 1, "b: c": 2}),
        (b'\xef\xbb\xbf{"loss": nan}\r', {"loss": "NaN"}),
        ('{"größe": nan}'.encode("latin-1"), {"größe": "NaN"}),
    ],
)
def test_what_has_one_meaning_is_taken(line, metrics):
    row = decode_line(line)
    assert (row.metrics, row.refusals) == (metrics, ())


def test_a_missing_value_of_r_is_reported_by_its_name():
    row = decode_line(b'{"loss": NA, "acc": 1}')
    assert row.metrics == {"acc": 1}
    assert "loss" in row.refusals[0]


@pytest.mark.parametrize(
    "line",
    [b"{loss: 0,5}", b"{time: 12:30}", b"{loss: 0.5,, acc: 1}", b"{loss 0.5}"],
)
def test_what_has_several_meanings_is_not_guessed(line):
    with pytest.raises(BadLine, match="not JSON"):
        decode_line(line)


@given(st.binary(max_size=200))
def test_no_line_causes_a_crash(line):
    with contextlib.suppress(BadLine):
        decode_line(line)


def test_finish_without_a_usable_code_is_a_failure():
    assert decode({"event": "finish"}) == FinishLine(0)
    assert decode({"event": "finish", "exit_code": "bad"}) == FinishLine(1)


@pytest.mark.parametrize(
    ("step", "number"),
    [(4, 4), (4.0, 4), (4.5, None), (None, None), (True, None), ("4", None), (2**53, None)],
)
def test_whole_steps(step, number):
    assert whole_step(step) == number


def test_steps_of_numpy():
    import numpy as np

    assert whole_step(np.int64(4)) == 4
    assert whole_step(np.array(4)) == 4
