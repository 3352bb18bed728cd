"""Reads the bodies of HTTP answers, limited in size so that no sender can exhaust the memory."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import requests

#: Maximum size of a decompressed body, far more than a page of a list has.
MOST_BYTES = 32_000_000
_PIECE_BYTES = 1 << 16
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class TooLong(Exception):
    """A body has more than ``MOST_BYTES`` bytes."""


def read_body(answer: requests.Response) -> bytes:
    """Read the body of an answer whose headers have been read.

    Raises:
        TooLong: The body is too long.
        urllib3.exceptions.HTTPError: The connection was closed early.
    """
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    pieces: list[bytes] = []
    n_bytes = 0
    with answer:
        raw = answer.raw.stream(_PIECE_BYTES, decode_content=False)
        for piece in _unzipped(raw) if encoding in ("gzip", "x-gzip") else raw:
            pieces.append(piece)
            n_bytes += len(piece)
            if n_bytes > MOST_BYTES:
                raise TooLong(f"more than {MOST_BYTES:,} bytes")
    return b"".join(pieces)


def _unzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress gzip data; damaged data ends the output."""
    decoder = zlib.decompressobj(_GZIP_WINDOW)
    with suppress(zlib.error):
        for piece in pieces:
            yield decoder.decompress(piece, MOST_BYTES + 1)
