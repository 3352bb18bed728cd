"""Where a database can be, and the errors for other places."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sweep_service.errors import StoreUnusable
from sweep_service.storage.sqlite.place import (
    LOCAL_FILE_SYSTEMS,
    check_file_system,
    check_place,
    file_system_of,
)
from sweep_service.storage.sqlite.store import SqliteStore

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb /home/me/disk xfs rw 0 0
server:/x /mnt/with\\040space\\134 nfs rw 0 0
/dev/sdc /data ext4 rw 0 0
server:/d /data lustre rw 0 0
odd
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib", "ext4"),
        ("/homes/me", "ext4"),
        ("/tmp", "tmpfs"),
        ("/home/me", "nfs4"),
        ("/home/me/disk/a/b", "xfs"),
        ("/mnt/with space\\/a", "nfs"),
        ("/data/a", "lustre"),
    ],
)
def test_the_innermost_and_last_mount_counts(folder: str, kind: str) -> None:
    assert file_system_of(Path(folder), MOUNTS) == kind


def test_no_mounts_are_known() -> None:
    assert file_system_of(Path("/home"), "") is None


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "afs"),
        *("9p", "virtiofs", "wekafs", "panfs", "vboxsf", "prl_fs", "drvfs", "davfs", "ocfs2"),
        *("fuse.sshfs", "fuse.gcsfuse", "fuse.s3fs", "fuse.juicefs", "fuse.rclone", "fuse"),
        "something.new",
    ],
)
def test_what_may_be_shared_by_machines_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sweeps.db"
    mounts = f"/dev/sda / ext4 rw 0 0\nhost:/x {tmp_path} {kind} rw 0 0\n"
    with pytest.raises(StoreUnusable, match=kind) as caught:
        check_file_system(path, mounts)
    for word in ("SWEEP_LOCAL_DB", "sweep-sdk local", f"set SWEEP_LOCAL_FILE_SYSTEMS={kind}"):
        assert word in str(caught.value)
    check_file_system(path, mounts, (kind,))


def test_a_link_into_a_network_file_system_is_refused(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to("far")
    with pytest.raises(StoreUnusable, match="nfs"):
        check_file_system(tmp_path / "near" / "s.db", f"host:/x {tmp_path / 'far'} nfs rw 0 0\n")


@pytest.mark.parametrize("kind", sorted(LOCAL_FILE_SYSTEMS))
def test_local_file_systems_are_fine(tmp_path: Path, kind: str) -> None:
    check_file_system(tmp_path / "sweeps.db", f"/dev/sda / {kind} rw 0 0\n")


def test_only_the_user_may_read_what_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "folder with ünïcode"
    old_mask = os.umask(0)
    try:
        with SqliteStore(folder / "sweeps.db"):
            assert mode_of(folder) == 0o700
            assert {mode_of(path) for path in folder.iterdir()} == {0o600}
            assert len(list(folder.iterdir())) == 3
    finally:
        os.umask(old_mask)


def test_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "sweeps.db"
    SqliteStore(path).close()
    path.chmod(0o640)
    tmp_path.chmod(0o750)
    SqliteStore(path).close()
    assert (mode_of(path), mode_of(tmp_path)) == (0o640, 0o750)


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SqliteStore("sweeps.db") as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.list_sweeps(None, None, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "sweeps.db"}
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("place", ["file/sweeps.db", "folder", "", "null\0character", "x" * 300])
def test_a_path_that_cannot_be(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnusable) as caught:
        SqliteStore(tmp_path / place)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("barred", ["folder", "file"])
def test_no_permission(tmp_path: Path, barred: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sweeps.db"
    path.touch()
    refused = tmp_path if barred == "folder" else path
    # The superuser, who runs many a container, is never refused: ask as if somebody else did.
    monkeypatch.setattr(os, "access", lambda asked, mode: Path(asked) != refused)
    with pytest.raises(StoreUnusable, match=f"no permission to write .*{barred}"):
        check_place(path)


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
def test_a_link_of_another_user_is_refused(
    tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "precious").touch()
    link = tmp_path / f"sweeps.db{end}"
    link.symlink_to(tmp_path / "precious")
    check_place(tmp_path / "sweeps.db")  # one's own is followed
    monkeypatch.setattr(os, "geteuid", lambda: link.lstat().st_uid + 1)
    if link.lstat().st_uid == 0:  # root is trusted
        os.chown(link, 12345, -1, follow_symlinks=False)
    with pytest.raises(StoreUnusable, match=r"is a link of another user .*SWEEP_LOCAL_DB"):
        check_place(tmp_path / "sweeps.db")
