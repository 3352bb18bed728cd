"""Finding a user's W&B account in the same places as wandb itself."""

import pytest

from sweep_sdk._capture.account import find_account, mode_in_settings
from sweep_sdk._exceptions import UsageError

KEY = "k" * 40


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_user_without_any_of_it_has_none():
    assert find_account({}) is None
    assert find_account({"WANDB_API_KEY": ""}) is None
    assert find_account({"WANDB_BASE_URL": "https://wandb.corp.example"}) is None


def test_a_key_and_a_server_in_the_environment():
    account = find_account({"WANDB_API_KEY": KEY, "WANDB_BASE_URL": "https://w.example/"})
    assert (account.url, account.key, account.source) == ("https://w.example", KEY, "WANDB_API_KEY")


def test_the_public_server_is_the_usual_one():
    assert find_account({"WANDB_API_KEY": KEY}).url == "https://api.wandb.ai"


def test_an_identity_token_counts_though_the_client_gets_its_key_by_itself():
    assert find_account({"WANDB_IDENTITY_TOKEN_FILE": "/token"}).key is None


@pytest.mark.parametrize("name", [".netrc", "_netrc"])
def test_an_entry_for_the_server_in_netrc(home, name):
    other = "machine a.example login x password y"
    text = f"{other}\nmachine api.wandb.ai\n  login user\n  password {KEY}\n"
    (home / name).write_text(text)
    assert find_account({}).key == KEY
    assert find_account({"WANDB_BASE_URL": "https://other.example"}) is None


def test_the_netrc_that_a_variable_names(home):
    (home / "secret").write_text(f"machine api.wandb.ai login user password {KEY}")
    assert find_account({"NETRC": str(home / "secret")}).source.endswith("secret")
    assert find_account({"NETRC": str(home / "missing")}) is None


@pytest.mark.parametrize("folder", ["wandb", ".config/wandb"])
def test_the_server_in_the_settings_of_wandb(home, folder):
    (home / folder).mkdir(parents=True)
    (home / folder / "settings").write_text("[default]\nbase_url = https://w.example\n")
    assert find_account({"WANDB_API_KEY": KEY}).url == "https://w.example"


def test_a_setting_for_new_sweeps():
    assert mode_in_settings({}) is None
    assert mode_in_settings({"SWEEP_WANDB": "off"}) == "off"
    with pytest.raises(UsageError, match="SWEEP_WANDB is 'on'; needs one of capture, mirror, off"):
        mode_in_settings({"SWEEP_WANDB": "on"})
