"""Builds the paths and bodies of requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.references import parse_run, parse_sweep
from sweep_sdk._exceptions import UsageError
from sweep_service.model.records.numbers import encode_number, tagged

if TYPE_CHECKING:
    from collections.abc import Mapping

    Json = dict[str, Any]


def config_body(config: Mapping[str, Any] | None, yaml: str | None) -> Json:
    """The part of a request body that carries a config: an object or the text of a sweep file."""
    if (config is None) == (yaml is None):
        raise UsageError("a sweep needs either a config or the text of a sweep file")
    if config is None:
        return {"yaml": yaml}
    return {"config": config_value(config)}


def result_body(result: Mapping[str, Any]) -> Json:
    """An imported result: its ``config``, and its ``value`` as a number or None.

    Raises:
        UsageError: The config cannot be written as JSON.
    """
    value = result["value"]
    encoded = None if value is None else encode_number(value)
    return {"config": config_value(result["config"]), "value": encoded}


def config_value(config: Mapping[str, Any]) -> Any:
    """A configuration in the form in which requests carry it.

    Raises:
        UsageError: It holds what JSON cannot.
    """
    return tagged(json.loads(json_text(config, default=_plain)))


def _plain(value: object) -> Any:
    """Convert arrays, numpy numbers and ranges, which configs made in Python may contain."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, range):
        return list(value)
    raise TypeError(f"found {type(value).__name__} {value!r:.60}")


def sweep_path(sweep: str) -> str:
    """The path of a sweep, given any reference to it."""
    return f"/v1/sweeps/{parse_sweep(sweep)}"


def run_path(run: str) -> str:
    """The path of a run, given any reference to it."""
    sweep, run_id = parse_run(run)
    return f"/v1/sweeps/{sweep}/runs/{run_id}"


def json_text(value: object, **form: Any) -> str:
    """Encode a value as JSON.

    Raises:
        UsageError: The value cannot be written as JSON.
    """
    try:
        return json.dumps(value, **form)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"this cannot be sent as JSON: {error}") from None


def encode(body: Mapping[str, Any]) -> bytes:
    """Encode a body as strict JSON; non-finite numbers must have been replaced before."""
    return json_text(body, separators=(",", ":"), allow_nan=False).encode()
