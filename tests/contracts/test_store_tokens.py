"""Contract: access tokens are records that belong to no sweep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from store_samples import UNICODE

from sweep_service.access.scopes import Scope
from sweep_service.access.tokens import Token
from sweep_service.errors import Stale
from sweep_service.storage.store import Store


def a_token(first: str = "0", **changes: Any) -> Token:
    values: dict[str, Any] = {
        "name": "slurm",
        "scope": Scope.AGENT,
        "sweep": None,
        "created_at": 1000.5,
        "created_by": "first token",
    }
    return Token(first * 64, **{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": UNICODE, "created_by": UNICODE, "scope": Scope.ADMIN},
        {"sweep": "k3v9x2ab", "expires_at": 4_000_000_000},
        {"last_used_at": 1 / 3, "revoked_at": 2000.25},
    ],
)
def test_a_token_is_read_as_it_was_saved(store: Store, changes: dict[str, Any]) -> None:
    token = a_token(**changes)
    assert store.save("", None, token) == token
    assert store.get_token(token.sha256) == token
    assert store.list_tokens() == [token]


def test_there_is_none_at_first(store: Store) -> None:
    assert store.get_token("0" * 64) is None
    assert store.list_tokens() == []


def test_tokens_are_listed_by_their_hash(store: Store) -> None:
    for first in "c1f":
        store.save("", None, a_token(first))
    assert [token.sha256[0] for token in store.list_tokens()] == ["1", "c", "f"]


def test_a_token_changes_where_it_is_as_it_was_seen(store: Store) -> None:
    created = store.save("", None, a_token())
    used = store.save("", created, replace(created, last_used_at=5.0))
    assert (used.change, store.get_token(used.sha256)) == (1, used)
    with pytest.raises(Stale) as caught:
        store.save("", created, replace(created, revoked_at=6.0))
    assert caught.value.stored == used
    with pytest.raises(Stale):
        store.save("", None, a_token(name="another"))


def test_a_repeated_creation_changes_nothing(store: Store) -> None:
    assert store.save("", None, a_token()) == store.save("", None, a_token())


def test_a_token_that_is_gone_does_not_come_back_by_a_change(store: Store) -> None:
    token = a_token()
    with pytest.raises(Stale):
        store.save("", token, replace(token, last_used_at=5.0))
    assert store.get_token(token.sha256) is None
