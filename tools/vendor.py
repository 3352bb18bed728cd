"""Renews the libraries in the dashboard's ``page/vendor`` from npm, or checks them.

``python tools/vendor.py`` compares the files with ``vendor.lock.json`` and needs no network.
``python tools/vendor.py --renew`` fetches the packages that the lock names with ``npm pack``,
checks their integrity, copies the files and writes their digests. To upgrade, change a version in
the lock and remove its integrity first.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "sdk/sweep_sdk/_ui/page/vendor"
LOCK = FOLDER / "vendor.lock.json"


def integrity(data: bytes) -> str:
    """The digest of ``data`` as npm writes it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


def problems(lock: dict[str, Any], folder: Path) -> list[str]:
    """What differs between a lock and the files beside it."""
    expected = {
        name: file["integrity"]
        for package in lock.values()
        for name, file in package["files"].items()
    }
    found = {
        path.name: integrity(path.read_bytes())
        for path in folder.iterdir()
        if path.suffix == ".js" or path.name.startswith(("LICENSE", "NOTICE"))
    }
    names = sorted(expected.keys() | found.keys())
    return [
        f"{name}: the lock has {expected.get(name)}, the folder {found.get(name)}"
        for name in names
        if expected.get(name) != found.get(name)
    ]


def _renewed(name: str, package: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{name}@{package['version']}"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (archive,) = Path(folder).glob("*.tgz")
        published = integrity(archive.read_bytes())
        if package.get("integrity", published) != published:
            raise SystemExit(f"{name}: the archive is not the one that the lock describes")
        with tarfile.open(archive) as packed:
            for target, file in package["files"].items():
                member = packed.extractfile(f"package/{file['from']}")
                assert member is not None
                data = member.read()
                (FOLDER / target).write_bytes(data)
                file["integrity"] = integrity(data)
    return {**package, "integrity": published}


def main() -> int:
    """Check the files, or renew them with ``--renew``; the exit code is 1 if they differ."""
    lock = json.loads(LOCK.read_text(encoding="utf-8"))
    if sys.argv[1:] == ["--renew"]:
        lock = {name: _renewed(name, package) for name, package in lock.items()}
        LOCK.write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")
    found = problems(lock, FOLDER)
    print("\n".join(found) or "the libraries are as the lock describes them")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
