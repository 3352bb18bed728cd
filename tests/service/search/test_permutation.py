from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.search.permutation import Permutation


@given(st.integers(1, 300), st.text(max_size=5))
def test_it_is_a_bijection(n, key):
    permutation = Permutation(n, key)
    images = [permutation(i) for i in range(n)]
    assert sorted(images) == list(range(n))
    assert [permutation.position_of(image) for image in images] == list(range(n))


@given(st.integers(1, 10**40), st.data())
def test_it_is_invertible_for_any_size(n, data):
    position = data.draw(st.integers(0, n - 1))
    permutation = Permutation(n, "key")
    image = permutation(position)
    assert 0 <= image < n
    assert permutation.position_of(image) == position


def test_it_is_the_same_everywhere():
    assert [Permutation(10, "7:order")(i) for i in range(10)] == [0, 3, 7, 4, 1, 5, 2, 9, 6, 8]


@pytest.mark.parametrize("n", [2, 3, 5, 6])
def test_every_order_is_about_equally_likely(n):
    n_keys = 3000
    firsts = Counter(Permutation(n, str(key))(0) for key in range(n_keys))
    pairs = Counter(
        (Permutation(n, str(key))(0), Permutation(n, str(key))(1)) for key in range(n_keys)
    )
    for counts, n_cells in ((firsts, n), (pairs, n * (n - 1))):
        expected = n_keys / n_cells
        statistic = sum((counts[cell] - expected) ** 2 / expected for cell in counts)
        assert len(counts) == n_cells
        assert statistic < n_cells + 4 * (2 * n_cells) ** 0.5


def test_neighbours_do_not_stay_neighbours():
    permutation = Permutation(10_000, "s")
    steps = [abs(permutation(i + 1) - permutation(i)) for i in range(500)]
    assert sum(steps) / len(steps) == pytest.approx(10_000 / 3, rel=0.15)
