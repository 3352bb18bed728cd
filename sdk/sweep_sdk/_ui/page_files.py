"""The files of the page as they are sent: compressed once, under a path with their version."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
#: What ``index.html`` has in the place of the folder of the other files.
_BASE = "page/VERSION/"
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PageFile:
    """A file, compressed."""

    content_type: str
    compressed: bytes


def names() -> list[str]:
    """The page's modules, styles and pictures, with the folders that they are in."""
    found = (path for path in FOLDER.rglob("*") if path.suffix in _TYPES)
    return sorted(path.relative_to(FOLDER).as_posix() for path in found)


@cache
def version() -> str:
    """Changes with any file of the page."""
    digest = hashlib.sha256()
    for name in names():
        digest.update(name.encode() + b"\0" + (FOLDER / name).read_bytes())
    return digest.hexdigest()[:16]


@cache
def index() -> bytes:
    """The document that loads all others, the modules at once and not level by level."""
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    modules = (name for name in names() if name.endswith(".js"))
    links = "".join(f'<link rel="modulepreload" href="{_BASE}{name}" />' for name in modules)
    return text.replace("</head>", f"{links}</head>").replace(_BASE, f"page/{version()}/").encode()


@cache
def find(name: str) -> PageFile | None:
    """A file by its name in the page's folder; None if there is none."""
    if name not in names():
        return None
    path = FOLDER / name
    return PageFile(_TYPES[path.suffix], gzip.compress(path.read_bytes(), 6, mtime=0))
