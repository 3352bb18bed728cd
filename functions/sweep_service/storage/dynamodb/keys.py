"""Keys of the DynamoDB table, ``pk`` and ``sk``, both texts. No other module builds keys.

======================== ============================ =========================
item                     pk                           sk
======================== ============================ =========================
config version           ``S#<sweep>``                ``META#<version>``
counter                  ``S#<sweep>``                ``CTR``
claimed point            ``S#<sweep>``                ``PT#<version>#<point>``
change by a person       ``S#<sweep>``                ``EV#<time>#<id>``
what is shown of it      ``S#<sweep>``                ``INFO``
lease                    ``S#<sweep>``                ``ACT#<index>``
run                      ``S#<sweep>``                ``R#<index>``
observation              ``S#<sweep>``                ``OBS#<written>#<index>``
value at a band          ``S#<sweep>``                ``BAND#<band>#<index>``
rows                     ``RUN#<sweep>-<index>``      ``M#<attempt>#<offset>``
earlier attempt          ``RUN#<sweep>-<index>``      ``A#<attempt>``
error tail               ``RUN#<sweep>-<index>``      ``ERR#<attempt>``
listing of a project     ``P#<project>``              ``S#<created>#<sweep>``
listing of all sweeps    ``ALL``                      ``S#<created>#<sweep>``
access token             ``TOKENS``                   ``<sha256>``
======================== ============================ =========================

Numbers are padded with zeros to the 19 digits of 2**63, so that they sort as text. Times are in
tenths of a microsecond, finer than a float can represent at present.
"""

from __future__ import annotations

from typing import NamedTuple

from sweep_service.model.records.identifiers import run_id

_DIGITS = 19
_TICKS_A_SECOND = 10_000_000
_LAST = "~"  # sorts after digits, letters and '#'


class Key(NamedTuple):
    """The key of an item."""

    pk: str
    sk: str


class Span(NamedTuple):
    """A range of keys in one partition: ``first <= sk <= last``."""

    pk: str
    first: str
    last: str


def meta(sweep: str, version: int) -> Key:
    """A config version."""
    return Key(_sweep(sweep), f"META#{_number(version)}")


def metas(sweep: str) -> Span:
    """All config versions."""
    return _all(_sweep(sweep), "META#")


def counter(sweep: str) -> Key:
    """The counter of a sweep."""
    return Key(_sweep(sweep), "CTR")


def info(sweep: str) -> Key:
    """The labels and the final counts of a sweep."""
    return Key(_sweep(sweep), "INFO")


def point(sweep: str, version: int, name: str) -> Key:
    """A claimed point of a config version."""
    return Key(_sweep(sweep), f"PT#{_number(version)}#{name}")


def points(sweep: str, version: int) -> Span:
    """All claimed points of a config version."""
    return _all(_sweep(sweep), f"PT#{_number(version)}#")


def lease(sweep: str, index: int) -> Key:
    """The lease of an index."""
    return Key(_sweep(sweep), f"ACT#{_number(index)}")


def leases(sweep: str) -> Span:
    """All leases, in order of index."""
    return _all(_sweep(sweep), "ACT#")


def run(sweep: str, index: int) -> Key:
    """The run at an index."""
    return Key(_sweep(sweep), f"R#{_number(index)}")


def runs(sweep: str, since: int = 0) -> Span:
    """Runs with index >= ``since``, in order of index."""
    return Span(_sweep(sweep), f"R#{_number(since)}", f"R#{_LAST}")


def observation(sweep: str, written_at: float, index: int) -> Key:
    """An entry of the observation log."""
    return Key(_sweep(sweep), f"OBS#{_time(written_at)}#{_number(index)}")


def observations(sweep: str, since: float) -> Span:
    """Entries written at ``since`` or later, in order of writing."""
    return Span(_sweep(sweep), f"OBS#{_time(since)}", f"OBS#{_LAST}")


def band(sweep: str, band: int, index: int) -> Key:
    """A run's value at a band."""
    return Key(_sweep(sweep), f"BAND#{_number(band)}#{_number(index)}")


def bands(sweep: str, band: int) -> Span:
    """The values at a band, in order of index."""
    return _all(_sweep(sweep), f"BAND#{_number(band)}#")


def rows(sweep: str, index: int, attempt: int, offset: int) -> Key:
    """A batch of logged rows."""
    return Key(_run(sweep, index), f"M#{_number(attempt)}#{_number(offset)}")


def histories(sweep: str, index: int, after: tuple[int, int] | None) -> Span:
    """Batches of rows after ``(attempt, offset)``, in that order."""
    if after is None:
        return _all(_run(sweep, index), "M#")
    last_read = rows(sweep, index, *after)
    return Span(last_read.pk, last_read.sk + "!", f"M#{_LAST}")  # '!' sorts before what follows


def index_of(key: Key) -> int:
    """The index at the end of the key of a run, lease, observation or band value."""
    return int(key.sk[-_DIGITS:])


def attempt_record(sweep: str, index: int, attempt: int) -> Key:
    """The record of an earlier attempt."""
    return Key(_run(sweep, index), f"A#{_number(attempt)}")


def attempt_records(sweep: str, index: int) -> Span:
    """The records of all earlier attempts, oldest first."""
    return _all(_run(sweep, index), "A#")


def error_tail(sweep: str, index: int, attempt: int) -> Key:
    """The error tail of an attempt."""
    return Key(_run(sweep, index), f"ERR#{_number(attempt)}")


def run_partition(sweep: str, index: int) -> Span:
    """Everything in a run's own partition."""
    return _all(_run(sweep, index), "")


def attempt_entries(sweep: str, index: int, attempt: int) -> list[Span]:
    """The entries of all attempts up to ``attempt``, one span per kind."""
    last = f"{_number(attempt)}{_LAST}"
    return [Span(_run(sweep, index), kind, kind + last) for kind in ("M#", "A#", "ERR#")]


def everything(sweep: str) -> Span:
    """Everything in a sweep's own partition."""
    return _all(_sweep(sweep), "")


def listing(project: str | None, created_at: float, sweep: str) -> Key:
    """An entry in the listing of a project, or of all sweeps if None."""
    return Key(_project(project), f"S#{_time(created_at)}#{sweep}")


def listings(project: str | None, last: tuple[float, str] | None) -> Span:
    """Entries of a listing, up to and including ``(created_at, sweep)`` if given."""
    if last is None:
        return _all(_project(project), "S#")
    return Span(*listing(project, *last)._replace(sk="S#"), listing(project, *last).sk)


def event(sweep: str, at: float, event_id: str) -> Key:
    """A change that a caller made."""
    return Key(_sweep(sweep), f"EV#{_time(at)}#{event_id}")


def events(sweep: str) -> Span:
    """All changes to a sweep, in order of time."""
    return _all(_sweep(sweep), "EV#")


def token(sha256: str) -> Key:
    """An access token."""
    return Key("TOKENS", sha256)


def tokens() -> Span:
    """All access tokens."""
    return _all("TOKENS", "")


def _sweep(sweep: str) -> str:
    return f"S#{sweep}"


def _run(sweep: str, index: int) -> str:
    return f"RUN#{run_id(sweep, index)}"


def _project(project: str | None) -> str:
    return "ALL" if project is None else f"P#{project}"


def _all(pk: str, prefix: str) -> Span:
    return Span(pk, prefix or " ", prefix + _LAST)


def _number(number: int) -> str:
    return f"{number:0{_DIGITS}d}"


def _time(seconds: float) -> str:
    return f"{max(0, round(seconds * _TICKS_A_SECOND)):018d}"
