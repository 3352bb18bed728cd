"""How values are stored in the attributes of a DynamoDB item.

Numbers that a training program sends are kept as text or binary: DynamoDB's own number type
refuses NaN, infinities and 1e-200.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import Attribute

from sweep_service.errors import InvalidRequest
from sweep_service.model.records.records import Amendment
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.codec import (
    decode_bases,
    decode_early_stop,
    decode_outcome,
    decode_taken,
    encode_bases,
    encode_early_stop,
    encode_outcome,
    encode_taken,
    from_json,
    pack_unit,
    to_json,
    unpack_unit,
)

if TYPE_CHECKING:
    from sweep_service.model.records.records import Base, EarlyStop, Outcome, Taken


class Text(Attribute[str]):
    """A text; one that UTF-8 cannot hold (half a surrogate pair) is refused here."""

    attr_type = "S"

    def serialize(self, value: str) -> str:
        """The text itself."""
        _utf8(value)
        return value


class Whole(Attribute[int]):
    """A whole number."""

    attr_type = "N"

    def serialize(self, value: int) -> str:
        """Decimal digits."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """The number that the digits represent."""
        return int(value)


class Revision(Attribute[int]):
    """A number of amendments; 0 is not stored."""

    attr_type = "N"

    def serialize(self, value: int) -> str | None:
        """Decimal digits; nothing for 0."""
        return str(value) if value else None

    def deserialize(self, value: str) -> int:
        """The number that the digits represent."""
        return int(value)


class Kind(Attribute[Amendment]):
    """What a person does to a run that has ended."""

    attr_type = "S"

    def serialize(self, value: Amendment) -> str:
        """Its name."""
        return value.value

    def deserialize(self, value: str) -> Amendment:
        """The kind of that name."""
        return Amendment(value)


class BigWhole(Attribute[int]):
    """A whole number of any size, as text."""

    attr_type = "S"

    def serialize(self, value: int) -> str:
        """Decimal digits."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """The number that the digits represent."""
        return int(value)


class Seconds(Attribute[float]):
    """A time or a duration; read back exactly, and comparable in conditions."""

    attr_type = "N"

    def serialize(self, value: float) -> str:
        """The shortest decimal that represents this float alone."""
        return repr(float(value))

    def deserialize(self, value: str) -> float:
        """The float."""
        return float(value)


class MetricAttribute(Attribute[float]):
    """A metric value, any float at all, as text."""

    attr_type = "S"

    def serialize(self, value: float) -> str:
        """Such as ``0.25``, ``1e-200``, ``nan``."""
        return repr(float(value))

    def deserialize(self, value: str) -> float:
        """The float."""
        return float(value)


class Json(Attribute[Any]):
    """A JSON document as text."""

    attr_type = "S"

    def serialize(self, value: object) -> str:
        """See ``codec``."""
        return to_json(value)

    def deserialize(self, value: str) -> Any:
        """The document."""
        return from_json(value)


class Packed(Attribute[str]):
    """A long text, compressed: writes are billed by the kilobyte."""

    attr_type = "B"

    def serialize(self, value: str) -> bytes:
        """Compressed UTF-8."""
        return zlib.compress(_utf8(value))

    def deserialize(self, value: bytes) -> str:
        """The text."""
        return zlib.decompress(value).decode()


class Before(Attribute["Taken"]):
    """What had been run before a config version began, compressed."""

    attr_type = "B"

    def serialize(self, value: Taken) -> bytes:
        """See ``codec``."""
        return zlib.compress((encode_taken(value) or "").encode())

    def deserialize(self, value: bytes) -> Taken | None:
        """The record."""
        return decode_taken(zlib.decompress(value).decode())


class Numbers(Attribute[tuple[float, ...]]):
    """Floats, such as a unit vector, 8 bytes each."""

    attr_type = "B"

    def serialize(self, value: tuple[float, ...]) -> bytes | None:
        """See ``codec``."""
        return pack_unit(value)

    def deserialize(self, value: bytes) -> tuple[float, ...] | None:
        """The floats."""
        return unpack_unit(value)


class Bases(Attribute[tuple["Base", ...]]):
    """Config versions and their first indices."""

    attr_type = "S"

    def serialize(self, value: tuple[Base, ...]) -> str:
        """See ``codec``."""
        return encode_bases(value)

    def deserialize(self, value: str) -> tuple[Base, ...]:
        """The bases."""
        return decode_bases(value)


class OutcomeAttribute(Attribute["Outcome"]):
    """An outcome whole."""

    attr_type = "S"

    def serialize(self, value: Outcome) -> str:
        """See ``codec``."""
        return encode_outcome(value)

    def deserialize(self, value: str) -> Outcome | None:
        """The outcome."""
        return decode_outcome(value)


class Reason(Attribute["EarlyStop"]):
    """Why a run was asked to stop."""

    attr_type = "S"

    def serialize(self, value: EarlyStop) -> str | None:
        """See ``codec``."""
        return encode_early_stop(value)

    def deserialize(self, value: str) -> EarlyStop | None:
        """The reason."""
        return decode_early_stop(value)


class StateOfRun(Attribute[RunState]):
    """The state of a run, by its name."""

    attr_type = "S"

    def serialize(self, value: RunState) -> str:
        """The name."""
        return value.value

    def deserialize(self, value: str) -> RunState:
        """The state."""
        return RunState(value)


class StateOfSweep(Attribute[SweepState]):
    """The state of a sweep, by its name."""

    attr_type = "S"

    def serialize(self, value: SweepState) -> str:
        """The name."""
        return value.value

    def deserialize(self, value: str) -> SweepState:
        """The state."""
        return SweepState(value)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"a value that cannot be stored: {error}") from None
