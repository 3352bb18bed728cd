"""Authentication: from a credential to an identity or a refusal."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sweep_service.access.authenticator import Authenticator
from sweep_service.access.identity import FIRST_ADMIN, Authentication, Identity
from sweep_service.access.scopes import Scope
from sweep_service.access.tokens import (
    EMPTY_SHA256,
    USE_INTERVAL_SECONDS,
    Token,
    is_token_text,
    is_usable_sha256,
    sha256_of,
    token_text,
)
from sweep_service.errors import Throttled, Unauthorized

FIRST = "the first admin's token, of any form"
TEXT = token_text(bytes(range(32)))


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


BASIC = basic(f"api:{FIRST}")


def a_token(**changes: Any) -> Token:
    values: dict[str, Any] = {
        "sha256": sha256_of(TEXT),
        "name": "slurm",
        "scope": Scope.AGENT,
        "sweep": "k3v9x2ab",
        "created_at": 1.0,
        "created_by": "first token",
    }
    return Token(**{**values, **changes})


class Asked:
    """The tokens of a store, and how often it was read and written."""

    def __init__(self, *tokens: Token) -> None:
        self.tokens = {token.sha256: token for token in tokens}
        self.n_reads = self.n_writes = 0
        self.trouble: Exception | None = None

    def get_token(self, sha256: str) -> Token | None:
        self.n_reads += 1
        return self.tokens.get(sha256)

    def save(self, sweep: str, seen: Token, token: Token) -> Token:
        self.n_writes += 1
        if self.trouble is not None:
            raise self.trouble
        self.tokens[token.sha256] = token
        return token


@pytest.fixture
def authenticator(clock: Any) -> Callable[..., Any]:
    def make(*tokens: Token, memory_seconds: float = 0.0) -> tuple[Authenticator, Any]:
        store: Any = Asked(*tokens)
        first = hashlib.sha256(FIRST.encode()).hexdigest()
        return Authenticator(first, lambda: store, clock, memory_seconds), store

    return make


@pytest.mark.parametrize(
    "header", [f"Bearer {FIRST}", f"bearer   {FIRST} ", BASIC, BASIC.replace("Basic", "basic ")]
)
def test_the_first_admin_needs_no_store(authenticator: Any, header: str) -> None:
    made, store = authenticator()
    assert made.identify(header) is FIRST_ADMIN
    assert store.n_reads == 0


def test_a_stored_token_says_who_has_it(authenticator: Any) -> None:
    made, _ = authenticator(a_token(expires_at=2_000_000))
    for header in (f"Bearer {TEXT}", basic(f"api:{TEXT}")):
        assert made.identify(header) == Identity(
            "slurm", Scope.AGENT, Authentication.STORED, "k3v9x2ab", 2_000_000
        )


def test_tokens_are_long_enough_for_wandb() -> None:
    """Its clients refuse keys of fewer than 40 characters before they send anything."""
    assert len(TEXT) >= 40


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer    ",
        f"Basic {TEXT}",
        "Basic",
        basic("api:"),
        basic("api"),
        basic(TEXT),
        basic(f":{TEXT}"),
        basic(f"API:{TEXT}"),
        basic(f"api:{TEXT[:-1]}"),
        "Basic YXBpOv8=",
        "Basic é",
        TEXT,
        f"Bearer {TEXT}x",
        f"Bearer {TEXT[:-1]}",
        f"Bearer {TEXT} {TEXT}",
        "Bearer swp_",
        "Bearer é\ud800",
        f"Bearer {sha256_of(TEXT)}",
    ],
)
def test_what_is_no_token_is_refused_without_a_read(authenticator: Any, header: Any) -> None:
    made, store = authenticator(a_token())
    with pytest.raises(Unauthorized):
        made.identify(header)
    assert store.n_reads == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"expires_at": 1_000_000}, "has expired"),
        ({"revoked_at": 5.0}, "was revoked"),
        ({"sha256": "0" * 64}, "does not know"),
    ],
)
def test_a_token_that_is_not_valid_is_refused(
    authenticator: Any, changes: dict[str, Any], reason: str
) -> None:
    made, _ = authenticator(a_token(**changes))
    with pytest.raises(Unauthorized, match=reason):
        made.identify(f"Bearer {TEXT}")


def test_the_time_of_use_is_written_at_most_once_an_hour(authenticator: Any, clock: Any) -> None:
    made, store = authenticator(a_token())
    for _ in range(36):
        made.identify(f"Bearer {TEXT}")
        clock.advance(USE_INTERVAL_SECONDS / 10)
    assert store.n_writes == 4
    (token,) = store.tokens.values()
    assert token.last_used_at == pytest.approx(1_000_000 + 3 * USE_INTERVAL_SECONDS)


def test_a_use_that_cannot_be_noted_is_still_one(authenticator: Any) -> None:
    made, store = authenticator(a_token())
    store.trouble = Throttled("no capacity")
    assert made.identify(f"Bearer {TEXT}").name == "slurm"


def test_a_remembered_token_is_not_read_again_for_a_while(authenticator: Any, clock: Any) -> None:
    made, store = authenticator(a_token(), memory_seconds=10.0)
    for _ in range(5):
        made.identify(f"Bearer {TEXT}")
    assert store.n_reads == 1
    (token,) = store.tokens.values()
    store.tokens[token.sha256] = replace(token, revoked_at=clock())
    clock.advance(10.0)
    with pytest.raises(Unauthorized, match="revoked"):
        made.identify(f"Bearer {TEXT}")


def test_refusals_are_not_remembered(authenticator: Any) -> None:
    made, store = authenticator(memory_seconds=10.0)
    with pytest.raises(Unauthorized):
        made.identify(f"Bearer {TEXT}")
    store.tokens[sha256_of(TEXT)] = a_token()
    assert made.identify(f"Bearer {TEXT}").name == "slurm"


def test_the_hash_of_nothing_is_not_usable() -> None:
    assert not is_usable_sha256(EMPTY_SHA256)
    assert not is_usable_sha256("A" * 64)
    assert not is_usable_sha256("0" * 63)
    assert is_usable_sha256(sha256_of(TEXT))


def test_tokens_have_256_random_bits() -> None:
    texts = {token_text(bytes([n]) * 32) for n in range(256)}
    assert len(texts) == 256
    assert all(map(is_token_text, texts))
    with pytest.raises(ValueError, match="32 are needed"):
        token_text(b"too few")
