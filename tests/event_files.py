"""Writes TensorBoard's event files and MLflow's stores as their libraries do, without these.

Programs of tests import it too: it needs the standard library only.
"""

from __future__ import annotations

import struct
from pathlib import Path


def crc32c(data: bytes) -> int:
    """By definition, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """A TFRecord."""
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def text(number: int, data: bytes) -> bytes:
    """A field with data."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def scalar(tag: str, value: float) -> bytes:
    """A value of a summary."""
    return text(1, text(1, tag.encode()) + b"\x15" + struct.pack("<f", value))


def tensor(tag: str, dtype: int, *fields: bytes) -> bytes:
    """A value of a summary that is a tensor."""
    return text(1, text(1, tag.encode()) + text(8, b"\x08" + varint(dtype) + b"".join(fields)))


def event(step: int, *values: bytes, at: float = 1.5) -> bytes:
    """An event with a summary."""
    return b"\x09" + struct.pack("<d", at) + b"\x10" + varint(step) + text(5, b"".join(values))


def scalars(step: int, at: float = 1.5, **values: float) -> bytes:
    """The record of an event with scalars."""
    return record(event(step, *(scalar(tag, value) for tag, value in values.items()), at=at))


def mlflow_run(store: Path, run: str, **tags: str) -> Path:
    """The folder of a new run in MLflow's file store."""
    folder = store / "0" / run
    for name in ("metrics", "tags"):
        (folder / name).mkdir(parents=True)
    for name, value in tags.items():
        (folder / "tags" / name).write_text(value)
    return folder


def log(run: Path, name: str, value: float, step: int = 0, at: int = 1500) -> None:
    """Add a value to a metric of a run in the file store."""
    path = run / "metrics" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{at} {value} {step}\n")
