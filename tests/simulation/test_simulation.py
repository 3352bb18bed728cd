"""The simulation itself: a seed determines a world, and all promises hold in some worlds."""

from __future__ import annotations

import errno
import gc
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from simulation.__main__ import digest, play_all, play_measured, play_some, story, summary
from simulation.disk import Disk
from simulation.faults import FAULTS, Faults
from simulation.judge import Broken, Judge
from simulation.kernel import Kernel, Machine
from simulation.scenario import play
from simulation.world import World

TESTS = Path(__file__).parents[1]
CHUNK = 30


def played(seed: int, hash_seed: str) -> str:
    """What a world is in the end, played in an interpreter of its own."""
    code = (
        "import tempfile; from pathlib import Path\n"
        "from simulation.__main__ import digest; from simulation.scenario import play\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        f"    print(digest(play({seed}, Path(folder))))"
    )
    environment = dict(os.environ, PYTHONPATH=str(TESTS), PYTHONHASHSEED=hash_seed)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("seed", [3, 8, 15])
def test_the_same_seed_gives_the_same_trace(seed):
    assert played(seed, "1") == played(seed, "2")


def test_promises_hold_in_many_worlds():
    """Some worlds here; ``make simulate`` plays thousands, and a hunt for mutants many."""
    n_worlds = 600 if os.environ.get("SWEEP_FAULTS") == "hunt" else CHUNK
    for first in range(0, n_worlds, CHUNK):
        broken = play_all(range(first, first + CHUNK)).broken
        assert [f"a promise is broken\n{story(result)}" for result in broken] == []


def test_what_is_broken_is_reported_in_a_few_lines(tmp_path, monkeypatch):
    def find_fault(*_):
        raise Broken("something is lost")

    monkeypatch.setattr(Judge, "check_ends", find_fault)
    reported = story(play(3, tmp_path)).splitlines()
    assert reported[0] == "world 3: Broken: something is lost"
    assert reported[-1].startswith("again: make simulate SEED=3 ")
    assert len(reported) < 60


def test_a_world_that_fails_among_others_fails_alone_in_the_same_way(tmp_path, monkeypatch):
    """Broken on purpose: the third row of each attempt is lost from the database."""
    rows = World.rows

    def lose_some(self, runs):
        found = rows(self, runs)
        return {own: numbers[:2] + numbers[3:] for own, numbers in found.items()}

    monkeypatch.setattr(World, "rows", lose_some)
    among_others = play_some(range(6)).broken
    assert among_others
    for first in among_others[:2]:
        alone = play(first.seed, tmp_path)
        assert alone.broken == first.broken
        assert alone.story == first.story
        assert digest(alone) == digest(first)
        assert "acknowledged and are gone" in story(alone).splitlines()[0]


def test_a_fault_that_the_table_does_not_name_cannot_be_counted():
    with pytest.raises(KeyError, match="a new fault"):
        Faults().count("a new fault")


def test_garbage_is_collected_again_when_worlds_have_been_played():
    play_some([3])
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_the_summary_names_every_fault_with_its_count():
    tally = play_measured([3])
    lines = summary(tally, 1.0).splitlines()
    for name in FAULTS:
        assert any(f"{name} {tally.faults[name]:,}" in line for line in lines)
    assert re.fullmatch(r"lines: [5-9]\d\.\d% of those .* ran", lines[-2])
    assert lines[-1] == "1 worlds, 0 with a broken promise, 1 s"


class TestKernel:
    def run(self, seed: int) -> list[str]:
        """Two threads that take turns, in a world of their own."""
        kernel = Kernel(seed)
        machine = Machine("host")
        kernel.machines.append(machine)
        seen: list[str] = []

        def work(name: str) -> int:
            for number in range(20):
                kernel.step("works")
                seen.append(f"{name}{number}")
            return 0

        processes = [kernel.spawn(machine, name, lambda name=name: work(name)) for name in "ab"]
        assert kernel.run_until(lambda: all(one.is_dead for one in processes), 1.0)
        kernel.close()
        return seen

    def test_the_seed_says_who_is_next(self):
        orders = {tuple(self.run(seed)) for seed in range(20)}
        assert len(orders) > 10
        assert self.run(7) == self.run(7)

    def test_time_jumps_when_all_wait(self):
        kernel = Kernel(1)
        machine = Machine("host", rate=2.0)
        kernel.machines.append(machine)
        process = kernel.spawn(machine, "sleeper", lambda: kernel.sleep(3600.0))
        assert kernel.run_until(lambda: process.is_dead, 3600.0)
        assert kernel.now == pytest.approx(1800.0, abs=0.01)  # its clock is twice as fast

    def test_nothing_of_a_killed_process_has_an_effect(self):
        kernel = Kernel(1)
        machine = Machine("host")
        kernel.machines.append(machine)
        effects: list[str] = []

        def work() -> int:
            try:
                kernel.sleep(10.0)
            finally:
                kernel.step("writes")
                effects.append("written after death")
            return 0

        process = kernel.spawn(machine, "victim", work)
        kernel.after(5.0, lambda: kernel.end(process, -9))
        assert not kernel.run_until(lambda: False, 20.0)
        assert (process.exit_code, effects) == (-9, [])


class TestDisk:
    @pytest.fixture
    def disk(self) -> Disk:
        found = Disk(Kernel(1), Machine("host"))
        found.make_folder("/home", parents=False, exist_ok=False)
        return found

    def test_a_full_disk_takes_a_part_of_a_line_and_then_nothing(self, disk):
        opened = disk.open("/home/f", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        disk.room = 3
        assert disk.write(opened, b"12345") == 3
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            disk.write(opened, b"45")

    def test_what_was_removed_is_still_there_for_who_has_it_open(self, disk):
        opened = disk.open("/home/f", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        disk.remove_tree("/home")
        assert disk.write(opened, b"1") == 1
        assert bytes(opened.node.data) == b"1"
        with pytest.raises(FileNotFoundError):
            disk.open("/home/f", os.O_RDONLY)

    def test_a_power_cut_leaves_a_part_of_what_was_written(self, disk):
        kept = set()
        lost: Counter[str] = Counter()
        for number in range(30):
            opened = disk.open(f"/home/{number}.jsonl", os.O_WRONLY | os.O_CREAT)
            disk.write(opened, b"12345\n")
            lost += disk.lose_power(random.Random(number))
            kept.add(bytes(opened.node.data))
        assert b"" in kept
        assert all(b"12345\n".startswith(part) for part in kept)
        assert 0 < lost["last line torn"] < lost["unsynced data lost"]
        assert len(kept) > 3
