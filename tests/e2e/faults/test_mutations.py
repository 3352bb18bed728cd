"""The mutations are consistent with the source, the tests and ``tests/mutations.md``."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from mutate import MUTATIONS, TABLE, table
from mutations import PROMISES, ROOT, Mutation


def name_of(mutation: Mutation) -> str:
    return f"{mutation.place}: {mutation.what}"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=name_of)
def test_it_still_has_its_place_and_its_test(mutation: Mutation) -> None:
    source = (ROOT / mutation.path).read_text()
    assert mutation.applied_to(source) != source
    file, *classes, test = mutation.test.split("::")
    text = (ROOT / file).read_text()
    for name in classes:
        _, found, text = text.partition(f"\nclass {name}:\n")
        assert found, f"no class {name} in {file}"
        text = re.split(r"\n(?=\w)", text, maxsplit=1)[0]
    assert re.search(rf"^ *def {test.partition('[')[0]}\(", text, re.MULTILINE), mutation.test


def test_every_mutation_is_listed_once() -> None:
    names = Counter(map(name_of, MUTATIONS))
    assert max(names.values()) == 1, names.most_common(1)


def test_every_promise_has_its_mutations() -> None:
    assert {mutation.promise for mutation in MUTATIONS} == set(PROMISES)


def test_the_table_is_in_step() -> None:
    assert TABLE.read_text().endswith(table()), "run tests/e2e/faults/mutate.py --write"
