"""Round trips through the stored encodings."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from sweep_service.model.records.records import Base, LiveSummary, Outcome, Row, Taken
from sweep_service.model.records.states import RunState
from sweep_service.storage import codec

numbers = st.floats() | st.integers()
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
metrics = st.dictionaries(st.text(), numbers | st.booleans() | st.text())
maybe_int = st.none() | st.integers()


@given(json_values)
def test_json(value: Any) -> None:
    assert repr(codec.from_json(codec.to_json(value))) == repr(value)


def test_json_unwraps_mappings() -> None:
    assert codec.to_json(MappingProxyType({"a": MappingProxyType({"b": 1})})) == '{"a":{"b":1}}'


def test_json_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(TypeError):
        codec.to_json({"a": object()})


@given(st.none() | st.lists(st.floats()))
def test_unit(unit: list[float] | None) -> None:
    expected = None if unit is None else tuple(unit)
    assert repr(codec.unpack_unit(codec.pack_unit(unit))) == repr(expected)


@given(st.lists(st.builds(Base, st.integers(), st.integers())))
def test_bases(bases: list[Base]) -> None:
    assert codec.decode_bases(codec.encode_bases(bases)) == tuple(bases)


@given(
    st.builds(
        LiveSummary,
        maybe_int,
        st.integers(0),
        st.none() | st.floats(),
        st.none() | st.floats(),
        maybe_int,
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_live(live: LiveSummary) -> None:
    columns = codec.encode_live(live)
    assert repr(codec.decode_live(columns)) == repr(live)
    assert all(
        value is None or not isinstance(value, float) or math.isfinite(value) for value in columns
    )


@given(
    st.builds(
        Outcome,
        state=st.sampled_from(RunState),
        ended_at=st.floats(allow_nan=False),
        exit_code=maybe_int,
        signal=maybe_int,
        summary=metrics,
        best=st.none() | st.floats(),
        is_stopped_early=st.booleans(),
        last=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_outcome(outcome: Outcome) -> None:
    assert repr(codec.decode_outcome(codec.encode_outcome(outcome))) == repr(outcome)


@pytest.mark.parametrize("n_fields", [7, 8])
def test_an_outcome_of_an_earlier_version(n_fields: int) -> None:
    fields = ["failed", 1.5, 1, None, {"loss": 2.0}, 2.0, False, {"name": "one"}]
    outcome = codec.decode_outcome(codec.to_json(fields[:n_fields]))
    assert outcome is not None
    assert (outcome.best, outcome.last) == (2.0, None)


def test_no_outcome() -> None:
    assert codec.decode_outcome(None) is None


@given(st.lists(st.builds(Row, maybe_int, st.none() | st.floats(), metrics)))
def test_rows(rows: list[Row]) -> None:
    assert repr(codec.decode_rows(codec.encode_rows(rows))) == repr(tuple(rows))


ascending = st.sets(st.integers(0, 40) | st.integers(0, 10**5000)).map(
    lambda found: tuple(sorted(found))
)


@given(ascending, ascending, ascending)
def test_what_had_been_run(starts: Any, points: Any, elsewhere: Any) -> None:
    taken = Taken(starts, points, elsewhere)
    assert codec.decode_taken(codec.encode_taken(taken)) == taken


def test_points_in_a_row_take_no_room() -> None:
    text = codec.encode_taken(Taken(points=(3, 4, 6, *range(100, 10**5))))
    assert text == "|3:2 1:1 5d:1863c|"
    assert codec.decode_taken(None) is codec.encode_taken(None) is None
