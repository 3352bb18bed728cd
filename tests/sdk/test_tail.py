from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sweep_sdk._agent.outbox.tail import Tail, fitting
from sweep_sdk._metrics import line_format
from sweep_sdk._program.run import Run
from sweep_sdk._settings import RunEnvironment


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
    assert [notice.split(": ")[1] for notice in notices] == [
        "UTF-16 text or binary data; write UTF-8",
        "not JSON",
        "JSON, but not an object of metrics",
    ]


def test_each_kind_of_rubbish_is_counted(tail, path, notices):
    append(path, *[b"hello\n"] * 99, {"loss": "low"}, {"loss": "low"}, b"[1]\n")
    assert tail.read() is None
    assert len(notices) == 3
    assert list(tail.left_out.values()) == [99, 2, 1]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b'{"loss": nan}\n', {"loss": "NaN"}),
        (
            b'{"loss": -inf, "a": Inf, "b": -nan(ind)}\n',
            {"loss": "-Infinity", "a": "Infinity", "b": "NaN"},
        ),
        (b'{"loss": [0.3], "acc": [[1]]}\n', {"loss": 0.3, "acc": 1}),
        (b'\xef\xbb\xbf{"loss": 0.3}\r\n', {"loss": 0.3}),
        ('{"Güte": 1, "x": .5}\n'.encode("latin-1"), {"Güte": 1, "x": 0.5}),
        (b'{"loss": 1.5D-3, "x": 5., "y": +2}\n', {"loss": 0.0015, "x": 5.0, "y": 2}),
        (b"{'loss': 0.3, 'it\\'s': True}\n", {"loss": 0.3, "it's": True}),
        (b'{"loss": "NaN", "a": "-Inf", "nan": 1}\n', {"loss": "NaN", "a": "-Infinity", "nan": 1}),
    ],
)
def test_rows_of_other_languages(tail, path, notices, line, row):
    append(path, line)
    assert metrics(tail.read()) == [row]
    assert notices == []


@pytest.mark.parametrize(
    "line", [b'{"loss": 0,3}', b'{"loss": high}', b'{"loss": 1 2}', b"{loss}", b'{"loss": 1-2}']
)
def test_what_has_no_single_meaning_is_left_out(tail, path, notices, line):
    append(path, line + b"\n")
    assert tail.read() is None
    assert "not JSON" in notices[0]


def test_a_line_of_10_mb_is_skipped(tail, path, notices):
    append(path, {"loss": 1}, b'{"image": "' + b"x" * 10_000_000 + b'"}\n', {"loss": 2})
    assert metrics(tail.read()) == [{"loss": 1}]
    assert metrics(tail.read()) == [{"loss": 2}]
    assert len(notices) == 1
    assert "8,000,000 bytes" in notices[0]


def test_a_long_line_that_is_written_slowly(tail, path, notices):
    append(path, {"loss": 1}, b"x" * 1_500_000)
    assert metrics(tail.read()) == [{"loss": 1}]
    append(path, b"x" * 1_500_000)
    assert tail.read() is None
    append(path, b"x\n", {"loss": 2})
    assert metrics(tail.read()) == [{"loss": 2}]
    assert len(notices) == 1


@pytest.mark.parametrize("position", ["first", "last"])
def test_of_a_wide_row_the_sweeps_metric_and_what_fits_are_kept(tail, path, notices, position):
    wide = {f"layer/{n}/norm": n / 7 for n in range(40_000)}  # a line of over a megabyte
    row = {"loss": 0.5} | wide if position == "first" else wide | {"loss": 0.5}
    append(path, row, {"loss": 1})
    (kept, after) = tail.read().rows
    assert kept["metrics"]["loss"] == 0.5
    assert 5_000 < len(kept["metrics"]) < 40_000
    assert len(json.dumps(kept)) <= line_format.MAX_ROW_BYTES
    assert list(kept["metrics"]) == [name for name in row if name in kept["metrics"]]
    assert after["metrics"] == {"loss": 1}
    left_out = len(row) - len(kept["metrics"])
    (notice,) = notices
    assert f"{left_out:,} of its {len(row):,} values are left out" in notice
    assert tail.logged.summary["layer/39999/norm"] == pytest.approx(39_999 / 7)


