"""Rolling back a local database, as docs/upgrading.md describes it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from versions import MAIN, Version

from releases import Release
from sweep_service.storage.sqlite.store import SqliteStore


@pytest.fixture
def database(release: Release, old: Version) -> Path:
    """The file of the release, under the name that its command line expects."""
    path = Path(old["SWEEP_HOME"]) / "sweeps.db"
    path.parent.mkdir()
    shutil.copy(release.folder / "sweeps.db", path)
    return path


def sweeps(version: Version) -> subprocess.CompletedProcess[str]:
    """``sweep-sdk sweeps`` of a version over the local database."""
    command = [sys.executable, "-c", MAIN, "sweeps"]
    return subprocess.run(command, env=version, capture_output=True, text=True, check=False)


def test_a_migrated_file_is_refused_and_its_copy_is_not(
    old: Version, database: Path, release: Release, tmp_path: Path
) -> None:
    before = sweeps(old)
    assert before.returncode == 0, before.stderr
    copy = tmp_path / "copy.db"
    shutil.copy(database, copy)
    with SqliteStore(database) as store:
        store.get_status(release.story["sweeps"]["grid"])  # migrates the file
    refused = sweeps(old)
    assert refused.returncode != 0
    assert "upgrade" in refused.stderr
    assert "Traceback" not in refused.stderr
    for path in database.parent.glob("sweeps.db*"):
        path.unlink()
    shutil.copy(copy, database)
    after = sweeps(old)
    assert (after.returncode, after.stdout) == (0, before.stdout)
