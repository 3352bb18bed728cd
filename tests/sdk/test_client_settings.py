from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from sweep_sdk._exceptions import UsageError
from sweep_sdk._settings import (
    RunEnvironment,
    environment_with,
    load_settings,
    normalise_url,
    run_environment,
    save_credentials,
)


@pytest.fixture
def environ(tmp_path):
    return {"SWEEP_HOME": str(tmp_path)}


def test_without_anything_the_backend_is_local(environ, tmp_path):
    settings = load_settings(environ)
    assert settings.url is None
    assert settings.token is None
    assert settings.local_db == tmp_path / "sweeps.db"
    assert settings.runs_dir == tmp_path / "runs"


def test_the_data_folder_is_the_users_by_default():
    assert load_settings({"XDG_DATA_HOME": "/x"}).home.name == "sweep-sdk"


def test_environment_takes_precedence_over_the_file(environ):
    save_credentials("https://stored", "stored-token", environ)
    settings = load_settings(environ | {"SWEEP_URL": "https://given", "SWEEP_TOKEN": "given"})
    assert (settings.url, settings.token) == ("https://given", "given")


def test_the_file_is_used_where_the_environment_says_nothing(environ):
    save_credentials("https://stored/", "stored-token", environ)
    settings = load_settings(environ)
    assert (settings.url, settings.token) == ("https://stored", "stored-token")


def test_a_stored_token_does_not_go_to_another_url(environ):
    save_credentials("https://stored", "secret", environ)
    assert load_settings(environ | {"SWEEP_URL": "https://elsewhere"}).token is None
    assert load_settings(environ | {"SWEEP_URL": "https://stored/"}).token == "secret"


@pytest.mark.parametrize("url", ["", "local"])
def test_local_mode_can_be_had_after_a_login(environ, url):
    save_credentials("https://stored", "secret", environ)
    settings = load_settings(environ | {"SWEEP_URL": url})
    assert settings.url is None
    assert settings.token is None


def test_credentials_are_readable_only_by_the_user(environ):
    path = save_credentials("https://stored", "one", environ)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    save_credentials("https://stored", "two", environ)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["token"] == "two"
    assert [found.name for found in path.parent.iterdir()] == ["credentials.json"]


def test_line_ends_around_a_token_do_not_matter(environ):
    assert load_settings(environ | {"SWEEP_TOKEN": " secret\n"}).token == "secret"
    assert load_settings(environ | {"SWEEP_TOKEN": " "}).token is None


@pytest.mark.parametrize(
    "url",
    ["https://gpu1:8787", "http://127.0.0.1:8787", "http://localhost:8787", "http://[::1]:1", ""],
)
def test_urls_to_which_a_credential_may_go(environ, url):
    load_settings(environ | {"SWEEP_URL": url})


@pytest.mark.parametrize("url", ["http://gpu1:8787", "http://10.0.0.7", "http://127.0.0.1.example"])
def test_no_credential_goes_unencrypted_to_another_machine(environ, url):
    with pytest.raises(UsageError, match=r"SWEEP_URL is 'http://.*SWEEP_INSECURE=1"):
        load_settings(environ | {"SWEEP_URL": url})
    assert load_settings(environ | {"SWEEP_URL": url, "SWEEP_INSECURE": "1"}).url == url
    save_credentials(url, "secret", environ)
    with pytest.raises(UsageError, match="login' keeps is 'http://"):
        load_settings(environ)


def test_the_token_is_not_shown():
    settings = load_settings(
        {"SWEEP_HOME": "/h", "SWEEP_TOKEN": "secret", "SWEEP_URL": "https://a"}
    )
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("text", ["not json", "[]", "\x00\xff"])
def test_damaged_credentials_are_reported(environ, tmp_path, text):
    (tmp_path / "credentials.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match="login"):
        load_settings(environ)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://host", "https://host"),
        (" https://host/ ", "https://host"),
        ("https://host/prod/v1/", "https://host/prod"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
    ],
)
def test_urls_are_normalised(text, url):
    assert normalise_url(text) == url


