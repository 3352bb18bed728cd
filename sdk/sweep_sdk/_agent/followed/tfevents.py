"""Reads scalars from TensorBoard's event files: TFRecords that contain protocol buffers. Pure.

A record consists of its length (8 bytes), a checksum of the length (4), the data, and a checksum of
the data (4), all little-endian. A checksum is CRC-32C, rotated and shifted. The data are an
``Event``, of which this reads ``wall_time`` (1), ``step`` (2) and ``summary`` (5) with its values:
``tag`` (1), ``simple_value`` (2) and ``tensor`` (8).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Records that are larger contain images or graphs, and are not read.
MAX_RECORD_BYTES = 1 << 20
HEADER_BYTES = 12
_LENGTH = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
_WORDS = 0xFFFFFFFF
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC_TABLE = _crc_table()


def checksum(data: bytes) -> int:
    """The masked CRC-32C of TFRecords."""
    crc = _WORDS
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    crc ^= _WORDS
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & _WORDS


class BadRecord(ValueError):
    """A record is damaged or is not a TFRecord."""


class Scalars(NamedTuple):
    """The numbers of one event.

    Attributes:
        at: Seconds since the epoch.
        values: Pairs of a tag and a number.
    """

    step: int
    at: float
    values: list[tuple[str, float]]


def data_bytes(header: bytes) -> int:
    """The number of bytes of a record's data, without their checksum.

    Raises:
        BadRecord: It is not a header.
    """
    length, crc = _LENGTH.unpack(header)
    if checksum(header[:8]) != crc:
        raise BadRecord("the length of a record is damaged")
    return int(length)


def scalars_of(data: bytes, trailer: bytes) -> Scalars:
    """The numbers in a record.

    Args:
        data: The encoded event.
        trailer: The checksum, which is only verified if the event has numbers or is unreadable.

    Raises:
        BadRecord: The record is damaged.
    """
    try:
        found = _event(data)
    except (ValueError, struct.error):
        found = None
    if (found is None or found.values) and _CHECKSUM.unpack(trailer)[0] != checksum(data):
        raise BadRecord("a record is damaged")
    return found or Scalars(0, 0.0, [])


def _event(data: bytes) -> Scalars:
    step, at, values = 0, 0.0, []
    for field in _fields(data):
        if field.is_a(1, _FIXED_64):
            at = struct.unpack("<d", field.data)[0]
        elif field.is_a(2, _VARINT):
            step = field.whole - (1 << 64) if field.whole >= 1 << 63 else field.whole
        elif field.is_a(5, _BYTES):
            found = [_tagged(inner.data) for inner in _fields(field.data) if inner.is_a(1, _BYTES)]
            values += [pair for pair in found if pair is not None]
    return Scalars(step, at, values)


def _tagged(data: bytes) -> tuple[str, float] | None:
    """The tag and the number of a value; None if it is not a number."""
    tag, found = "", None
    for field in _fields(data):
        if field.is_a(1, _BYTES):
            tag = field.data.decode("utf-8", "replace")
        elif field.is_a(2, _FIXED_32):
            found = _short(field.data)
        elif field.is_a(8, _BYTES):
            found = _number(list(_fields(field.data)))
    return None if found is None else (tag, found)


#: Packing of the content and field of the numbers, by type of the tensor.
_TYPES = {
    1: ("<f", 5),
    2: ("<d", 6),
    3: ("<i", 7),
    4: ("<B", 7),
    5: ("<h", 7),
    6: ("<b", 7),
    9: ("<q", 10),
    10: ("<?", 11),
    14: ("<H", 13),
    17: ("<H", 7),
    19: ("<e", 13),
    22: ("<I", 16),
    23: ("<Q", 17),
}
_FLOAT_32, _BFLOAT_16 = 1, 14


def _number(tensor: list[_Field]) -> float | None:
    """The number in a tensor without dimensions; None for any other tensor."""
    dtype = next((field.whole for field in tensor if field.is_a(1, _VARINT)), 0)
    if dtype not in _TYPES or any(field.is_a(2, _BYTES) and field.data for field in tensor):
        return None
    layout, number = _TYPES[dtype]
    size = struct.calcsize(layout)
    for field in tensor:
        if field.is_a(4, _BYTES) or (field.number == number and field.kind != _VARINT):
            packed = field.data
            if field.number == number and number not in (5, 6):
                packed = _low_bytes(_varint(packed, 0)[0], size)
        elif field.is_a(number, _VARINT):
            packed = _low_bytes(field.whole, size)
        else:
            continue
        if len(packed) != size:
            return None
        if dtype == _BFLOAT_16:
            return float(struct.unpack("<f", b"\0\0" + packed)[0])
        return _short(packed) if dtype == _FLOAT_32 else float(struct.unpack(layout, packed)[0])
    return None


def _low_bytes(whole: int, size: int) -> bytes:
    return (whole & ((1 << (8 * size)) - 1)).to_bytes(size, "little")


def _short(packed: bytes) -> float:
    """A single-precision number as the shortest decimal that identifies it: 0.3 remains 0.3."""
    number: float = struct.unpack("<f", packed)[0]
    for digits in (6, 7, 8):
        rounded = float(f"{number:.{digits}g}")
        if abs(rounded) < 3.4e38 and struct.pack("<f", rounded) == packed:
            return rounded
    return number


class _Field(NamedTuple):
    """A field of a message: a whole number, or data."""

    number: int
    kind: int
    whole: int
    data: bytes

    def is_a(self, number: int, kind: int) -> bool:
        return (self.number, self.kind) == (number, kind)


def _fields(data: bytes) -> Iterator[_Field]:
    """The fields of a message.

    Raises:
        ValueError: It is not a message.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            whole, at = _varint(data, at)
            yield _Field(number, kind, whole, b"")
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED_64, _FIXED_32):
            size = 8 if kind == _FIXED_64 else 4
        else:
            raise ValueError("unknown kind of field")
        if at + size > len(data):
            raise ValueError("a field is longer than its message")
        yield _Field(number, kind, 0, data[at : at + size])
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Decode a variable-length number; also returns its end."""
    number = 0
    for n in range(10):
        if at + n >= len(data):
            break
        byte = data[at + n]
        number |= (byte & 0x7F) << (7 * n)
        if byte < 0x80:
            return number, at + n + 1
    raise ValueError("a number has no end")
