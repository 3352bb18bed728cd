"""The files in which a user's local servers publish their addresses."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from sweep_sdk._exceptions import UsageError
from sweep_sdk._local_servers import published, token_of

URL = "http://127.0.0.1:8787"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "servers"


def test_a_running_server_is_found_and_one_that_has_ended_is_not(folder):
    with published(folder, URL, "secret") as path:
        assert token_of(folder, URL) == "secret"
    assert not path.exists()
    assert token_of(folder, URL) is None


def test_what_a_killed_server_leaves_is_passed_over_and_removed(folder):
    folder.mkdir()
    with published(folder, URL, "secret") as path:
        left = folder / path.name.replace("8787", "9999")
    left.write_text(json.dumps({"url": "http://127.0.0.1:9999", "token": "old"}))
    assert token_of(folder, "http://127.0.0.1:9999") is None
    assert left.exists()
    with published(folder, URL, "secret"):
        assert not left.exists()


def test_the_file_is_private(folder):
    with published(folder, URL, "secret") as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("server", "url", "is_found"),
    [
        (URL, "http://localhost:8787", True),
        (URL, "http://[::1]:8787", True),
        (URL, "http://127.0.0.1:8788", False),
        (URL, "https://127.0.0.1:8787", False),
        (URL, "http://gpu1:8787", False),
        ("https://gpu1:8787", "https://gpu1:8787", True),
        ("https://gpu1:8787", "https://localhost:8787", True),
        ("https://gpu1:8787", "https://gpu2:8787", False),
        ("https://gpu1:8787", "http://gpu1:8787", False),
        ("http://gpu1:8787", "http://localhost:8787", True),
    ],
)
def test_a_token_goes_to_the_server_it_is_for(folder, server, url, is_found):
    with published(folder, server, "secret"):
        assert token_of(folder, url) == ("secret" if is_found else None)


def test_a_server_that_takes_over_a_port_replaces_the_file(folder):
    with published(folder, URL, "first"):
        with published(folder, URL, "second"):
            assert token_of(folder, URL) == "second"
        assert token_of(folder, URL) is None


@pytest.mark.parametrize("text", ["", "[]", "{broken", '{"url": "http://127.0.0.1:8787"}', "\x00"])
def test_a_damaged_file_is_passed_over(folder, text):
    with published(folder, URL, "secret") as path:
        path.write_text(text)
        assert token_of(folder, URL) is None


def test_the_file_of_another_user_is_passed_over(folder, monkeypatch):
    with published(folder, URL, "secret"):
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        assert token_of(folder, URL) is None


def test_a_link_is_passed_over(folder, tmp_path):
    with published(folder, URL, "secret") as path:
        path.rename(tmp_path / "elsewhere.json")
        path.symlink_to(tmp_path / "elsewhere.json")
        assert token_of(folder, URL) is None


def test_a_folder_that_cannot_be_written():
    with (
        pytest.raises(UsageError, match=r"/proc/nobody.*SWEEP_TOKEN.*XDG_CONFIG_HOME"),
        published(Path("/proc/nobody"), URL, "secret"),
    ):
        pass
