"""``token`` and ``join``: credentials for other users, which must not leak."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from emulated_gateway import EmulatedGateway
from sweep_sdk._settings import save_credentials
from sweep_service.access.tokens import is_token_text, sha256_of
from sweep_service.bootstrap import local_services


@pytest.fixture
def gateway(home, tmp_path):
    """A backend on AWS, as it seems, whose first admin this user is."""
    services = local_services(tmp_path / "remote.db")
    with EmulatedGateway(services, "first") as running:
        save_credentials(running.url, "first")
        yield running
    services.store.close()


@pytest.fixture
def sweep(gateway, cli, grid_file):
    return cli("sweep", "sweep.yaml", "--json").json["id"]


def as_user_of(monkeypatch, cli, name):
    """Have later commands use a token."""
    monkeypatch.setenv("SWEEP_TOKEN", cli("token", "print", name).out.strip())


def test_a_token_is_kept_in_a_private_file_and_is_not_shown(gateway, cli):
    made = cli("token", "create", "slurm", "--scope", "agent", "--for", "12h")
    path = Path(made.out.strip())
    text = path.read_text().strip()
    assert made.code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert is_token_text(text)
    assert text not in made.out + made.err
    assert "expires in 12 h" in made.err
    assert cli("token", "print", "slurm").out == f"{text}\n"
    listed = cli("token", "list", "--json")
    assert text not in listed.out
    (token,) = listed.json
    assert (token["name"], token["scope"], token["created_by"]) == ("slurm", "agent", "first token")
    assert sha256_of(text).startswith(token["id"])


def test_a_second_token_of_a_name_is_refused(gateway, cli):
    assert cli("token", "create", "slurm", "--scope", "agent").code == 0
    again = cli("token", "create", "slurm", "--scope", "agent")
    assert (again.code, again.out) == (2, "")
    assert "choose another name" in again.err
    assert len(cli("token", "list", "--json").json) == 1


@pytest.mark.parametrize("name", ["../escape", "", ".hidden", "a/b", "x" * 65, "a\nb"])
def test_a_name_stays_inside_its_folder(gateway, cli, name):
    assert cli("token", "create", "--scope", "agent", "--", name).code == 2
    assert cli("token", "list", "--json").json == []


def test_a_link_in_the_place_of_the_file_is_not_followed(gateway, cli, home, tmp_path):
    victim = tmp_path / "victim"
    (home / "tokens").mkdir(parents=True)
    (home / "tokens" / "slurm").symlink_to(victim)
    assert cli("token", "create", "slurm", "--scope", "agent").code == 2
    assert not victim.exists()


def test_what_the_backend_refuses_leaves_no_file(gateway, cli, home):
    made = cli("token", "create", "slurm", "--scope", "agent", "--sweep", "nosuch00")
    assert made.code == 2
    assert not (home / "tokens" / "slurm").exists()


def test_a_revoked_token_is_refused_and_its_file_removed(gateway, cli, monkeypatch):
    path = Path(cli("token", "create", "slurm", "--scope", "reader").out.strip())
    text = path.read_text().strip()
    revoked = cli("token", "revoke", "slurm")
    assert revoked.out.startswith("revoked the token 'slurm'")
    assert not path.exists()
    assert "revoked" in cli("token", "list").out
    monkeypatch.setenv("SWEEP_TOKEN", text)
    assert cli("sweeps").code == 2


def test_old_and_new_tokens_are_valid_side_by_side(gateway, cli, monkeypatch):
    for name in ("old", "new"):
        cli("token", "create", name, "--scope", "reader")
    for name in ("old", "new"):
        with monkeypatch.context() as patch:
            as_user_of(patch, cli, name)
            assert cli("sweeps").code == 0


def test_two_tokens_of_one_name_are_revoked_by_their_ids(gateway, cli):
    path = Path(cli("token", "create", "slurm", "--scope", "agent").out.strip())
    path.unlink()
    cli("token", "create", "slurm", "--scope", "agent")
    both = cli("token", "revoke", "slurm")
    assert both.code == 2
    assert "use an id" in both.err
    first, second = [token["id"] for token in cli("token", "list", "--json").json]
    assert cli("token", "revoke", first).code == 0
    assert cli("token", "revoke", "slurm").out == f"revoked the token 'slurm' ({second})\n"
    assert cli("token", "revoke", "slurm").code == 2


def test_an_agents_token_changes_nothing_and_says_why(gateway, cli, sweep, monkeypatch):
    cli("token", "create", "slurm", "--scope", "agent")
    as_user_of(monkeypatch, cli, "slurm")
    for words in (
        ["sweep", "--cancel", sweep],
        ["delete", sweep, "--yes"],
        ["sweep", "sweep.yaml"],
        ["token", "list"],
        ["token", "create", "mine", "--scope", "admin"],
    ):
        refused = cli(*words)
        assert refused.code == 2, words
        assert "needs the scope 'admin'; the token 'slurm' has 'agent'" in refused.err
    assert cli("show", sweep, "--json").json["state"] == "pending"


def test_a_readers_agent_ends_at_once(gateway, cli, sweep, monkeypatch):
    Path("train.py").touch()
    cli("token", "create", "dashboard", "--scope", "reader")
    as_user_of(monkeypatch, cli, "dashboard")
    refused = cli("agent", sweep)
    assert refused.code == 2
    assert "needs the scope 'agent'; the token 'dashboard' has 'reader'" in refused.err


def test_login_and_doctor_take_a_token_of_one_sweep(gateway, cli, sweep):
    cli("token", "create", "node", "--scope", "agent", "--sweep", sweep)
    text = cli("token", "print", "node").out
    assert cli("login", "--url", gateway.url, "--stdin", stdin=text.encode()).code == 0
    found = cli("doctor").out
    assert f"the token is accepted: 'node', scope agent, for sweep {sweep} alone" in found
    refused = cli("sweeps")
    assert refused.code == 2
    assert f"for sweep {sweep} alone" in refused.err


class TestJoin:
    def test_the_lines_start_an_agent_that_can_do_nothing_else(
        self, gateway, cli, sweep, monkeypatch, tmp_path
    ):
        Path("train.py").write_text("import sweep_sdk\nsweep_sdk.init().log({'loss': 1})\n")
        joined = cli("join", sweep, "--for", "12h")
        assert joined.code == 0
        assert joined.out.startswith("#!/bin/sh\n")
        Path("user-data.sh").write_text(joined.out)
        kept = {name: text for name, text in os.environ.items() if not name.startswith("SWEEP_")}
        done = subprocess.run(
            ["sh", "user-data.sh"],
            env={**kept, "SWEEP_HOME": str(tmp_path / "elsewhere")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        states = {run["state"] for run in cli("runs", sweep, "--json").json}
        assert states == {"finished"}
        (token,) = cli("token", "list", "--json").json
        assert (token["scope"], token["sweep"]) == ("agent", sweep)
        assert token["last_used_at"] is not None
        assert token["expires_at"] - token["created_at"] == pytest.approx(12 * 3600, abs=5)

    def test_only_the_lines_go_to_stdout(self, gateway, cli, sweep):
        joined = cli("join", sweep)
        text = joined.out.split("SWEEP_TOKEN=")[1].split()[0]
        assert is_token_text(text)
        assert text not in joined.err
        assert "token revoke" in joined.err
        assert "others cannot reach it" in joined.err

    def test_a_sweep_on_this_machine_cannot_be_joined(self, cli):
        refused = cli("join", "k3v9x2ab")
        assert (refused.code, refused.out) == (2, "")
        assert "sweep-sdk local --host" in refused.err


class TestWhoDidWhat:
    def test_show_prints_what_an_agent_would_run_and_who_is_responsible(
        self, gateway, cli, sweep, monkeypatch
    ):
        shown = cli("show", sweep).out
        assert "program       train.py" in shown
        assert "${env} ${interpreter} ${program} ${args}" in shown.replace("'", "")
        hashed = cli("show", sweep, "--json").json["command_sha256"]
        assert f"command hash  {hashed}" in shown
        assert " by first token\n" in shown
        cli("token", "create", "ann", "--scope", "admin")
        as_user_of(monkeypatch, cli, "ann")
        file = Path("sweep.yaml")
        file.write_text(file.read_text().replace("train.py", "other.py"))
        assert cli("sweep", "--update", sweep, "sweep.yaml").code == 0
        shown = cli("show", sweep).out
        assert "program       other.py" in shown
        assert " by ann\n" in shown
        assert hashed not in shown

    def test_show_events_lists_the_changes_newest_first(self, gateway, cli, sweep):
        cli("sweep", "--pause", sweep)
        first, second = cli("show", sweep, "--events").lines
        assert first.endswith(" ago  first token (first-admin): set the state to paused")
        assert " ago  first token (first-admin): registered the sweep, command " in second
        events = cli("show", f"{sweep}-0", "--events", "--json").json
        assert [event["who"] for event in events] == ["first token"] * 2

    def test_text_of_others_does_not_reach_the_terminal_raw(self, gateway, cli):
        Path("evil.yaml").write_text(
            'method: grid\ncommand: ["echo", "\\e[2J\\e]0;gone\\a"]\n'
            "parameters: {n: {values: [1]}}\n"
        )
        sweep = cli("sweep", "evil.yaml", "--json").json["id"]
        shown = cli("show", sweep).out
        assert "\x1b" not in shown
        assert "echo" in shown
