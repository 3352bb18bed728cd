"""Non-finite numbers in strict JSON: texts for metrics, tagged objects in configs."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.model.records.numbers import (
    decode_metric,
    encode_number,
    tagged,
    untag,
    with_texts,
)

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([*NON_FINITE]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_a_config_value_comes_back_as_it_was(value):
    text = json.dumps(tagged(value), allow_nan=False)
    assert repr(json.loads(text, object_hook=untag)) == repr(value)


@given(values)
def test_texts_make_strict_json_of_the_same_shape(value):
    text = json.dumps(with_texts(value), allow_nan=False)
    assert json.loads(text) == json.loads(json.dumps(value), parse_constant=str)


@pytest.mark.parametrize(("text", "number"), NON_FINITE.items())
def test_a_metric_comes_back_as_the_number(text, number):
    assert repr(decode_metric(encode_number(number))) == repr(number)
    assert encode_number(number) == text


@pytest.mark.parametrize("value", [0, 3, True, 0.5, 10**30, "nan", "some text", None])
def test_what_is_no_text_for_a_number_stays_as_it_is(value):
    assert decode_metric(value) is value


@pytest.mark.parametrize(
    "found", [{}, {"$number": 1}, {"$number": "one"}, {"$number": "NaN", "more": 1}, {"a": "NaN"}]
)
def test_other_objects_are_not_numbers(found):
    assert untag(found) is found
