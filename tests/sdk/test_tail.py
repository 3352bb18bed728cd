from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_sdk import _lines
from sweep_sdk._agent.tail import Tail


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


@pytest.fixture
def tail(path, clock, notices):
    return Tail(path, "loss", clock, notices)


def append(path, *lines):
    with path.open("ab") as file:
        for line in lines:
            file.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")


def metrics(batch):
    return [row["metrics"] for row in batch.rows]


def test_no_file_yet(tail):
    assert tail.read() is None


def test_rows_come_in_order_and_once(tail, path):
    append(path, {"loss": 1}, {"loss": 2})
    assert metrics(tail.read()) == [{"loss": 1}, {"loss": 2}]
    assert tail.read() is None
    append(path, {"loss": 3})
    batch = tail.read()
    assert metrics(batch) == [{"loss": 3}]
    assert batch.offset == 2


def test_a_partial_line_waits_for_its_end(tail, path):
    append(path, b'{"loss"')
    assert tail.read() is None
    append(path, b": 4}\n")
    assert metrics(tail.read()) == [{"loss": 4}]


def test_at_the_end_a_line_without_end_counts(tail, path):
    append(path, b'{"loss": 4}')
    assert tail.read() is None
    assert metrics(tail.read(is_final=True)) == [{"loss": 4}]
    assert tail.read(is_final=True) is None


def test_steps_are_counted_on_from_explicit_ones(tail, path):
    append(path, {"a": 1}, {"a": 1}, {"a": 1, "step": 10}, {"a": 1}, {"step": 3, "a": 1})
    assert [row["step"] for row in tail.read().rows] == [0, 1, 10, 11, 3]


def test_rows_without_a_time_get_that_of_reading(tail, path, clock):
    append(path, {"a": 1}, {"at": 5.5, "metrics": {"a": 1}})
    assert [row["at"] for row in tail.read().rows] == [clock(), 5.5]


def test_rubbish_is_skipped_with_one_notice_a_kind_and_the_rest_is_kept(tail, path, notices):
    append(path, b"\x00\xff\n", {"loss": 1}, b"hello\n", b"[1]\n", {"loss": 2}, b"\n")
    assert metrics(tail.read()) == [{"loss": 1}, {"loss": 2}]
    assert len(notices) == 2
    assert "not JSON" in notices[0]
    assert "not an object" in notices[1]


def test_a_line_of_10_mb_is_skipped(tail, path, notices):
    append(path, {"loss": 1}, b'{"image": "' + b"x" * 10_000_000 + b'"}\n', {"loss": 2})
    assert metrics(tail.read()) == [{"loss": 1}, {"loss": 2}]
    assert len(notices) == 1
    assert "1,000,000 bytes" in notices[0]


def test_a_long_line_that_is_written_slowly(tail, path, notices):
    append(path, {"loss": 1}, b"x" * 1_500_000)
    assert metrics(tail.read()) == [{"loss": 1}]
    append(path, b"x" * 1_500_000)
    assert tail.read() is None
    append(path, b"x\n", {"loss": 2})
    assert metrics(tail.read()) == [{"loss": 2}]
    assert len(notices) == 1


def test_a_row_that_grows_too_large_by_its_names_is_left_out(tail, path, notices):
    append(path, {"n" * 5_000: {f"m{n}": n for n in range(200)}}, {"loss": 1})
    assert metrics(tail.read()) == [{"loss": 1}]
    assert "left out" in notices[0]


def test_batches_are_bounded_in_bytes(tail, path):
    row = {f"metric-{n:04}": 0.123456789 for n in range(8_000)}
    for _ in range(5):
        append(path, row)
    batches = []
    while (batch := tail.read()) is not None:
        batches.append(batch)
    assert all(len(json.dumps(batch.rows)) < 520_000 for batch in batches)
    assert sum(len(batch.rows) for batch in batches) == 5
    assert [batch.offset for batch in batches] == [0, 2, 4]


def test_batches_are_bounded_in_rows(tail, path):
    append(path, *([{"a": 1}] * 12))
    assert [len(tail.read(max_rows=5).rows) for _ in range(3)] == [5, 5, 2]


def test_what_the_program_said(tail, path):
    append(
        path,
        {"loss": 3, "acc": 0.1},
        {"loss": 1},
        {"loss": float("nan")},
        {"loss": 2, "acc": 0.2},
        _lines.encode_summary({"test": 0.9, "acc": 0.5}),
        _lines.encode_preempting(),
        _lines.encode_finish(1),
    )
    tail.read()
    assert tail.said.summary == {"loss": 2, "acc": 0.5, "test": 0.9}
    assert (tail.said.lowest, tail.said.highest) == (1, 3)
    assert tail.said.is_preempting
    assert tail.said.exit_code == 1


def test_events_alone_make_no_batch_but_are_heard(tail, path):
    append(path, _lines.encode_finish(0))
    assert tail.read() is None
    assert tail.said.exit_code == 0


def test_a_file_that_was_overwritten_is_read_anew(tail, path, notices):
    append(path, {"loss": 1}, {"loss": 2})
    tail.read()
    path.write_bytes(b'{"loss": 9}\n')
    batch = tail.read()
    assert metrics(batch) == [{"loss": 9}]
    assert batch.offset == 2
    assert "append" in notices[0]


def test_a_file_that_cannot_be_read_is_told(clock, notices, tmp_path):
    assert Tail(tmp_path, None, clock, notices).read() is None
    assert "cannot read" in notices[0]


lines = st.lists(
    st.sampled_from(
        [
            b'{"loss": 1}\n',
            b'{"loss": 2, "step": 7}\n',
            b"rubbish\n",
            b"\n",
            b'{"event":"finish","exit_code":0}\n',
            b'{"image": "text"}\n',
        ]
    ),
    max_size=30,
)


@given(lines, st.integers(1, 4))
def test_a_batch_is_found_again_from_its_span(tmp_path_factory, lines, max_rows):
    """What recovery after a killed agent rests on: same span, same batch, same offset."""
    path = tmp_path_factory.mktemp("tail") / "metrics.jsonl"
    path.write_bytes(b"".join(lines))
    first = Tail(path, "loss", lambda: 1.0, lambda _: None)
    while (batch := first.read(max_rows=max_rows)) is not None:
        again = Tail(path, "loss", lambda: 1.0, lambda _: None)
        while again.position < batch.start and again.read(end=batch.start) is not None:
            pass
        assert again.read(end=batch.end) == batch
        assert again.said.summary == first.said.summary


def test_reading_is_bounded_by_end(tail, path):
    append(path, {"a": 1}, {"a": 2})
    end = len(b'{"a": 1}\n')
    assert metrics(tail.read(end=end)) == [{"a": 1}]
    assert tail.read(end=end) is None
    assert metrics(tail.read()) == [{"a": 2}]
