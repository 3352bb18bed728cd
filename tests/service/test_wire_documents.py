"""The documents of ``wire.documents``, and the shapes derived from their types."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict, is_typeddict

import pytest

from sweep_service.wire import documents
from sweep_service.wire.shapes import Count, WrongShape, shape_of

DOCUMENTS = [kind for kind in vars(documents).values() if is_typeddict(kind)]


class Inner(TypedDict):
    name: str


class Old(TypedDict):
    size: Count


class Outer(Old, total=False):
    inner: Inner | None
    many: list[Inner]
    named: dict[str, Count]
    anything: Any


def is_even(found, place):
    if found["size"] % 2:
        raise WrongShape(f"{place}.size is odd")


@pytest.mark.parametrize(
    "found",
    [
        {"size": 2},
        {"size": 0, "inner": None},
        {"size": 0, "inner": {"name": "n"}, "many": [{"name": "m"}], "named": {"a": 1}},
        {"size": 1, "anything": object(), "of a newer backend": {}},
    ],
)
def test_what_has_the_shape_of_its_type(found):
    shape_of(Outer)(found, "it")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([], "it is a list; needs a map"),
        ({}, "it lacks size"),
        ({"size": -1}, "it.size is -1; needs a whole number of at least 0"),
        ({"size": True}, "it.size is True; needs a whole number of at least 0"),
        ({"size": 1, "inner": {}}, "it.inner lacks name"),
        ({"size": 1, "inner": {"name": None}}, "it.inner.name is None; needs a text"),
        ({"size": 1, "many": None}, "it.many is None; needs a list"),
        ({"size": 1, "many": [{"name": "m"}, 3]}, r"it.many\[1\] is 3; needs a map"),
        ({"size": 1, "named": {"a": "b"}}, "it.named.a is 'b'; needs a whole number"),
    ],
)
def test_what_has_another_shape(found, message):
    with pytest.raises(WrongShape, match=message):
        shape_of(Outer)(found, "it")


def test_a_check_of_a_whole_document():
    shape = shape_of(Annotated[Outer, is_even])
    shape({"size": 2}, "it")
    with pytest.raises(WrongShape, match="odd"):
        shape({"size": 3}, "it")
    with pytest.raises(WrongShape, match="lacks size"):
        shape({}, "it")


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: kind.__name__)
def test_every_document_can_be_checked(kind):
    with pytest.raises(WrongShape, match="needs a map"):
        shape_of(kind)(None, "it")
    if kind.__required_keys__:
        with pytest.raises(WrongShape, match="lacks"):
            shape_of(kind)({}, "it")


def test_a_type_that_cannot_be_checked():
    with pytest.raises(TypeError, match="complex"):
        shape_of(complex)
