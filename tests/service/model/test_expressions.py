"""Constraints as text: the accepted expressions, and that they cannot execute code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.model.space.expressions import LONGEST, Expression, NotAnExpression

VALUES = {"a": 2, "b": 3.5, "text": "adam", "on": True, "sizes": [1, 2], "model.width": 64}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", True),
        ("a + b * 2 == 9", True),
        ("(a + b) * 2 == 11 and not a > b", True),
        ("1 < a <= 2", True),
        ("a // 2 == 1 or a % 2 == 1", True),
        ("2 ** a == 4", True),
        ("-a < +b", True),
        ("max(a, b) - min(a, b) >= 1.5", True),
        ("abs(a - b) < 1", False),
        ("log(a) < 0.7", True),
        ("len(sizes) == a", True),
        ("text == 'adam'", True),
        ("text in ['sgd', 'rmsprop']", False),
        ("text not in ('sgd', 'rmsprop')", True),
        ("on == true and a != 3", True),
        ("model.width / a == 32", True),
        ('param("model.width") > 100', False),
        ("missing > 100", True),
        ("a / (a - 2) > 1", False),
        ("text * 3 == 'adamadamadam'", False),
        ("text < a", False),
    ],
)
def test_what_holds(text, expected):
    assert Expression.parse(text).holds(VALUES) is expected


def test_the_names_that_are_mentioned():
    expression = Expression.parse("b * model.width < max(a, b) + param('batch-size')")
    assert expression.names == ("b", "model.width", "a", "batch-size")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid syntax"),
        ("a <", "invalid syntax"),
        ("a = 3", "invalid syntax"),
        ("1 < 2", "mentions no parameter"),
        ("a[0] > 1", "is not allowed"),
        ("[x for x in a]", "is not allowed"),
        ("a if a else b", "is not allowed"),
        ("f'{a}' == b", "is not allowed"),
        ("lambda: a", "is not allowed"),
        ("(b := a)", "is not allowed"),
        ("a is b", "'is' is not allowed"),
        ("a == None", "None is not a number or a text"),
        ("a == b'x'", "is not a number or a text"),
        ("open(a)", "the function open is not known; needs one of abs, len"),
        ("__import__('os').system(a)", "is not known"),
        ("a.b().c > 1", "is not the name of a parameter"),
        ("min(*a) > 1", "min() takes values only"),
        ("max(a, key=b) > 1", "max() takes values only"),
        ("param(a) > 1", "takes one name in quotes"),
        ("a > " + "1" * LONGEST, "needs at most 1,000"),
        ("(" * 300 + "a" + ")" * 300, "nested"),
        ("a > \0", "null"),
    ],
)
def test_what_is_no_expression(text, message):
    with pytest.raises(NotAnExpression) as caught:
        Expression.parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "9 ** 9 ** 9 ** 9 > a",
        "a ** 1e9 > 1",
        "'x' * 999999999 == a",
        "[1] * 999999999 == a",
        f"{'9' * 900} ** 3 > a",
        "*".join(["9" * 90] * 10) + " > a",
    ],
)
def test_no_expression_takes_long_or_much(text):
    assert Expression.parse(text).holds(VALUES) in (True, False)


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b",
                "text",
                "1",
                "0",
                "+",
                "*",
                "**",
                "<",
                "==",
                "and",
                "not",
                "(",
                ")",
                "'",
                "[",
            ]
        ),
        max_size=30,
    )
)
def test_any_text_is_refused_or_decided(words):
    text = " ".join(words)
    try:
        expression = Expression.parse(text)
    except NotAnExpression:
        return
    assert expression.holds(VALUES) in (True, False)