@given(
    st.dictionaries(st.text(max_size=8), st.one_of(st.floats(), st.integers()), max_size=20),
    st.integers(0, 400),
)
@example({"a": float("inf"), "b": -float("inf"), "c": 1.0}, 32)
def test_what_fits_never_is_too_much(row, max_bytes):
    first = next(iter(row), None)
    kept = fitting(row, first, max_bytes + 102)
    assert kept == {name: row[name] for name in kept} or any(v != v for v in row.values())
    assert len(kept) == len(row) or len(json.dumps(kept)) <= max_bytes + 2
    assert not kept or first in kept


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
        line_format.encode_summary({"test": 0.9, "acc": 0.5}),
        line_format.encode_preempting(),
        line_format.encode_finish(1),
    )
    tail.read()
    assert tail.logged.summary == {"loss": 2, "acc": 0.5, "test": 0.9}
    assert (tail.logged.lowest, tail.logged.highest) == (1, 3)
    assert tail.logged.is_preempting
    assert tail.logged.exit_code == 1


def test_events_alone_make_no_batch_but_are_heard(tail, path):
    append(path, line_format.encode_finish(0))
    assert tail.read() is None
    assert tail.logged.exit_code == 0


def test_a_file_that_was_overwritten_is_read_again(tail, path, notices):
    append(path, {"loss": 1}, {"loss": 2})
    tail.read()
    path.write_bytes(b'{"loss": 9}\n')
    batch = tail.read()
    assert metrics(batch) == [{"loss": 9}]
    assert batch.offset == 2
    assert "append" in notices[0]


def test_a_file_that_cannot_be_read_is_reported(clock, notices, tmp_path):
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


def numbered(path, turns):
    """Rows by number, as one reads them who comes by when the file has grown to each length."""
    whole = path.read_bytes()
    grown = path.with_name("grown.jsonl")
    grown.write_bytes(b"")
    tail = Tail(grown, "loss", lambda: 1.0, lambda _: None)
    rows = {}
    for length, is_final, max_rows in [*sorted(turns), (len(whole), True, 3)]:
        with grown.open("ab") as file:
            file.write(whole[grown.stat().st_size : length])
        while (batch := tail.read(is_final=is_final, max_rows=max_rows)) is not None:
            rows |= {batch.offset + n: row["metrics"] for n, row in enumerate(batch.rows)}
    tail.close()
    return rows


@given(lines, st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.integers(1, 4))))
def test_all_who_read_a_file_number_its_rows_alike(tmp_path_factory, lines, turns):
    """What sending rows again rests on: also who takes a file for complete that still grows."""
    path = tmp_path_factory.mktemp("tail") / "metrics.jsonl"
    path.write_bytes(b"".join(lines))
    assert numbered(path, turns) == numbered(path, [])


@pytest.mark.parametrize("is_final", [False, True])
def test_a_folder_that_is_removed_under_the_program_loses_no_row(tmp_path, clock, is_final):
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / "metrics.jsonl").open("ab", buffering=0) as file:
        tail = Tail(folder / "metrics.jsonl", "loss", clock, print)
        file.write(b'{"loss": 1}\n')
        assert metrics(tail.read()) == [{"loss": 1}]
        shutil.rmtree(folder)
        file.write(b'{"loss": 2}\n')
        assert metrics(tail.read(is_final=is_final)) == [{"loss": 2}]
        tail.close()


@pytest.mark.parametrize("is_final", [False, True])
def test_a_folder_that_is_removed_before_the_first_row_loses_no_row(
    tmp_path, clock, notices, is_final
):
    path = tmp_path / "runs" / "run" / "metrics.jsonl"
    path.parent.mkdir(parents=True)
    path.touch()
    tail = Tail(path, "loss", clock, notices)
    run = Run(RunEnvironment(run="k3v9x2ab-0", metrics_file=str(path), attempt=1))
    shutil.rmtree(tmp_path / "runs")
    assert tail.read() is None
    run.log({"loss": 1})
    assert metrics(tail.read(is_final=is_final)) == [{"loss": 1}]
    run.log({"loss": 2})
    batch = tail.read(is_final=is_final)
    assert (batch.offset, metrics(batch)) == (1, [{"loss": 2}])
    assert not tail.is_incomplete()
    assert list(notices) == []
    tail.close()


def test_a_file_that_was_replaced_is_read_to_its_end_before_the_new_one(path, tail, notices):
    with path.open("ab", buffering=0) as file:
        file.write(b'{"loss": 1}\n')
        assert metrics(tail.read()) == [{"loss": 1}]
        path.unlink()
        append(path, {"loss": 3})
        file.write(b'{"loss": 2}')
    assert metrics(tail.read()) == [{"loss": 2}]
    batch = tail.read()
    assert (batch.offset, metrics(batch)) == (2, [{"loss": 3}])
    assert "replaced" in notices[0]
