from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

from sweep_sdk._agent.outbox import pending as _pending
from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
from sweep_sdk._home.agent_lock import agent_lock

PENDING = PendingDelivery("here", "k3v9x2ab-1", 1, "/m", "loss")


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path)


def test_nothing_is_pending_at_first(outbox, tmp_path):
    assert outbox.orphaned("here") == []
    assert list(tmp_path.iterdir()) == []


def test_kept_and_settled(outbox):
    outbox.save(PENDING)
    later = replace(PENDING, key="key-of-the-ask", outcome={"is_success": True})
    outbox.save(later)
    assert outbox.orphaned("here") == [later]
    outbox.remove(PENDING)
    assert outbox.orphaned("here") == []
    outbox.remove(PENDING)


def test_what_other_versions_note_besides_is_passed_over(outbox, tmp_path):
    outbox.save(PENDING)
    (path,) = (tmp_path / "pending").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"start": 10, "end": 20}))
    assert outbox.orphaned("here") == [PENDING]


def test_deliveries_to_another_backend_are_left_alone(outbox):
    outbox.save(PENDING)
    assert outbox.orphaned("elsewhere") == []


def test_deliveries_of_one_machine(outbox):
    outbox.save(replace(PENDING, host="one"))
    outbox.save(replace(PENDING, attempt=2, host="two"))
    assert [pending.attempt for pending in outbox.orphaned("here", host="two")] == [2]
    assert len(outbox.orphaned("here")) == 2


def test_attempts_of_a_run_are_kept_apart(outbox):
    outbox.save(PENDING)
    outbox.save(replace(PENDING, attempt=2))
    assert [pending.attempt for pending in outbox.orphaned("here")] == [1, 2]


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"run": 3}'])
def test_damaged_files_are_passed_over(outbox, tmp_path, text):
    outbox.save(PENDING)
    (tmp_path / "pending" / "a.1.json").write_text(text)
    assert outbox.orphaned("here") == [PENDING]


def test_those_of_living_agents_are_theirs(outbox, tmp_path):
    with agent_lock(outbox.home) as lock:
        held = replace(PENDING, holder=lock.name)
        outbox.save(held)
        assert outbox.orphaned("here") == []
        assert Outbox(tmp_path).orphaned("here") == []
    assert outbox.orphaned("here") == [held]
    assert list((tmp_path / "agents").iterdir()) == []


def test_the_mark_lasts_as_long_as_anybody_holds_the_descriptor(outbox, tmp_path):
    with agent_lock(outbox.home) as lock:
        inherited = os.dup(lock.descriptor)
        held = replace(PENDING, holder=lock.name)
        outbox.save(held)
        path = tmp_path / "agents" / f"{lock.name}.lock"
        os.link(path, tmp_path / "copy")
    os.rename(tmp_path / "copy", path)
    assert outbox.orphaned("here") == []
    os.close(inherited)
    assert outbox.orphaned("here") == [held]


def test_an_agent_whose_data_folder_is_removed_stays_alive_for_the_others(tmp_path):
    with agent_lock(tmp_path) as lock:
        outbox, pending = Outbox(tmp_path, lock), replace(PENDING, holder=lock.name)
        outbox.save(pending)
        inherited = os.dup(lock.descriptor)
        for path in (tmp_path / "agents", tmp_path / "pending"):
            shutil.rmtree(path)
        outbox.save(pending)
        assert Outbox(tmp_path).orphaned("here") == []
        os.close(inherited)  # a keeper that has only the lock of the file that is gone
        assert Outbox(tmp_path).orphaned("here") == []
    assert Outbox(tmp_path).orphaned("here") == [pending]
    assert list((tmp_path / "agents").iterdir()) == []


def test_an_agent_that_ends_well_meanwhile_leaves_nothing(outbox, monkeypatch):
    """It removes its file after that was read and before its lock is tested."""
    with agent_lock(outbox.home) as lock:
        held = replace(PENDING, holder=lock.name)
        outbox.save(held)
        waiting = Outbox(outbox.home)
        is_held = _pending.is_held

        def ends_meanwhile(path):
            outbox.remove(held)
            fcntl.flock(lock.descriptor, fcntl.LOCK_UN)
            return is_held(path)

        monkeypatch.setattr(_pending, "is_held", ends_meanwhile)
        assert waiting.orphaned("here") == []


def test_a_delivery_that_another_agent_has_taken_over_meanwhile_is_no_orphan(outbox, monkeypatch):
    outbox.save(replace(PENDING, holder="dead"))

    def taken_over_meanwhile(_):
        outbox.save(replace(PENDING, holder="alive"))
        return False

    monkeypatch.setattr(_pending, "is_held", taken_over_meanwhile)
    assert outbox.orphaned("here") == []


class TestWhatALookCosts:
    @pytest.fixture
    def n_reads(self, monkeypatch):
        read, counted = _pending._read, []
        monkeypatch.setattr(_pending, "_read", lambda path: counted.append(path) or read(path))
        return lambda: len(counted)

    def test_only_what_has_changed_is_read(self, outbox, n_reads):
        for number in range(50):
            outbox.save(replace(PENDING, run=f"k3v9x2ab-{number}"))
        waiting = Outbox(outbox._folder.parent)
        for _ in range(5):
            assert len(waiting.orphaned("here")) == 50
        assert n_reads() == 50
        outbox.save(replace(PENDING, run="k3v9x2ab-7", outcome={"is_success": True}))
        outbox.save(replace(PENDING, run="k3v9x2ab-50"))
        outbox.remove(replace(PENDING, run="k3v9x2ab-8"))
        found = {pending.run: pending for pending in waiting.orphaned("here")}
        assert len(found) == 50
        assert found["k3v9x2ab-7"].outcome == {"is_success": True}
        assert n_reads() == 52

    def test_deliveries_to_other_backends_are_read_once(self, outbox, n_reads):
        for number in range(50):
            outbox.save(replace(PENDING, run=f"k3v9x2ab-{number}", place="elsewhere"))
        for _ in range(5):
            assert outbox.orphaned("here") == []
        assert n_reads() == 50


def test_deliveries_of_a_killed_process_are_found(outbox, tmp_path):
    script = textwrap.dedent(
        f"""
        import os, signal
        from dataclasses import replace
        from pathlib import Path
        from sweep_sdk._agent.outbox.pending import PendingDelivery, Outbox
        from sweep_sdk._home.agent_lock import agent_lock
        outbox = Outbox(Path({str(tmp_path)!r}))
        with agent_lock(outbox.home) as lock:
            outbox.save(PendingDelivery("here", "k3v9x2ab-1", 1, "/m", "loss", holder=lock.name))
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert [pending.run for pending in outbox.orphaned("here")] == ["k3v9x2ab-1"]
