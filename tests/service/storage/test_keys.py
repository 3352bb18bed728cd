"""Keys sort like the values they represent, and spans contain exactly what they name."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.keys import Key, Span

SWEEP = "k3v9x2ab"
numbers = st.integers(0, 2**63 - 1)
times = st.floats(0, 4e9)
ids = st.from_regex(r"[a-z0-9]{8}", fullmatch=True)


def holds(span: Span, key: Key) -> bool:
    return key.pk == span.pk and span.first <= key.sk <= span.last


@given(numbers, numbers)
def test_numbers_sort_as_numbers(a: int, b: int) -> None:
    for build in (keys.run, keys.lease, keys.meta):
        assert (build(SWEEP, a) < build(SWEEP, b)) == (a < b)


@given(st.tuples(numbers, numbers), st.tuples(numbers, numbers))
def test_batches_sort_by_attempt_and_offset(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert (keys.rows(SWEEP, 0, *a) < keys.rows(SWEEP, 0, *b)) == (a < b)
    assert holds(keys.histories(SWEEP, 0, a), keys.rows(SWEEP, 0, *b)) == (a < b)
    assert holds(keys.histories(SWEEP, 0, None), keys.rows(SWEEP, 0, *b))


@given(st.tuples(times, numbers), st.tuples(times, numbers))
def test_observations_sort_by_the_time_of_writing(
    a: tuple[float, int], b: tuple[float, int]
) -> None:
    if a[0] < b[0]:
        assert keys.observation(SWEEP, *a) <= keys.observation(SWEEP, b[0], 2**63 - 1)
    assert holds(keys.observations(SWEEP, a[0]), keys.observation(SWEEP, *a))
    assert holds(keys.observations(SWEEP, -1.0), keys.observation(SWEEP, *a))


@given(st.floats(1.6e9, 4e9), st.floats(1.6e9, 4e9))
def test_no_two_times_of_our_days_are_one(a: float, b: float) -> None:
    assert (keys.observation(SWEEP, a, 0) == keys.observation(SWEEP, b, 0)) == (a == b)


@given(numbers, numbers)
def test_the_index_is_read_back(index: int, band: int) -> None:
    for key in (
        keys.run(SWEEP, index),
        keys.lease(SWEEP, index),
        keys.observation(SWEEP, 1.7e9, index),
        keys.band(SWEEP, band, index),
    ):
        assert keys.index_of(key) == index


@given(numbers, numbers)
def test_runs_from_an_index_on(since: int, index: int) -> None:
    assert holds(keys.runs(SWEEP, since), keys.run(SWEEP, index)) == (index >= since)


@given(numbers, numbers, numbers)
def test_a_band_is_not_its_neighbour(band: int, other: int, index: int) -> None:
    assert holds(keys.bands(SWEEP, band), keys.band(SWEEP, other, index)) == (band == other)


@given(st.tuples(times, ids), st.tuples(times, ids))
def test_a_listing_up_to_a_line(last: tuple[float, str], other: tuple[float, str]) -> None:
    line, last_line = keys.listing("p", *other), keys.listing("p", *last)
    assert holds(keys.listings("p", last), line) == (line <= last_line)
    assert holds(keys.listings("p", None), line)
    assert not holds(keys.listings(None, None), line)
    assert not holds(keys.listings("", None), line)


def test_each_kind_has_its_own_place() -> None:
    items = {
        "meta": keys.meta(SWEEP, 1),
        "counter": keys.counter(SWEEP),
        "lease": keys.lease(SWEEP, 1),
        "run": keys.run(SWEEP, 1),
        "observation": keys.observation(SWEEP, 1.0, 1),
        "band": keys.band(SWEEP, 1, 1),
        "rows": keys.rows(SWEEP, 1, 1, 0),
        "attempt": keys.attempt_record(SWEEP, 1, 1),
        "tail": keys.error_tail(SWEEP, 1, 1),
    }
    spans = {
        "meta": keys.metas(SWEEP),
        "lease": keys.leases(SWEEP),
        "run": keys.runs(SWEEP),
        "observation": keys.observations(SWEEP, 0.0),
        "band": keys.bands(SWEEP, 1),
        "rows": keys.histories(SWEEP, 1, None),
        "attempt": keys.attempt_records(SWEEP, 1),
    }
    for name, span in spans.items():
        assert [kind for kind, key in items.items() if holds(span, key)] == [name]
    of_run = {kind for kind, key in items.items() if holds(keys.run_partition(SWEEP, 1), key)}
    rest = {kind for kind, key in items.items() if holds(keys.everything(SWEEP), key)}
    assert of_run == {"rows", "attempt", "tail"}
    assert of_run | rest == set(items)
    assert not of_run & rest
