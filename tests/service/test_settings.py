"""Settings from the environment of a function."""

from __future__ import annotations

import pytest

from sweep_service.errors import StoreUnusable
from sweep_service.settings import StoreSettings, store_settings, token_sha256


def test_what_the_template_sets() -> None:
    environ = {"SWEEP_TABLE": "t", "SWEEP_HISTORY_DAYS": "30", "SWEEP_DYNAMODB_URL": ""}
    assert store_settings(environ) == StoreSettings("t", None, 30 * 86_400.0)


def test_another_database_and_rows_for_ever() -> None:
    environ = {
        "SWEEP_TABLE": "t",
        "SWEEP_HISTORY_DAYS": "0",
        "SWEEP_DYNAMODB_URL": "http://db:8000",
    }
    assert store_settings(environ) == StoreSettings("t", "http://db:8000", None)
    assert store_settings({"SWEEP_TABLE": "t"}) == StoreSettings("t", None, None)


@pytest.mark.parametrize("days", ["-1", "1.5", "", "ten", "²"])
def test_days_are_a_whole_number(days: str) -> None:
    with pytest.raises(StoreUnusable, match=r"SWEEP_HISTORY_DAYS: found '.*'; needs a whole"):
        store_settings({"SWEEP_TABLE": "t", "SWEEP_HISTORY_DAYS": days})


@pytest.mark.parametrize("environ", [{}, {"SWEEP_TABLE": ""}])
def test_the_table_is_needed(environ: dict[str, str]) -> None:
    with pytest.raises(StoreUnusable, match="SWEEP_TABLE is not set"):
        store_settings(environ)


def test_the_hash_is_not_repeated_in_the_complaint() -> None:
    with pytest.raises(StoreUnusable) as complaint:
        token_sha256({"SWEEP_TOKEN_SHA256": "the token itself, by mistake"})
    assert "mistake" not in str(complaint.value)
