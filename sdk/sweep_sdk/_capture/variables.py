"""The environment variables that direct a program's wandb to its agent. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._capture.account import Account

#: Variables to remove: the first makes wandb ignore the program's own project and run id, with the
#: second worker processes and ranks share one run or hang, and the third is replaced.
_WITHHELD = ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH")
#: Clients require 40 characters, and the endpoint accepts every key.
_ANY_KEY = "0" * 40
#: Disables features that take time and that the agent does not use: console, statistics, code. Some
#: settings have different names in the newest and in older clients.
_QUIET = {
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
    **{
        prefix + name: value
        for prefix in ("WANDB_X_", "WANDB__")
        for name, value in (
            ("DISABLE_STATS", "true"),
            ("DISABLE_META", "true"),
            ("SAVE_REQUIREMENTS", "false"),
        )
    },
}
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_LOOPBACK = "127.0.0.1"


def variables(
    environ: Mapping[str, str],
    *,
    address: str,
    run: str,
    folder: str,
    parameters: str,
    mirrored: Account | None,
    has_netrc: bool = True,
) -> dict[str, str | None]:
    """The variables to set in the environment of a program; None to remove one.

    Args:
        environ: The environment of the program without capturing.
        address: URL of the agent's endpoint.
        run: The run's id.
        folder: The run's folder.
        parameters: The file with the sweep's values; see ``parameters_text``.
        mirrored: The account to which requests are relayed, if they are.
        has_netrc: Whether the user has a netrc file. If not, ``wandb.login(key=...)``, which writes
            an entry for the endpoint, creates one in the run's folder instead of the home folder.
    """
    changes: dict[str, str | None] = dict.fromkeys(_WITHHELD)
    changes |= {
        "WANDB_BASE_URL": address,
        "WANDB_SWEEP_PARAM_PATH": parameters,
        "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "1",
        "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "1",
        "WANDB_ERROR_REPORTING": "false",
    }
    defaults = {"WANDB_NAME": run, "WANDB_DIR": folder}
    if not has_netrc:
        defaults["NETRC"] = f"{folder}/wandb-netrc"
    if mirrored is None:
        changes["WANDB_API_KEY"] = _ANY_KEY
        changes["WANDB_IDENTITY_TOKEN_FILE"] = None
        defaults |= _QUIET
    else:
        changes["WANDB_API_KEY"] = mirrored.key
        defaults["WANDB_APP_URL"] = _app_url(mirrored.url)
        defaults["WANDB_CREDENTIALS_FILE"] = f"{folder}/wandb-credentials.json"
    if environ.get("WANDB_MODE") == "offline":
        changes["WANDB_MODE"] = None
    changes |= {name: value for name, value in defaults.items() if not environ.get(name)}
    return changes | _direct(environ)


def parameters_text(config: Mapping[str, Any]) -> str:
    """The sweep's values in the file format of wandb (YAML)."""
    values = {name: {"value": value} for name, value in config.items()}
    return _yaml({"wandb_version": 1, **values}) + "\n"


def is_disabled(environ: Mapping[str, str]) -> str | None:
    """The variable that disables wandb altogether, if any."""
    if environ.get("WANDB_MODE") == "disabled":
        return "WANDB_MODE"
    is_set = environ.get("WANDB_DISABLED", "").lower() in ("1", "true", "yes")
    return "WANDB_DISABLED" if is_set else None


def _app_url(url: str) -> str:
    return "https://wandb.ai" if url == "https://api.wandb.ai" else url


def _direct(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that prevent the use of a proxy for the agent."""
    if not any(environ.get(name) or environ.get(name.upper()) for name in _PROXIES):
        return {}
    known = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    names = f"{known},{_LOOPBACK}" if known else _LOOPBACK
    return {"no_proxy": names, "NO_PROXY": names}


def _yaml(value: Any) -> str:
    """A JSON value as one line of YAML that parsers of YAML 1.1 read as the same value."""
    if isinstance(value, dict):
        # With a mark before it, a key may be longer than 1,024 characters.
        pairs = (f"? {_yaml(str(key))} : {_yaml(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(map(_character, str(value))) + '"'


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    digits, exponent, power = repr(value).partition("e")  # 1e-05 would be a text
    return (digits if "." in digits else f"{digits}.0") + exponent + power


def _character(character: str) -> str:
    is_plain = " " <= character <= "~" and character not in '"\\'
    return character if is_plain else f"\\U{ord(character):08x}"
