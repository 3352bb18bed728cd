"""The files of the page as they are sent.

The page's own modules are small and many, so the document has all of them, as ``data:`` URLs in an
import map. The vendored libraries, styles and pictures are files of their own, compressed once,
under a path with the version of the page.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import posixpath
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

FOLDER = Path(__file__).parent / "page"
#: What ``index.html`` has in the place of the folder of the other files, of the import map and of
#: the nonce of its scripts.
_BASE, _MODULES, _NONCE = "page/VERSION/", "MODULES", "NONCE"
_VENDOR = "vendor/"
_IMPORT = re.compile(r'(\bfrom |^import )"(\.{1,2}/[^"]+)"', re.MULTILINE)
#: Printable characters that mean nothing in a URL without a query, in JSON or in HTML.
_SAFE = " !$()*+,-./:;=@[]^_`{|}~'?"
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


def index(nonce: str) -> str:
    """The document with the page's own modules; its scripts carry the nonce."""
    text = (FOLDER / "index.html").read_text(encoding="utf-8").replace(_BASE, f"page/{version()}/")
    imports = {
        f"page/{name}": f"./page/{version()}/{name}"
        if name.startswith(_VENDOR)
        else _data_url(name)
        for name in _module_names()
    }
    return text.replace(_NONCE, nonce).replace(_MODULES, json.dumps({"imports": imports}))


def modules() -> dict[str, str]:
    """The ``data:`` URL of each module, by the name under which the others import it."""
    return {f"page/{name}": _data_url(name) for name in _module_names()}


def _module_names() -> list[str]:
    return [name for name in names() if name.endswith(".js")]


@cache
def _data_url(name: str) -> str:
    text = (FOLDER / name).read_text(encoding="utf-8")
    folder = posixpath.dirname(f"page/{name}")

    def absolute(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[2]))
        return f'{match[1]}"{target}"'

    return f"data:text/javascript;charset=utf-8,{quote(_IMPORT.sub(absolute, text), safe=_SAFE)}"


@cache
def find(name: str) -> PageFile | None:
    """A file by its name in the page's folder; None if there is none."""
    if name not in names():
        return None
    path = FOLDER / name
    return PageFile(_TYPES[path.suffix], gzip.compress(path.read_bytes(), 6, mtime=0))
