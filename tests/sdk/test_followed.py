"""Metrics that programs write for TensorBoard and MLflow: records, files, owners, the process."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_files import (
    crc32c,
    event,
    log,
    mlflow_run,
    record,
    scalar,
    scalars,
    tensor,
    text,
    varint,
)
from sweep_sdk._agent.followed.follow_main import Task
from sweep_sdk._agent.followed.metrics import (
    FollowedMetrics,
    followed_metrics,
    sources_of,
    variables_for,
)
from sweep_sdk._agent.followed.mlflow import FileStore, SqliteStore
from sweep_sdk._agent.followed.owner import Owner
from sweep_sdk._agent.followed.points import Point, Row, RowBuilder
from sweep_sdk._agent.followed.tensorboard import TensorBoardFolder
from sweep_sdk._agent.followed.tfevents import (
    HEADER_BYTES,
    MAX_RECORD_BYTES,
    BadRecord,
    checksum,
    data_bytes,
    scalars_of,
)
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._exceptions import UsageError
from sweep_service.model.language.followed import Source

#: What torch 2.13 wrote: a version, a scalar, and scalars in tensors of 32 and 64 bits.
WRITTEN = [
    "4800000000000000fe92489d0982d84f53aec2da411a0d627261696e2e4576656e743a32522e0a2c74656e736f7262"
    "6f6172642e73756d6d6172792e7772697465722e6576656e745f66696c655f7772697465720f5880fb",
    "1800000000000000a37f4b2209e7dd4f53aec2da412a0d0a0b0a046c6f7373159a99993e37be4873",
    "290000000000000037ff5f000903ec4f53aec2da412a1e0a1c0a036e6577420808012a040000003f4a0b0a090a0773"
    "63616c617273ec262e22",
    "2d000000000000003c418afb095aec4f53aec2da412a220a200a0364626c420c08023208000000000000d03f4a0b0a"
    "090a077363616c617273e2a366e8",
]
RUN = "k3v9x2ab-7"
HOST = socket.gethostname()
NAME = f"events.out.tfevents.1795864909.{HOST}.{2**22 + 7}.0"


def read_record(whole):
    n_bytes = data_bytes(whole[:HEADER_BYTES])
    return scalars_of(whole[HEADER_BYTES:][:n_bytes], whole[-4:])


class TestRecords:
    def test_the_checksum_is_crc_32c(self):
        crc = crc32c(b"123456789")
        assert crc == 0xE3069283
        rotated = ((crc >> 15) | (crc << 17)) & 0xFFFFFFFF
        assert checksum(b"123456789") == (rotated + 0xA282EAD8) & 0xFFFFFFFF

    @pytest.mark.parametrize(
        ("written", "values"),
        list(zip(WRITTEN, ([], [("loss", 0.3)], [("new", 0.5)], [("dbl", 0.25)]), strict=True)),
    )
    def test_of_a_real_writer(self, written, values):
        assert read_record(bytes.fromhex(written)).values == values

    @pytest.mark.parametrize(
        ("dtype", "field", "value"),
        [
            (1, text(4, struct.pack("<f", 0.1)), 0.1),
            (1, b"\x2d" + struct.pack("<f", 0.1), 0.1),
            (2, text(6, struct.pack("<d", 0.1)), 0.1),
            (3, text(7, varint(-3)), -3),
            (3, text(4, struct.pack("<i", -3)), -3),
            (9, b"\x50" + varint(-(2**40)), -(2**40)),
            (10, text(11, b"\x01"), 1),
            (14, text(13, varint(0x3FC0)), 1.5),
            (19, text(13, varint(0x3E00)), 1.5),
        ],
    )
    def test_numbers_in_tensors(self, dtype, field, value):
        assert read_record(record(event(4, tensor("a", dtype, field)))) == (4, 1.5, [("a", value)])

    @pytest.mark.parametrize(
        "fields",
        [(7, text(4, b"text")), (1, text(2, text(2, b"\x08\x02")), text(4, bytes(8))), (1,)],
    )
    def test_other_tensors_are_no_numbers(self, fields):
        assert read_record(record(event(4, tensor("a", *fields)))).values == []

    @given(st.floats(width=32, allow_nan=False))
    def test_a_short_number_is_the_shortest_decimal(self, number):
        ((_, found),) = read_record(record(event(0, scalar("a", number)))).values
        if math.isfinite(number):
            assert struct.pack("<f", found) == struct.pack("<f", number)
            assert len(repr(found)) <= len(repr(number))
        else:
            assert found == number

    @given(st.integers(-(2**63), 2**63 - 1))
    def test_every_step(self, step):
        assert read_record(scalars(step, a=1)).step == step

    @given(st.binary(max_size=60))
    def test_any_bytes_are_an_event_or_damaged(self, data):
        try:
            found = scalars_of(data, bytes(4))
        except BadRecord:
            return
        assert found.values == []

    def test_a_changed_byte_is_noticed(self):
        whole = scalars(3, loss=0.3)
        for at in range(len(whole)):
            changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
            with pytest.raises(BadRecord):
                read_record(changed)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "logs"


@pytest.fixture
def write(folder):
    """Adds to an event file."""

    def write(*records, inner="", name=NAME):
        (folder / inner).mkdir(parents=True, exist_ok=True)
        with (folder / inner / name).open("ab") as file:
            file.write(b"".join(records))

    return write


@pytest.fixture
def follow(folder, notices):
    """A follower of the folder, whose run is the only one to write there."""

    def follow(**changes):
        owner = Owner(**{"run": RUN, "has_own_folder": False, "is_alone": True, **changes})
        found = TensorBoardFolder(str(folder), owner, notices)
        found.begin()
        return found

    return follow


def values(followed, *, is_final=False):
    return [(point.name, point.step, point.value) for point in followed.read(is_final=is_final)]


class TestTensorBoard:
    def test_each_value_once(self, follow, write):
        followed = follow()
        assert values(followed) == []
        write(scalars(0, loss=0.5), scalars(1, loss=0.25))
        assert values(followed) == [("loss", 0, 0.5), ("loss", 1, 0.25)]
        write(scalars(2, loss=0.125, acc=1))
        assert values(followed) == [("loss", 2, 0.125), ("acc", 2, 1)]
        assert values(followed, is_final=True) == []
        assert followed.problem is None

    def test_a_record_that_is_being_written_is_waited_for(self, follow, write, notices):
        followed, whole = follow(), scalars(0, loss=0.5) + scalars(1, loss=0.25)
        found = []
        for byte in whole:
            write(bytes([byte]))
            found += values(followed)
        assert found == [("loss", 0, 0.5), ("loss", 1, 0.25)]
        assert notices == []

    def test_what_was_there_before_is_not_the_runs(self, follow, write):
        write(scalars(0, loss=0.5))
        followed = follow()
        write(scalars(1, loss=0.25))
        write(scalars(2, loss=0.125), name=NAME + "1")
        assert values(followed, is_final=True) == [("loss", 2, 0.125)]

    def test_a_damaged_record_is_left_out(self, follow, write, notices):
        followed = follow()
        write(scalars(0, loss=0.5)[:-1] + b"x", scalars(1, loss=0.25))
        assert values(followed) == [("loss", 1, 0.25)]
        assert len(notices) == 1
        assert "a record of " in notices[0]
        assert "is damaged and left out" in notices[0]

    def test_after_a_damaged_length_nothing_can_be_found(self, follow, write, notices):
        followed = follow()
        write(scalars(0, loss=0.5), b"x" * 12, scalars(1, loss=0.25))
        assert values(followed) == [("loss", 0, 0.5)]
        assert notices == []  # a network file system may still be writing it
        assert values(followed, is_final=True) == []
        assert "is damaged at byte" in notices[0]

    def test_images_are_passed_over(self, follow, write):
        followed = follow()
        write(record(bytes(MAX_RECORD_BYTES + 1)), scalars(1, loss=0.25))
        assert values(followed) == [("loss", 1, 0.25)]

    @pytest.mark.parametrize(
        ("folders", "names"),
        [
            (("",), ["loss"]),
            (("Nov28_host",), ["loss"]),
            (("version_3/fit",), ["loss"]),
            (("train", "validation"), ["train/loss", "validation/loss"]),
            (("fit/train", "fit/validation"), ["train/loss", "validation/loss"]),
            (("a", "a/pair_x"), ["loss", "pair_x/loss"]),
            (("first", "second"), ["loss", "loss"]),
        ],
    )
    def test_names(self, follow, write, folders, names):
        followed = follow()
        for n, inner in enumerate(folders):
            write(scalars(n, loss=1), inner=inner, name=f"{NAME}{n}")
        assert [name for name, *_ in values(followed)] == names

    def test_nothing_is_a_problem_at_the_end(self, follow, folder):
        assert follow().problem == f"the program wrote no event file in {folder}"


@pytest.fixture
def program():
    """Starts a process of a run; its number."""
    started = []

    def start(run):
        env = {**os.environ, "SWEEP_RUN_ID": run}
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", "print(flush=True); input()"],
                env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
        started[-1].stdout.readline()
        return started[-1].pid

    yield start
    for process in started:
        process.communicate(b"\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the environment of others")
class TestOwner:
    def test_processes_of_other_runs_are_recognized(self, program, notices):
        for is_alone in (True, False):
            owner = Owner(RUN, has_own_folder=False, is_alone=is_alone)
            assert owner.wrote(f"{HOST}.{program(RUN)}.0", notices)
            assert not owner.wrote(f"{HOST}.{program('k3v9x2ab-8')}.0.v2", notices)
        assert notices == []


class TestUnknownOwner:
    @pytest.mark.parametrize("writer", [f"{HOST}.{2**22 + 7}.0", HOST])
    def test_of_an_agent_with_one_run_it_counts(self, notices, writer):
        assert Owner(RUN, has_own_folder=False, is_alone=True).wrote(writer, notices)
        assert notices == []

    @pytest.mark.parametrize("writer", [f"{HOST}.{2**22 + 7}.0", HOST])
    def test_of_an_agent_with_several_it_does_not(self, notices, writer):
        assert not Owner(RUN, has_own_folder=False, is_alone=False).wrote(writer, notices)
        assert "give each run a folder of its own, such as tensorboard:${run_dir}" in notices[0]

    def test_of_another_machine_it_does_not(self, notices):
        assert not Owner(RUN, has_own_folder=False, is_alone=True).wrote("gpu2.4.0", notices)
        assert "written on another machine, gpu2.4.0" in notices[0]

    def test_in_a_folder_of_the_run_all_counts(self, notices):
        assert Owner(RUN, has_own_folder=True, is_alone=False).wrote("gpu2.4.0", notices)


class TestRows:
    def rows(self, *points):
        builder = RowBuilder()
        return list(builder.rows(Point(name, value, step, 1.5) for name, step, value in points))

    def test_values_of_a_step_are_one_row(self):
        assert self.rows(("loss", 0, 1.0), ("acc", 0, 2.0), ("loss", 1, 3.0)) == [
            Row(0, 1.5, {"loss": 1.0, "acc": 2.0}),
            Row(1, 1.5, {"loss": 3.0}),
        ]

    def test_without_steps_rows_are_counted(self):
        points = [("loss", 0, 1.0), ("acc", 0, 2.0), ("loss", 0, 3.0), ("acc", 0, 4.0)]
        assert self.rows(*points) == [
            Row(0, 1.5, {"loss": 1.0, "acc": 2.0}),
            Row(None, 1.5, {"loss": 3.0, "acc": 4.0}),
        ]

    def test_what_is_not_finite_is_kept(self):
        (row,) = self.rows(("a", 0, math.nan), ("b", 0, -math.inf))
        assert row.metrics == {"a": "NaN", "b": "-Infinity"}


OWN = {"sweep_sdk.run": RUN}


class TestFileStore:
    @pytest.fixture
    def store(self, tmp_path):
        return tmp_path / "mlruns"

    @pytest.fixture
    def follow(self, store, notices):
        def follow():
            followed = FileStore(str(store), Owner(RUN, False, True), notices)
            followed.begin()
            return followed

        return follow

    def test_each_value_once_in_the_order_of_their_times(self, store, follow):
        followed = follow()
        run = mlflow_run(store, "a1", **OWN)
        log(run, "loss", 0.5, 0, 1000)
        log(run, "val/acc", 0.1, 0, 1001)
        log(run, "loss", 0.25, 1, 2000)
        assert followed.read(is_final=False) == [
            ("loss", 0.5, 0, 1.0), ("val/acc", 0.1, 0, 1.001), ("loss", 0.25, 1, 2.0),
        ]  # fmt: skip
        log(run, "loss", math.nan, 2, 3000)
        ((_, value, *_),) = followed.read(is_final=True)
        assert math.isnan(value)

    def test_runs_of_others_and_earlier_values_are_left_out(self, store, follow):
        run = mlflow_run(store, "a1", **OWN)
        log(run, "loss", 0.5)
        followed = follow()
        log(run, "loss", 0.25, 1)
        log(mlflow_run(store, "b2", **{"sweep_sdk.run": "k3v9x2ab-8"}), "loss", 7)
        log(mlflow_run(store, "c3"), "loss", 8)
        assert values(followed, is_final=True) == [("loss", 1, 0.25)]

    def test_nested_runs_are_left_out_with_a_notice(self, store, follow, notices):
        followed = follow()
        nested = mlflow_run(store, "b2", **OWN, **{"mlflow.parentRunId": "a1"})
        log(nested, "loss", 7)
        assert followed.read(is_final=True) == []
        assert "the metrics of nested runs of MLflow are left out" in notices[0]

    def test_a_line_that_is_being_written_is_waited_for(self, store, follow):
        followed, run = follow(), mlflow_run(store, "a1", **OWN)
        found = []
        for piece in ("1500 0.", "5 ", "3", "\n"):
            with (run / "metrics" / "loss").open("a") as file:
                file.write(piece)
            found.append(values(followed))
        assert found == [[], [], [], [("loss", 3, 0.5)]]

    def test_a_missing_store_is_a_problem_at_the_end(self, store, follow):
        assert follow().problem == f"the program logged nothing to MLflow in {store}"


class TestSqliteStore:
    @pytest.fixture
    def database(self, tmp_path):
        return tmp_path / "mlflow.db"

    @pytest.fixture
    def run(self, database):
        """Runs statements, after the tables have been made."""

        def run(*statements):
            with closing(sqlite3.connect(database)) as connection, connection:
                connection.executescript(
                    "CREATE TABLE IF NOT EXISTS metrics (key, value FLOAT, timestamp BIGINT,"
                    " run_uuid, step BIGINT, is_nan BOOLEAN);"
                    "CREATE TABLE IF NOT EXISTS tags (key, value, run_uuid);" + ";".join(statements)
                )

        return run

    @pytest.fixture
    def follow(self, database, notices):
        def follow():
            followed = SqliteStore(str(database), Owner(RUN, False, True), notices)
            followed.begin()
            return followed

        return follow

    def test_each_value_once(self, run, follow):
        followed = follow()
        assert followed.read(is_final=False) == []  # there is no database yet
        run(f"INSERT INTO tags VALUES ('sweep_sdk.run', '{RUN}', 'a')")
        run("INSERT INTO metrics VALUES ('loss', 0.5, 1000, 'a', 0, 0)")
        assert followed.read(is_final=False) == [("loss", 0.5, 0, 1.0)]
        run("INSERT INTO metrics VALUES ('inf', 1.7976931348623157e308, 1000, 'a', 0, 0)")
        run("INSERT INTO metrics VALUES ('nan', 0, 1000, 'a', 0, 1)")
        infinite, nan = followed.read(is_final=True)
        assert infinite.value == math.inf
        assert math.isnan(nan.value)

    def test_runs_of_others_nested_ones_and_earlier_values_are_left_out(self, run, follow, notices):
        run(f"INSERT INTO tags VALUES ('sweep_sdk.run', '{RUN}', 'a')")
        run("INSERT INTO metrics VALUES ('loss', 0.5, 1000, 'a', 0, 0)")
        followed = follow()
        run(f"INSERT INTO tags VALUES ('sweep_sdk.run', '{RUN}', 'n')")
        run("INSERT INTO tags VALUES ('mlflow.parentRunId', 'a', 'n')")
        run("INSERT INTO metrics VALUES ('loss', 7, 1000, 'n', 0, 0)")
        run("INSERT INTO metrics VALUES ('loss', 8, 1000, 'b', 0, 0)")
        run("INSERT INTO metrics VALUES ('loss', 0.25, 1000, 'a', 1, 0)")
        assert values(followed, is_final=True) == [("loss", 1, 0.25)]
        assert "nested runs" in notices[0]


@pytest.fixture
def metrics_file(tmp_path):
    return tmp_path / "metrics.jsonl"


@pytest.fixture
def task(folder):
    return Task(RUN, [("tensorboard", str(folder), True)], is_alone=True)


def losses(metrics_file):
    if not metrics_file.exists():
        return []
    lines = metrics_file.read_text().splitlines()
    return [json.loads(line)["metrics"].get("loss") for line in lines]


def await_losses(metrics_file, expected):
    give_up_at = time.monotonic() + 60
    while losses(metrics_file) != expected:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


class TestProcess:
    def test_rows_arrive_while_the_program_runs_and_at_its_end(
        self, task, metrics_file, notices, write
    ):
        write(scalars(0, loss=9))
        with followed_metrics(task, metrics_file, notices, None):
            write(scalars(0, loss=0.5), name=NAME + "1")
            await_losses(metrics_file, [0.5])
            write(scalars(1, loss=0.25), name=NAME + "1")
        assert losses(metrics_file) == [0.5, 0.25]
        assert notices == []

    def test_without_sources_there_is_no_process(self, metrics_file, notices):
        with followed_metrics(Task(RUN, [], is_alone=True), metrics_file, notices, None):
            assert not metrics_file.exists()

    def test_nothing_found_is_said(self, task, metrics_file, notices, folder):
        with followed_metrics(task, metrics_file, notices, None):
            pass
        assert notices == [f"the program wrote no event file in {folder}"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
    def test_signals_for_the_program_do_not_end_it(
        self, task, metrics_file, notices, write, number
    ):
        followed = FollowedMetrics(task, metrics_file, notices)
        followed.await_ready()
        os.kill(followed.pid, number)
        write(scalars(0, loss=0.5))
        followed.close()
        assert losses(metrics_file) == [0.5]

    def test_one_that_was_killed_is_reported_and_holds_nobody(self, task, metrics_file, notices):
        followed = FollowedMetrics(task, metrics_file, notices)
        os.kill(followed.pid, signal.SIGKILL)
        followed._reader.join()
        followed.await_ready()
        followed.close()
        assert len(notices) == 1
        assert "has failed; no more of them are recorded" in notices[0]

    def test_after_its_agent_was_killed_the_last_rows_are_written(self, task, metrics_file, write):
        folder = Path(task.sources[0][1])
        folder.mkdir()
        code = (
            "import os\nfrom pathlib import Path\n"
            "from sweep_sdk._agent.followed.follow_main import Task\n"
            "from sweep_sdk._agent.followed.metrics import FollowedMetrics\n"
            f"followed = FollowedMetrics({task!r}, Path({str(metrics_file)!r}), print, None)\n"
            "followed.await_ready()\n"
            f"Path({str(folder / NAME)!r}).write_bytes({scalars(0, loss=0.5)!r})\n"
            "os.kill(os.getpid(), 9)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], check=False)
        assert done.returncode == -signal.SIGKILL
        await_losses(metrics_file, [0.5])

    def test_the_agents_lock_is_held_until_the_last_row_is_written(
        self, task, metrics_file, notices
    ):
        reading_end, lock = os.pipe()
        os.set_blocking(reading_end, False)
        with followed_metrics(task, metrics_file, notices, lock):
            os.close(lock)
            with pytest.raises(BlockingIOError):
                os.read(reading_end, 1)
        assert os.read(reading_end, 1) == b""
        os.close(reading_end)


class TestSettings:
    def test_the_agents_own_replace_those_of_the_same_kind(self):
        config = {"metrics_from": {"tensorboard": "a", "mlflow": "b", "stdout": {"c": "(d)"}}}
        own = (Source("tensorboard", "c"),)
        assert sources_of(config, ()) == (Source("tensorboard", "a"), Source("mlflow", "b"))
        assert sources_of(config, own) == (Source("mlflow", "b"), *own)

    @pytest.mark.parametrize(
        ("path", "expanded", "is_of_one_run"),
        [
            ("logs", "logs", False),
            ("${run_dir}/tb", "/runs/k3v9x2ab-7/tb", True),
            ("logs/${run_id}", f"logs/{RUN}", True),
            ("${envvar:LOGS}/x", "/big/x", False),
            ("${envvar:NONE}/x", "NONE/x", False),
        ],
    )
    def test_macros(self, path, expanded, is_of_one_run):
        source = Source("tensorboard", path)
        assert source.expanded(RUN, f"/runs/{RUN}", {"LOGS": "/big"}) == expanded
        assert source.is_of_one_run == is_of_one_run

    def test_mlflow_gets_a_tag_beside_those_of_the_user(self):
        place = (Source("mlflow", "mlruns"),)
        given = {"MLFLOW_RUN_CONTEXT": '{"team": "a"}'}
        found = variables_for(place, RUN, given)["MLFLOW_RUN_CONTEXT"]
        assert json.loads(found) == {"team": "a", "sweep_sdk.run": RUN}
        assert variables_for(place, RUN, {"MLFLOW_RUN_CONTEXT": "[1"}) == variables_for(
            place, RUN, {}
        )
        assert variables_for((Source("tensorboard", "logs"),), RUN, given) == {}

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            (Source("mlflow", ""), "found 'mlflow:'; needs the path of a folder"),
            (Source("tensorboard", "${run}"), "the macro \\${run} is not known; there are"),
            (Source("wandb", "x"), "found 'wandb:x'; needs tensorboard or mlflow"),
        ],
    )
    def test_options_are_checked(self, source, message):
        with pytest.raises(UsageError, match=message):
            AgentOptions(follows=(source,))
