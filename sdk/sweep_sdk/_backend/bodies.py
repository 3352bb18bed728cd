"""The bodies of HTTP answers, which no sender can use to fill the memory."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import requests

#: Of a body, decompressed: far more than a page of a list has.
MOST_BYTES = 32_000_000
_PIECE_BYTES = 1 << 16
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class TooLong(Exception):
    """A body has more than ``MOST_BYTES`` bytes."""


def read_body(answer: requests.Response) -> bytes:
    """The body of an answer whose headers have been read.

    Raises:
        TooLong: It is too long.
        urllib3.exceptions.HTTPError: It broke off.
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
    """The contents of a gzip file; where it is damaged they end."""
    decoder = zlib.decompressobj(_GZIP_WINDOW)
    with suppress(zlib.error):
        for piece in pieces:
            yield decoder.decompress(piece, MOST_BYTES + 1)
