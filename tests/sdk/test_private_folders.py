"""Other users cannot redirect where this user's folders and files are written."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from sweep_sdk._agent.process.launcher import prepare_files
from sweep_sdk._world import disk
from sweep_service.wire.runs import HandOut

HANDOUT = HandOut("k3v9x2ab-7", "k3v9x2ab", "mnist", 7, {"lr": 0.1}, 1, 2, 300.0)
NAMES = ("config.json", "arguments.json", "metrics-2.jsonl", "output.log")
FOLDER = "k3v9x2ab/k3v9x2ab-7"


class Shared(type(Path())):
    """A path on a machine where what is called ``theirs`` belongs to another user."""

    def stat(self, **options):
        found = super().stat(**options)
        if self.name != "theirs":
            return found
        fields = list(found)
        fields[stat.ST_UID] = os.geteuid() + 1
        return os.stat_result(fields)


def test_the_folders_are_private(tmp_path):
    folder = tmp_path / "home" / "runs" / "a" / "b"
    disk.make_private_folder(tmp_path / "home" / "runs", folder)
    for path in (folder, folder.parent, folder.parents[1]):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_what_others_may_write_is_closed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o777)
    disk.make_private_folder(tmp_path, tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755


def test_a_shared_folder_in_which_everybody_may_replace_folders(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match=r"everybody may replace .*chmod \+t"):
        disk.make_private_folder(tmp_path, tmp_path / "a")
    tmp_path.chmod(0o1777)
    disk.make_private_folder(tmp_path, tmp_path / "a")


@pytest.mark.parametrize("names", ["theirs", "theirs/mine", "mine/theirs"])
def test_a_folder_that_another_user_has_prepared(tmp_path, names):
    (tmp_path / names).mkdir(parents=True)
    with pytest.raises(PermissionError, match="belongs to another user"):
        disk.make_private_folder(Shared(tmp_path), Shared(tmp_path) / names)


def test_a_link_that_another_user_has_prepared(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "theirs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="belongs to another user"):
        disk.make_private_folder(Shared(tmp_path), Shared(tmp_path) / "theirs" / "a")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_owner_of_the_shared_folder_is_trusted(tmp_path):
    top = Shared(tmp_path) / "theirs"
    disk.make_private_folder(top, top / "a" / "theirs")
    assert (tmp_path / "theirs" / "a" / "theirs").is_dir()


def test_a_folder_that_the_user_has_moved_elsewhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    disk.make_private_folder(tmp_path, tmp_path / "a" / "b")
    assert (tmp_path / "elsewhere" / "b").is_dir()


@pytest.mark.parametrize("is_hard", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_a_run_is_not_written_through_a_link(tmp_path, name, is_hard):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    place = tmp_path / "runs" / FOLDER / name
    place.parent.mkdir(parents=True)
    (place.hardlink_to if is_hard else place.symlink_to)(precious)
    files = prepare_files(tmp_path / "runs", HANDOUT)
    assert precious.read_text() == "precious"
    assert json.loads(files.config.read_text()) == {"lr": 0.1}
    assert not place.exists() or place.stat().st_nlink == 1
