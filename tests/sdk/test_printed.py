"""Metrics that a program only prints: lines, patterns, and the process that finds them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.printed.lines import MAX_LINE_BYTES, LineSplitter
from sweep_sdk._agent.printed.metrics import PrintedMetrics, patterns_of, printed_metrics
from sweep_sdk._agent.printed.search_main import Idle, Patterns, TimeLimit, number_of
from sweep_sdk._exceptions import UsageError

CATASTROPHIC = ("(a+)+$", "(a|a)*$", r"(\w+\s?)*:$", "(.*)*b")
SLOW_LINE = "a" * 60 + "!"


def split(*pieces):
    splitter = LineSplitter()
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.finish()


class TestLines:
    @pytest.mark.parametrize(
        ("pieces", "lines"),
        [
            ([b"a\nb\n"], ["a", "b"]),
            ([b"a\r\nb\r\n"], ["a", "b"]),
            ([b"a\r", b"\nb"], ["a", "b"]),
            ([b"10%\r20%\r30%\n"], ["10%", "20%", "30%"]),
            ([b"lo", b"ss: 0", b".3\n"], ["loss: 0.3"]),
            ([b"no end"], ["no end"]),
            ([b"\n\n\n"], []),
            ([b"loss: \x1b[1;32m0.3\x1b[0m\n"], ["loss: 0.3"]),
            (["Verlust: 0.3 \N{GREEK SMALL LETTER MU}".encode() + b"\xff\n"], ["Verlust: 0.3 μ�"]),
        ],
    )
    def test_cut_at_their_ends(self, pieces, lines):
        assert split(*pieces) == lines

    @given(st.lists(st.binary(max_size=40).filter(lambda part: b"\x1b" not in part)), st.data())
    def test_pieces_make_no_difference(self, parts, data):
        whole = b"".join(parts)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
        pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        assert split(*pieces) == split(whole)

    @pytest.mark.parametrize("end", [b"\n", b""])
    @pytest.mark.parametrize("piece_bytes", [1000, 1 << 20])
    def test_a_long_line_is_cut_between_words(self, end, piece_bytes):
        words = [b"loss: %d.%d" % (n, n) for n in range(20_000)]
        whole = b" ".join(words) + end
        lines = split(*(whole[n : n + piece_bytes] for n in range(0, len(whole), piece_bytes)))
        assert max(map(len, lines)) <= MAX_LINE_BYTES
        assert " ".join(lines).encode() == b" ".join(words)

    @pytest.mark.parametrize("piece_bytes", [1000, 1 << 20])
    @pytest.mark.parametrize("end", [b" ", b"\n", b"\r"])
    def test_a_word_without_end_is_dropped_and_nothing_else(self, piece_bytes, end):
        whole = b"acc: 1 " + b"9" * 100_000 + end + b"loss: 0.3\n"
        pieces = [whole[n : n + piece_bytes] for n in range(0, len(whole), piece_bytes)]
        found = " ".join(split(*pieces))
        assert "acc: 1" in found
        assert "loss: 0.3" in found
        assert "99" not in found

    def test_little_is_kept_of_a_line_without_end(self):
        splitter = LineSplitter()
        for _ in range(100):
            splitter.feed(b"x" * 100_000)
        assert splitter.finish() == []


@pytest.fixture
def patterns(notices):
    """Makes patterns that give up soon."""
    before = signal.getsignal(signal.SIGVTALRM)
    yield lambda named: Patterns(named, TimeLimit(0.01), notices, Idle(), most_slow_seconds=0.05)
    signal.signal(signal.SIGVTALRM, before)


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "line", "found"),
        [
            ("loss: ([0-9.]+)", "epoch 3 loss: 0.25", "0.25"),
            ("loss: ([0-9.]+)", "loss: 0.3 and at last loss: 0.2", "0.2"),
            ("(?P<loss>loss: ([0-9.]+))", "loss: 0.25", "0.25"),
            ("loss: (?:([0-9.]+)|(nan))", "loss: 0.25", "0.25"),
            ("loss: (?:([0-9.]+)|(nan))", "loss: nan", "nan"),
            ("loss: ([0-9.]+)", "accuracy: 3", None),
            ("(?i)LOSS: ([0-9.]+)", "Loss: 3", "3"),
            ("loss(: )?", "loss", None),
        ],
    )
    def test_the_last_group_of_the_last_match_is_used(self, patterns, pattern, line, found):
        assert patterns({"loss": pattern}).find(line).get("loss") == found

    @pytest.mark.parametrize("pattern", CATASTROPHIC)
    def test_a_catastrophic_pattern_is_cut_short_and_given_up(self, patterns, notices, pattern):
        both = patterns({"bad": pattern, "good": "!(!)"})
        found = [both.find(SLOW_LINE + "!") for _ in range(20)]
        assert found == [{"good": "!"}] * 20
        assert "takes too long on a line, which is left out" in notices[0]
        assert notices[0].startswith(f"the pattern of bad, {pattern!r}")
        assert "not used any more in this run" in notices[-1]
        n_notices = len(notices)
        assert both.find(SLOW_LINE + "!") == {"good": "!"}
        assert len(notices) == n_notices

    def test_usual_lines_cost_a_pattern_nothing(self, patterns, notices):
        usual = patterns({"loss": ".*loss: ([0-9.]+)"})
        assert [usual.find(f"epoch {n} loss: {n}")["loss"] for n in range(20_000)][-1] == "19999"
        assert notices == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.25", 0.25), ("3", 3), ("-1e-3", -0.001), (" 7 ", 7), ("0.95.", 0.95), ("0.5,", 0.5),
        (".5", 0.5), ("+2", 2), ("1.0D-03", 0.001), ("9" * 30, 1e30), ("1e999", "Infinity"),
        ("NaN", "NaN"), ("-inf", "-Infinity"), ("abc", "abc"), ("1_000", "1_000"), ("", ""),
        ("0.2.3", "0.2.3"), ("٣", "٣"),
    ],
)  # fmt: skip
def test_numbers(text, number):
    assert number_of(text) == number
    assert type(number_of(text)) is type(number)


@pytest.fixture
def metrics_file(tmp_path):
    return tmp_path / "metrics.jsonl"


def rows_of(metrics_file):
    if not metrics_file.exists():
        return []
    found = [json.loads(line) for line in metrics_file.read_text().splitlines()]
    return [(row["step"], row["metrics"]) for row in found]


LOSS = {"stdout": {"loss": "loss: ([0-9.]+|nan)"}}


class TestProcess:
    def test_rows(self, metrics_file, notices):
        both = {
            "stdout": {"step": r"epoch (\d+)", "loss": "loss: (\\S+)", "acc": "acc: (\\S+)"},
            "stderr": {"grad": "grad (\\S+)"},
        }
        with printed_metrics(both, metrics_file, notices, None) as printed:
            printed.feed(b"loss: 9\nepoch 1\nloss: 0.3 acc: nan\n", False)
            printed.feed(b"grad 7\nloss: 5\n", True)
            printed.feed(b"epoch 2 loss: 0.2\nlo", False)
            printed.feed(b"ss: 0.1", False)
        assert rows_of(metrics_file) == [
            (None, {"loss": 9}),
            (1, {"loss": 0.3, "acc": "NaN"}),
            (1, {"grad": 7}),
            (2, {"loss": 0.2}),
            (2, {"loss": 0.1}),
        ]
        assert (notices, printed.unmatched) == ([], ())

    def test_rows_are_added_to_those_of_the_program(self, metrics_file, notices):
        metrics_file.write_text('{"step": 0, "metrics": {"own": 1}}\n')
        with printed_metrics(LOSS, metrics_file, notices, None) as printed:
            printed.feed(b"loss: 0.3\n", False)
        assert rows_of(metrics_file) == [(0, {"own": 1}), (None, {"loss": 0.3})]

    def test_each_row_is_written_when_its_line_ends(self, metrics_file, notices):
        with printed_metrics(LOSS, metrics_file, notices, None) as printed:
            printed.feed(b"loss: 0.3\nloss: 0.2", False)
            give_up_at = time.monotonic() + 60
            while not rows_of(metrics_file):
                assert time.monotonic() < give_up_at
                time.sleep(0.01)
            assert rows_of(metrics_file) == [(None, {"loss": 0.3})]

    def test_what_matched_nothing(self, metrics_file, notices):
        patterns = {"stdout": {"loss": "(x)", "acc": "(y)"}, "stderr": {"loss": "(z)"}}
        with printed_metrics(patterns, metrics_file, notices, None) as printed:
            printed.feed(b"z\n", True)
        assert printed.unmatched == ("acc",)

    def test_without_patterns_there_is_no_process(self, metrics_file, notices):
        with printed_metrics({}, metrics_file, notices, None) as printed:
            assert printed is None

    @pytest.mark.parametrize("pattern", CATASTROPHIC[:2])
    def test_a_catastrophic_pattern_is_interrupted(self, metrics_file, notices, pattern):
        patterns = {"stdout": {"bad": pattern, **LOSS["stdout"]}}
        with printed_metrics(patterns, metrics_file, notices, None) as printed:
            for n in range(2000):  # if each line took its time, this would be ten minutes
                printed.feed(f"{SLOW_LINE}\nloss: {n}\n".encode(), False)
        losses = [row["loss"] for _, row in rows_of(metrics_file) if "loss" in row]
        assert losses == list(range(2000))
        assert any("is not used any more in this run" in notice for notice in notices)

    def test_a_flood_is_searched_to_its_end(self, metrics_file, notices):
        flood = b"nothing to see here, only very many words of no interest at all\n" * 1000
        with printed_metrics(LOSS, metrics_file, notices, None) as printed:
            for _ in range(50):
                printed.feed(flood, False)
            printed.feed(b"loss: 0.3\n", False)
        assert rows_of(metrics_file) == [(None, {"loss": 0.3})]
        assert notices == []

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
    def test_signals_for_the_program_do_not_end_it(self, metrics_file, notices, number):
        with printed_metrics(LOSS, metrics_file, notices, None) as printed:
            printed.feed(b"loss: 0.3\n", False)
            while not rows_of(metrics_file):  # it has started
                time.sleep(0.01)
            os.kill(printed.pid, number)
            printed.feed(b"loss: 0.2\n", False)
        assert [row["loss"] for _, row in rows_of(metrics_file)] == [0.3, 0.2]

    def test_one_that_was_killed_is_reported_and_holds_nobody(self, metrics_file, notices):
        with printed_metrics(LOSS, metrics_file, notices, None) as printed:
            os.kill(printed.pid, signal.SIGKILL)
            for _ in range(100):
                printed.feed(b"loss: 0.3\n" * 1000, False)
        assert len(notices) == 1
        assert "is gone; no more of them are recorded" in notices[0]

    def test_after_its_agent_was_killed_the_last_rows_are_written(self, metrics_file):
        code = (
            "import os, sys\nfrom pathlib import Path\n"
            "from sweep_sdk._agent.printed.metrics import PrintedMetrics\n"
            f"printed = PrintedMetrics({LOSS!r}, Path({str(metrics_file)!r}), print, None)\n"
            "printed.feed(b'loss: 0.3\\nloss: 0.2', False)\nos.kill(os.getpid(), 9)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], check=False)
        assert done.returncode == -signal.SIGKILL
        give_up_at = time.monotonic() + 60
        while len(rows_of(metrics_file)) < 2:
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
        assert [row["loss"] for _, row in rows_of(metrics_file)] == [0.3, 0.2]

    def test_the_agents_lock_is_held_until_the_last_row_is_written(self, metrics_file, notices):
        reading_end, lock = os.pipe()
        os.set_blocking(reading_end, False)
        with printed_metrics(LOSS, metrics_file, notices, lock):
            os.close(lock)
            with pytest.raises(BlockingIOError):
                os.read(reading_end, 1)
        assert os.read(reading_end, 1) == b""
        os.close(reading_end)

    def test_nothing_is_taken_after_the_end(self, metrics_file, notices):
        printed = PrintedMetrics(LOSS, metrics_file, notices)
        printed.close()
        printed.feed(b"loss: 0.3\n", False)
        assert rows_of(metrics_file) == []


class TestSettings:
    def test_the_agents_own_go_before_the_sweeps(self):
        config = {"metrics_from": {"stdout": {"loss": "(a)", "acc": "(b)"}}}
        assert patterns_of(config, {"loss": "(c)"}) == {
            "stdout": {"acc": "(b)", "loss": "(c)"},
            "stderr": {"loss": "(c)"},
        }

    @pytest.mark.parametrize("config", [{}, {"metrics_from": None}])
    def test_none(self, config):
        assert patterns_of(config, {}) == {}

    def test_a_pattern_that_this_python_does_not_understand(self):
        with pytest.raises(UsageError, match=r"the pattern of loss: found '\(x'; it is no regular"):
            patterns_of({"metrics_from": {"stdout": {"loss": "(x"}}}, {})

    def test_options_are_checked(self):
        with pytest.raises(UsageError, match="the pattern of loss: found 'x'; it has no group"):
            AgentOptions(metrics_from={"loss": "x"})
