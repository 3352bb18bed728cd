from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweep_sdk._metrics.values import clean_metrics
from sweep_service.model.records.numbers import NON_FINITE


def clean(metrics):
    refusals = {}
    return clean_metrics(metrics, refusals.__setitem__), refusals


class Scalar:
    """What torch, jax and numpy scalars have in common."""

    def __init__(self, value, shape=()):
        self.value = value
        self.shape = shape

    def item(self):
        if self.shape:
            raise RuntimeError("a Tensor with 3 elements cannot be converted to Scalar")
        return self.value


class Floatable:
    def __float__(self):
        return 0.5


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1),
        (0.5, 0.5),
        (True, True),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ("NaN", "NaN"),
        (Decimal("NaN"), "NaN"),
        (10**400, "Infinity"),
        (-(10**400), "-Infinity"),
        (2**64, float(2**64)),
        (Scalar(0.5), 0.5),
        (Scalar(math.nan), "NaN"),
        (Scalar(True), True),
        (Floatable(), 0.5),
    ],
)
def test_numbers_of_all_kinds(value, number):
    found, refusals = clean({"x": value})
    assert (found, refusals) == ({"x": number}, {})
    assert type(found["x"]) is type(number)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "0.3",
        b"x",
        [],
        [1, 2],
        ("a",),
        {1},
        1j,
        object(),
        Scalar(0, shape=(3,)),
        Scalar("text"),
        Scalar(1j),
        Decimal("sNaN"),
    ],
)
def test_what_is_no_number_is_refused_by_name(value):
    found, refusals = clean({"a": {"image": value}, "ok": 1})
    assert found == {"ok": 1}
    assert list(refusals) == ["a.image"]
    assert refusals["a.image"]


def test_a_tensor_is_described_by_its_shape():
    _, refusals = clean({"image": Scalar(0, shape=(3, 224, 224))})
    assert "(3, 224, 224)" in refusals["image"]


def test_nested_maps_become_dotted_names():
    assert clean({"val": {"loss": 1.0, "by": {"cls": {7: 0.5}}}})[0] == {
        "val.loss": 1.0,
        "val.by.cls.7": 0.5,
    }


def test_endless_nesting_is_refused():
    loop = {}
    loop["again"] = loop
    found, refusals = clean({"x": 1.0, "loop": loop})
    assert found == {"x": 1.0}
    assert refusals == {"loop.again": "the map holds itself"}


def test_real_numpy_scalars():
    import numpy as np

    found, refusals = clean(
        {
            "f32": np.float32(0.5),
            "f64": np.float64(0.25),
            "i": np.int64(3),
            "b": np.bool_(True),
            "zero_d": np.array(2.0),
            "one": np.array([0.125]),
            "many": np.zeros((2, 3)),
        }
    )
    assert found == {"f32": 0.5, "f64": 0.25, "i": 3, "b": True, "zero_d": 2.0, "one": 0.125}
    assert all(type(value) in (float, int, bool) for value in found.values())
    assert "(2, 3)" in refusals["many"]


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text() | st.integers(), anything, max_size=5))
def test_nothing_raises_and_what_comes_out_can_travel(metrics):
    found, _ = clean(metrics)
    for value in found.values():
        assert value in NON_FINITE if isinstance(value, str) else math.isfinite(value)
    assert clean(found)[0] == found
