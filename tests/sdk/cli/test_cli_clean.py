"""``clean`` removes what can be removed and keeps what is needed, even while agents work."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from dataclasses import replace

import pytest

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
from sweep_sdk._agent.session.session import AgentSession, registered
from sweep_sdk._agent.view.events import Notice
from sweep_sdk._exceptions import UsageError
from sweep_sdk._home import cleaning
from sweep_sdk._home.cleaning import clean_once_a_day, remove, survey
from sweep_sdk._settings import load_settings, parse_age

DAY = 86_400.0
OLD = 40 * DAY
SWEEP = "k3v9x2ab"


@pytest.fixture
def runs_dir(home):
    return home / "runs"


@pytest.fixture
def make(runs_dir):
    """Makes the folder of a run, last changed some time ago."""

    def make(number, age=OLD, sweep=SWEEP, size=1000):
        folder = runs_dir / sweep / f"{sweep}-{number}"
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "checkpoints" / "last.pt").write_bytes(b"x" * size)
        (folder / "config.json").write_text("{}")
        for path in (*folder.rglob("*"), folder):
            os.utime(path, (time.time() - age,) * 2)
        return folder

    return make


def owe(home, run, **fields):
    Outbox(home).save(PendingDelivery("here", run, 1, "metrics.jsonl", "loss", **fields))


def test_old_folders_of_delivered_runs_go(cli, make, runs_dir):
    folders = [make(number) for number in range(3)] + [make(7, sweep="other123")]
    result = cli("clean")
    assert result.code == 0
    assert not any(folder.exists() for folder in folders)
    assert list(runs_dir.iterdir()) == []  # of sweeps without runs nothing stays either
    assert "4 folders (4 kB) removed" in result.err
    header, first, second = result.out.splitlines()
    assert header.split()[:3] == ["SWEEP", "REMOVED", "SIZE"]
    assert (first.split()[:4], second.split()[:4]) == (
        [SWEEP, "3", "3", "kB"],
        ["other123", "1", "1", "kB"],
    )


def test_a_dry_run_removes_nothing(cli, make):
    folder = make(0)
    result = cli("clean", "--dry-run")
    assert folder.exists()
    assert "1 folder (1 kB) would be removed" in result.err


def test_recent_ones_stay(cli, make):
    folder = make(0, age=20 * DAY)
    assert "nothing to remove" in cli("clean").err
    assert folder.exists()
    assert cli("clean", "--older-than", "2w").code == 0
    assert not folder.exists()


def test_one_new_file_makes_a_folder_recent(cli, make):
    folder = make(0)
    (folder / "checkpoints" / "late.pt").write_bytes(b"")
    cli("clean")
    assert folder.exists()


@pytest.mark.parametrize("fields", [{}, {"outcome": {"is_success": True}}, {"holder": "x" * 32}])
def test_whatever_is_owed_stays_at_any_age(cli, make, home, fields):
    kept, gone = make(0), make(1)
    owe(home, f"{SWEEP}-0", **fields)
    result = cli("clean", "--older-than", "0d")
    assert (kept.exists(), gone.exists()) == (True, False)
    assert "1 undelivered" in result.out


def test_a_damaged_note_of_what_is_owed_counts(cli, make, home):
    kept = make(0)
    (home / "pending").mkdir()
    (home / "pending" / f"{SWEEP}-0.3.json").write_text("{ cut by a power fail")
    cli("clean", "--older-than", "0d")
    assert kept.exists()


def test_what_is_not_ours_stays(cli, make, runs_dir, tmp_path):
    make(0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("")
    others = [runs_dir / "notes", runs_dir / SWEEP / "plots", runs_dir / SWEEP / f"{SWEEP}-x"]
    for path in others:
        path.mkdir()
        os.utime(path, (0, 0))
    (runs_dir / SWEEP / f"{SWEEP}-5").symlink_to(elsewhere)
    cli("clean", "--older-than", "0d")
    assert all(path.exists() for path in others)
    assert (elsewhere / "precious").exists()
    assert (runs_dir / SWEEP / f"{SWEEP}-5").is_symlink()


def test_json(cli, make):
    make(0)
    make(1, age=DAY)
    documents = json.loads(cli("clean", "--dry-run", "--json").out)
    assert [(item["run"], item["kept"], item["removed"]) for item in documents] == [
        (f"{SWEEP}-0", None, False),
        (f"{SWEEP}-1", "recent", False),
    ]
    assert documents[0]["bytes"] == 1002
    assert [item["removed"] for item in json.loads(cli("clean", "--json").out)] == [True, False]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits(cli, make, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for number in range(4):
        make(number, age=OLD if number % 2 else DAY, size=3_000_000)
    lines = cli("clean", "--dry-run").out.splitlines()
    assert max(map(len, lines)) <= width
    assert "2 recent" in lines[1]


@pytest.mark.parametrize("text", ["", "soon", "-3d", "3 fortnights", "1e400"])
def test_an_invalid_age_is_rejected(cli, text):
    result = cli("clean", "--older-than", text)
    assert result.code == 2
    assert "--older-than" in result.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 30 * DAY), ("12h", 43_200), ("1.5 h", 5400), ("2w", 14 * DAY)]
)
def test_ages(text, seconds):
    assert parse_age(text, "x") == seconds


def test_a_run_that_is_begun_again_just_then_is_put_back(make, home, runs_dir, monkeypatch):
    folder = make(0)
    (found,) = survey(home, runs_dir, 0.0)
    owe(home, f"{SWEEP}-0")
    assert remove(home, found) is False
    assert (folder / "checkpoints" / "last.pt").exists()


def test_a_folder_that_has_changed_since_it_was_seen_is_put_back(make, home, runs_dir):
    folder = make(0)
    (found,) = survey(home, runs_dir, 0.0)
    (folder / "new").write_text("")
    assert remove(home, found) is False
    assert (folder / "new").exists()


def test_what_a_killed_cleaning_left_goes_with_the_next(cli, make, runs_dir, home):
    kept, gone = make(0), make(1)
    owe(home, f"{SWEEP}-0")
    for folder in (kept, gone):
        folder.rename(folder.with_name(f".{folder.name}.removing-{'0' * 32}"))
    cli("clean")
    assert [path.name for path in (runs_dir / SWEEP).iterdir()] == [f"{SWEEP}-0"]
    assert (kept / "checkpoints" / "last.pt").exists()


def clean_in_a_process(home, runs_dir, barrier, counts):
    barrier.wait()
    counts.put(
        sum(remove(home, folder) for folder in survey(home, runs_dir, DAY) if folder.kept is None)
    )


def test_several_cleanings_at_once_remove_each_folder_once(make, home, runs_dir):
    for number in range(60):
        make(number)
    owe(home, f"{SWEEP}-30")
    context = multiprocessing.get_context("spawn")
    barrier, counts = context.Barrier(3), context.SimpleQueue()
    processes = [
        context.Process(target=clean_in_a_process, args=(home, runs_dir, barrier, counts))
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sum(counts.get() for _ in processes) == 59
    assert [path.name for path in (runs_dir / SWEEP).iterdir()] == [f"{SWEEP}-30"]


def test_marks_of_dead_agents_go_and_those_of_living_ones_stay(cli, settings):
    folder = settings.home / "agents"
    with registered(settings) as lock:
        dead, young = folder / "dead.lock", folder / "young.lock"
        for path in (dead, young):
            path.write_text("")
        for path in (dead, folder / f"{lock.name}.lock"):
            os.utime(path, (0, 0))
        cli("clean")
        assert not dead.exists()
        assert young.exists()
        assert (folder / f"{lock.name}.lock").exists()


class TestAgents:
    @pytest.fixture
    def begin(self, client, home, monkeypatch):
        """An agent begins with this setting; what it notices."""

        def begin(setting):
            monkeypatch.setenv("SWEEP_KEEP_RUNS", setting)
            settings, events = load_settings(), []
            config = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
            found = client.get_sweep(client.create_sweep(config)["id"])
            with registered(settings) as lock:
                AgentSession(client, found, AgentOptions(), settings, lock, events.append).start(1)
            return [event.message for event in events if isinstance(event, Notice)]

        return begin

    @pytest.mark.parametrize("setting", ["", "forever", "60d"])
    def test_keep_what_they_are_to_keep(self, begin, make, setting):
        folder = make(0)
        assert begin(setting) == []
        assert folder.exists()

    def test_remove_what_is_older_and_say_so(self, begin, make, home):
        old, recent, owed = make(0), make(1, age=DAY), make(2)
        owe(home, f"{SWEEP}-2")
        (message,) = begin("30d")
        assert message.startswith("removed 1 run folder (")
        assert (old.exists(), recent.exists(), owed.exists()) == (False, True, True)

    def test_agents_clean_once_a_day(self, begin, make, home, runs_dir, monkeypatch):
        begin("30d")
        surveys = []
        monkeypatch.setattr(cleaning, "survey", lambda *_: surveys.append(1) or [])
        begin("30d")
        assert surveys == []
        os.utime(home / "cleaned", (time.time() - 2 * DAY,) * 2)
        clean_once_a_day(home, runs_dir, DAY)
        assert surveys == [1]

    def test_a_setting_that_is_none_is_reported(self, home, monkeypatch):
        monkeypatch.setenv("SWEEP_KEEP_RUNS", "a while")
        with pytest.raises(UsageError, match="SWEEP_KEEP_RUNS"):
            load_settings()


def test_the_settings_name_the_folder(settings, tmp_path, make, cli):
    elsewhere = tmp_path / "elsewhere"
    folder = make(0)
    assert replace(settings).runs_dir == folder.parents[1]
    assert "nothing to remove" in cli("clean", "--runs-dir", str(elsewhere)).err
    assert folder.exists()