@pytest.mark.parametrize(
    "text", ["host", "ftp://host", "https://", "http://h:99999", "http://[", "https://h/?a=1"]
)
def test_what_is_no_url_is_refused(text):
    with pytest.raises(UsageError, match="URL"):
        normalise_url(text)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf"])
def test_a_bad_interval_is_refused_by_name(environ, text):
    with pytest.raises(UsageError, match="SWEEP_REPORT_INTERVAL"):
        load_settings(environ | {"SWEEP_REPORT_INTERVAL": text})


def test_paths_are_absolute_and_know_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = load_settings({"SWEEP_HOME": "data", "SWEEP_LOCAL_DB": "~/x.db"})
    assert settings.home == Path.cwd() / "data"
    assert settings.local_db == Path("/home/somebody/x.db")


def test_no_run_environment_outside_a_sweep():
    assert run_environment({"SWEEP_RUN_ID": "k3v9x2ab-1"}) is None


def test_run_environment():
    assert run_environment(
        {
            "SWEEP_METRICS_FILE": "/m",
            "SWEEP_CONFIG_FILE": "/c",
            "SWEEP_RUN_DIR": "/d",
            "SWEEP_ID": "k3v9x2ab",
            "SWEEP_RUN_ID": "k3v9x2ab-1",
            "SWEEP_PROJECT": "p",
            "SWEEP_ATTEMPT": "3",
            "LOCAL_RANK": "2",
        }
    ) == RunEnvironment("/m", "/c", "/d", "k3v9x2ab", "k3v9x2ab-1", "p", 3, "2")
    assert run_environment({"SWEEP_METRICS_FILE": "/m", "SWEEP_ATTEMPT": "x"}).attempt == 1


def test_rank_takes_precedence_over_local_rank():
    environ = {"SWEEP_METRICS_FILE": "/m", "RANK": "4", "LOCAL_RANK": "0"}
    assert run_environment(environ).rank == "4"


def test_variables_are_put_back(monkeypatch):
    import os

    monkeypatch.setenv("SWEEP_ID", "before")
    monkeypatch.delenv("SWEEP_RUN_ID", raising=False)
    with environment_with({"SWEEP_ID": "during", "SWEEP_RUN_ID": "x"}):
        assert os.environ["SWEEP_ID"] == "during"
    assert os.environ["SWEEP_ID"] == "before"
    assert "SWEEP_RUN_ID" not in os.environ


def test_the_home_folder_of_nobody():
    with pytest.raises(UsageError, match="no-such-user"):
        load_settings({"SWEEP_HOME": "~no-such-user/data"})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///sweeps.db", Path.cwd() / "sweeps.db"),
        ("sqlite:////data/sweeps.db", Path("/data/sweeps.db")),
        ("/data/sweeps.db", Path("/data/sweeps.db")),
    ],
)
def test_the_database_may_be_written_as_a_url(environ, text, path):
    assert load_settings(environ | {"SWEEP_LOCAL_DB": text}).local_db == path


@pytest.mark.parametrize(
    ("name", "text", "need"),
    [
        ("SWEEP_LOCAL_DB", ":memory:", "needs a file"),
        ("SWEEP_LOCAL_DB", "sqlite://", "needs a file"),
        ("SWEEP_LOCAL_DB", "sqlite:///:memory:", "needs a file"),
        ("SWEEP_LOCAL_DB", "postgresql://host/db", "needs a path"),
        ("SWEEP_LOCAL_DB", "mysql+pymysql://host/db", "needs a path"),
        ("SWEEP_RUNS_DIR", "s3://bucket/runs", "needs a path"),
        ("SWEEP_HOME", "file:///data", "needs a path"),
    ],
)
def test_a_url_is_no_folder(environ, name, text, need):
    with pytest.raises(UsageError, match=need) as caught:
        load_settings(environ | {name: text})
    assert name in str(caught.value)
    assert text in str(caught.value)
