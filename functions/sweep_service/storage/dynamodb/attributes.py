"""Attribute types: how values are stored in a DynamoDB item.

Numbers from a training program are stored as text or binary, because DynamoDB's number type
rejects NaN, infinities and 1e-200.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pynamodb.attributes import Attribute

from sweep_service.errors import InvalidRequest
from sweep_service.model.records.records import (
    Amendment,
    Base,
    EarlyStop,
    Outcome,
    Taken,
)
from sweep_service.model.records.shown import Final, Labels
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.codec import (
    decode_bases,
    decode_early_stop,
    decode_final,
    decode_labels,
    decode_names,
    decode_outcome,
    decode_taken,
    encode_bases,
    encode_early_stop,
    encode_final,
    encode_labels,
    encode_names,
    encode_outcome,
    encode_taken,
    from_json,
    pack_unit,
    to_json,
    unpack_unit,
)

if TYPE_CHECKING:
    from collections.abc import Callable


_T = TypeVar("_T")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"a value that cannot be stored: {error}") from None


def _exact(value: float) -> str:
    """The shortest decimal that identifies this float: ``0.25``, ``1e-200``, ``nan``."""
    return repr(float(value))


class _Stored(Attribute[_T]):
    """An attribute; its subclasses name DynamoDB's type and the functions that convert values.

    ``write`` converts a value to its stored form (None: not stored), and ``read`` is its inverse.
    """

    _write: ClassVar[Callable[[Any], object]]
    _read: ClassVar[Callable[[Any], Any]]

    def __init_subclass__(
        cls, attr_type: str, write: Callable[[_T], object], read: Callable[[Any], _T | None]
    ) -> None:
        super().__init_subclass__()
        cls.attr_type = attr_type
        cls._write, cls._read = staticmethod(write), staticmethod(read)

    def serialize(self, value: _T) -> object:
        """The stored form of a value."""
        return type(self)._write(value)

    def deserialize(self, value: Any) -> Any:
        """The value of a stored form."""
        return type(self)._read(value)


class Text(_Stored[str], attr_type="S", write=lambda text: _utf8(text).decode(), read=str):
    """A text; one that UTF-8 cannot encode (half a surrogate pair) is rejected here."""


class Whole(_Stored[int], attr_type="N", write=str, read=int):
    """A whole number."""


class Revision(_Stored[int], attr_type="N", write=lambda n: str(n) if n else None, read=int):
    """A number of amendments; 0 is not stored."""


class BigWhole(_Stored[int], attr_type="S", write=str, read=int):
    """A whole number of any size, as text."""


class Seconds(_Stored[float], attr_type="N", write=_exact, read=float):
    """A time or a duration in seconds; exact, and comparable in conditions."""


class MetricAttribute(_Stored[float], attr_type="S", write=_exact, read=float):
    """A metric value, which may be any float, as text."""


class Json(_Stored[Any], attr_type="S", write=to_json, read=from_json):
    """A JSON document as text."""


class Packed(
    _Stored[str],
    attr_type="B",
    write=lambda text: zlib.compress(_utf8(text)),
    read=lambda data: zlib.decompress(data).decode(),
):
    """A long text, compressed: writes are billed by the kilobyte."""


class Before(
    _Stored[Taken],
    attr_type="B",
    write=lambda taken: zlib.compress((encode_taken(taken) or "").encode()),
    read=lambda data: decode_taken(zlib.decompress(data).decode()),
):
    """The points taken before a config version began, compressed."""


class Numbers(_Stored[tuple[float, ...]], attr_type="B", write=pack_unit, read=unpack_unit):
    """Floats, such as a unit vector, 8 bytes each."""


class Bases(_Stored[tuple[Base, ...]], attr_type="S", write=encode_bases, read=decode_bases):
    """Config versions and their first indices."""


class OutcomeAttribute(_Stored[Outcome], attr_type="S", write=encode_outcome, read=decode_outcome):
    """A whole outcome, as JSON text."""


class Reason(_Stored[EarlyStop], attr_type="S", write=encode_early_stop, read=decode_early_stop):
    """The reason of an early stop."""


class Names(_Stored[tuple[str, ...]], attr_type="S", write=encode_names, read=decode_names):
    """Names of metrics; none are not stored."""


class LabelsAttribute(_Stored[Labels], attr_type="S", write=encode_labels, read=decode_labels):
    """The labels of a sweep or a run; empty ones are not stored."""


class FinalAttribute(_Stored[Final], attr_type="S", write=encode_final, read=decode_final):
    """The final counts of a sweep."""


class Kind(_Stored[Amendment], attr_type="S", write=lambda kind: kind.value, read=Amendment):
    """The kind of an amendment."""


class StateOfRun(_Stored[RunState], attr_type="S", write=lambda state: state.value, read=RunState):
    """The state of a run, by its name."""


class StateOfSweep(
    _Stored[SweepState], attr_type="S", write=lambda state: state.value, read=SweepState
):
    """The state of a sweep, by its name."""
