from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

from sweep_sdk._agent.outbox import debts
from sweep_sdk._agent.outbox.debts import Debt, Ledger

DEBT = Debt("here", "k3v9x2ab-1", 1, "/m", "loss")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


def test_nothing_is_owed_at_first(ledger, tmp_path):
    assert ledger.unattended("here") == []
    assert list(tmp_path.iterdir()) == []


def test_kept_and_settled(ledger):
    ledger.keep(DEBT)
    later = replace(DEBT, key="key-of-the-ask", outcome={"is_success": True})
    ledger.keep(later)
    assert ledger.unattended("here") == [later]
    ledger.settle(DEBT)
    assert ledger.unattended("here") == []
    ledger.settle(DEBT)


def test_what_other_versions_note_besides_is_passed_over(ledger, tmp_path):
    ledger.keep(DEBT)
    (path,) = (tmp_path / "pending").iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"start": 10, "end": 20}))
    assert ledger.unattended("here") == [DEBT]


def test_debts_to_another_backend_are_left_alone(ledger):
    ledger.keep(DEBT)
    assert ledger.unattended("elsewhere") == []


def test_those_of_one_machine(ledger):
    ledger.keep(replace(DEBT, host="one"))
    ledger.keep(replace(DEBT, attempt=2, host="two"))
    assert [debt.attempt for debt in ledger.unattended("here", host="two")] == [2]
    assert len(ledger.unattended("here")) == 2


def test_attempts_of_a_run_are_kept_apart(ledger):
    ledger.keep(DEBT)
    ledger.keep(replace(DEBT, attempt=2))
    assert [debt.attempt for debt in ledger.unattended("here")] == [1, 2]


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"run": 3}'])
def test_damaged_files_are_passed_over(ledger, tmp_path, text):
    ledger.keep(DEBT)
    (tmp_path / "pending" / "a.1.json").write_text(text)
    assert ledger.unattended("here") == [DEBT]


def test_debts_of_the_living_are_theirs(ledger, tmp_path):
    with ledger.attendance() as attendance:
        held = replace(DEBT, holder=attendance.name)
        ledger.keep(held)
        assert ledger.unattended("here") == []
        assert Ledger(tmp_path).unattended("here") == []
    assert ledger.unattended("here") == [held]
    assert list((tmp_path / "agents").iterdir()) == []


def test_the_mark_lasts_as_long_as_anybody_holds_the_descriptor(ledger, tmp_path):
    with ledger.attendance() as attendance:
        inherited = os.dup(attendance.descriptor)
        held = replace(DEBT, holder=attendance.name)
        ledger.keep(held)
        lock = tmp_path / "agents" / f"{attendance.name}.lock"
        os.link(lock, tmp_path / "copy")
    os.rename(tmp_path / "copy", lock)
    assert ledger.unattended("here") == []
    os.close(inherited)
    assert ledger.unattended("here") == [held]


def test_an_agent_that_ends_well_meanwhile_owes_nothing(ledger, monkeypatch):
    """It settles after its debt was read and before somebody looks whether it lives."""
    with ledger.attendance() as attendance:
        held = replace(DEBT, holder=attendance.name)
        ledger.keep(held)
        waiting = Ledger(ledger._debts.parent)
        is_alive = waiting._is_alive

        def settled_meanwhile(holder):
            ledger.settle(held)
            attendance_of_the_holder.close()
            return is_alive(holder)

        attendance_of_the_holder = _Mark(attendance)
        monkeypatch.setattr(waiting, "_is_alive", settled_meanwhile)
        assert waiting.unattended("here") == []


class _Mark:
    """The mark of an agent, which can be let go of before the block of its attendance ends."""

    def __init__(self, attendance):
        self._descriptor = attendance.descriptor

    def close(self):
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def test_a_debt_that_another_agent_has_taken_over_meanwhile_is_not_an_orphan(ledger, monkeypatch):
    ledger.keep(replace(DEBT, holder="dead"))
    monkeypatch.setattr(
        ledger, "_is_alive", lambda _: ledger.keep(replace(DEBT, holder="alive")) or False
    )
    assert ledger.unattended("here") == []


class TestWhatALookCosts:
    @pytest.fixture
    def n_reads(self, monkeypatch):
        read, counted = debts._read, []
        monkeypatch.setattr(debts, "_read", lambda path: counted.append(path) or read(path))
        return lambda: len(counted)

    def test_only_what_has_changed_is_read(self, ledger, n_reads):
        for number in range(50):
            ledger.keep(replace(DEBT, run=f"k3v9x2ab-{number}"))
        waiting = Ledger(ledger._debts.parent)
        for _ in range(5):
            assert len(waiting.unattended("here")) == 50
        assert n_reads() == 50
        ledger.keep(replace(DEBT, run="k3v9x2ab-7", outcome={"is_success": True}))
        ledger.keep(replace(DEBT, run="k3v9x2ab-50"))
        ledger.settle(replace(DEBT, run="k3v9x2ab-8"))
        found = {debt.run: debt for debt in waiting.unattended("here")}
        assert len(found) == 50
        assert found["k3v9x2ab-7"].outcome == {"is_success": True}
        assert n_reads() == 52

    def test_debts_to_other_backends_are_read_once(self, ledger, n_reads):
        for number in range(50):
            ledger.keep(replace(DEBT, run=f"k3v9x2ab-{number}", place="elsewhere"))
        for _ in range(5):
            assert ledger.unattended("here") == []
        assert n_reads() == 50


def test_debts_of_a_killed_process_are_found(ledger, tmp_path):
    script = textwrap.dedent(
        f"""
        import os, signal
        from dataclasses import replace
        from pathlib import Path
        from sweep_sdk._agent.outbox.debts import Debt, Ledger
        ledger = Ledger(Path({str(tmp_path)!r}))
        with ledger.attendance() as attendance:
            ledger.keep(Debt("here", "k3v9x2ab-1", 1, "/m", "loss", holder=attendance.name))
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert [debt.run for debt in ledger.unattended("here")] == ["k3v9x2ab-1"]
