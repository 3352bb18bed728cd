"""The mode of handling wandb: chosen when a sweep is registered, and shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep_sdk._backend.client import Client
from sweep_sdk._exceptions import InvalidRequest

KEY = "k" * 40


@pytest.fixture
def account(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)


@pytest.fixture
def register(cli, grid_file):
    """Registers a sweep with options; its mode, and what was printed."""

    def register(*words):
        result = cli("sweep", grid_file, "--json", *words)
        assert result.code == 0, result.err
        return result.json["config"].get("wandb"), result

    return register


def test_a_user_without_an_account_needs_no_mode(register):
    mode, result = register()
    assert mode is None
    assert "wandb" not in result.err


def test_a_user_with_an_account_keeps_the_data_there_and_learns_how_to_change_that(
    register, account
):
    mode, result = register()
    assert mode == "mirror"
    assert "goes to https://api.wandb.ai, for which WANDB_API_KEY has an account" in result.err
    assert KEY not in result.err


@pytest.mark.parametrize("mode", ["capture", "mirror", "off"])
def test_the_option_decides_before_everything_else(register, account, monkeypatch, mode):
    monkeypatch.setenv("SWEEP_WANDB", "off" if mode == "mirror" else "mirror")
    found, result = register("--wandb", mode)
    assert found == mode
    assert "account" not in result.err


def test_then_the_setting_and_then_the_file_and_then_the_account(register, account, monkeypatch):
    path = Path("sweep.yaml")
    path.write_text(path.read_text() + "wandb: capture\n")
    assert register()[0] == "capture"
    monkeypatch.setenv("SWEEP_WANDB", "off")
    assert register()[0] == "off"


def test_off_in_a_file_is_understood_without_quotes(cli, grid_file):
    path = Path(grid_file)
    path.write_text(path.read_text() + "wandb: off\n")
    assert cli("sweep", grid_file, "--json").json["config"]["wandb"] == "off"


def test_another_word_in_a_file_is_reported_and_ignored(cli, grid_file):
    path = Path(grid_file)
    path.write_text(path.read_text() + "wandb: sometimes\n")
    result = cli("sweep", grid_file, "--json")
    assert "wandb" not in result.json["config"]
    assert "wandb: found 'sometimes' (text); needs one of capture, mirror, off" in result.err


def test_a_wrong_setting_ends_the_command(cli, grid_file, monkeypatch):
    monkeypatch.setenv("SWEEP_WANDB", "on")
    result = cli("sweep", grid_file)
    assert result.code == 2
    assert "SWEEP_WANDB is 'on'; needs one of capture, mirror, off" in result.err


def test_the_mode_is_shown_and_an_update_keeps_it(cli, register, grid_file):
    _, result = register("--wandb", "mirror")
    sweep = result.json["id"]
    assert [line.split() for line in cli("show", sweep).lines if "wandb" in line] == [
        ["wandb", "mirror"]
    ]
    path = Path(grid_file)
    path.write_text(path.read_text().replace("0.01", "0.02"))
    updated = cli("sweep", "--update", sweep, grid_file, "--json").json
    assert updated["config_version"] == 2
    assert updated["config"]["wandb"] == "mirror"
    path.write_text(path.read_text() + "wandb: capture\n")
    assert cli("sweep", "--update", sweep, grid_file, "--json").json["config"]["wandb"] == "capture"


def test_the_same_file_again_changes_nothing(cli, register, grid_file):
    sweep = register("--wandb", "mirror")[1].json["id"]
    assert cli("sweep", "--update", sweep, grid_file, "--json").json["changed"] is False


def test_a_backend_that_does_not_know_modes_gets_none(cli, register, account, monkeypatch):
    real = Client.create_sweep

    def create(self, *values, wandb=None, **named):
        if wandb is not None:
            raise InvalidRequest("field 'wandb' is not known")
        return real(self, *values, **named)

    monkeypatch.setattr(Client, "create_sweep", create)
    assert register()[0] is None


def test_the_backend_refuses_a_mode_that_does_not_exist(client):
    config = {"method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}}}
    with pytest.raises(InvalidRequest, match="wandb: found 'on'; needs one of"):
        client.create_sweep(config, wandb="on")
