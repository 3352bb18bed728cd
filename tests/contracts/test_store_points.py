"""Contract: claims of points."""

from __future__ import annotations

import pytest
from store_samples import SWEEP, add_sweep

from sweep_service.storage.store import Store

LONGEST = "f" * 64


class TestClaimPoint:
    @pytest.mark.parametrize("point", ["0", "a1", LONGEST])
    def test_a_free_point(self, store: Store, point: str) -> None:
        assert store.claim_point(SWEEP, 1, point, 7) == 7
        assert store.list_points(SWEEP, 1) == {point: 7}

    def test_again_is_the_same(self, store: Store) -> None:
        assert [store.claim_point(SWEEP, 1, "0", 7) for _ in range(2)] == [7, 7]

    def test_another_index_has_it(self, store: Store) -> None:
        store.claim_point(SWEEP, 1, "0", 7)
        assert store.claim_point(SWEEP, 1, "0", 8) == 7
        assert store.list_points(SWEEP, 1) == {"0": 7}

    def test_an_index_that_has_no_use_for_it(self, store: Store) -> None:
        store.claim_point(SWEEP, 1, "0", 7)
        assert store.claim_point(SWEEP, 1, "0", 8, 6) == 7
        assert store.claim_point(SWEEP, 1, "0", 8, 7) == 8
        assert store.claim_point(SWEEP, 1, "0", 9, 7) == 8

    def test_over_an_index_that_has_it_no_more(self, store: Store) -> None:
        assert store.claim_point(SWEEP, 1, "0", 8, 7) == 8

    def test_versions_and_sweeps_are_apart(self, store: Store) -> None:
        places = [(SWEEP, 1), (SWEEP, 2), ("other123", 1)]
        for index, place in enumerate(places):
            assert store.claim_point(*place, "0", index) == index
        assert [store.list_points(*place) for place in places] == [{"0": 0}, {"0": 1}, {"0": 2}]


def test_points_go_with_their_sweep(store: Store) -> None:
    add_sweep(store)
    for index in range(3):
        store.claim_point(SWEEP, 1, f"{index}", index)
    store.delete_sweep(SWEEP)
    assert store.list_points(SWEEP, 1) == {}
