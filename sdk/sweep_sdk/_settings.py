"""Settings from the environment, which no other module of the client reads.

Environment before credentials file. A token from the file goes only to the URL it was stored for.

``SWEEP_URL``             the backend; empty or ``local`` means the local database
``SWEEP_TOKEN``           bearer token for it
``SWEEP_INSECURE``        ``1`` allows requests without encryption to other machines
``SWEEP_AUTH``            ``token``, or ``iam`` to sign requests with AWS credentials
``SWEEP_PROJECT``         default project of new sweeps
``SWEEP_HOME``            data folder, by default the user's data directory
``SWEEP_LOCAL_DB``        file of the local database, by default ``<home>/sweeps.db``
``SWEEP_LOCAL_FILE_SYSTEMS`` file systems on which that may be although they are not known
``SWEEP_RUNS_DIR``        folder of the runs' own folders, by default ``<home>/runs``
``SWEEP_REPORT_INTERVAL`` longest time between two reports of an agent, in seconds
``SWEEP_WANDB``           mode of wandb in new sweeps (``_capture.account``)
``SWEEP_KEEP_RUNS``       how long agents keep the folders of delivered runs, by default for ever
``SSL_CERT_FILE``         CA bundle (``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE`` go before it)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sweep_sdk._addresses import check_encryption, normalise_url
from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.ranks import rank_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEFAULT_REPORT_INTERVAL_SECONDS = 30.0
#: Source of the address of the backend, for messages.
URL_SETTING = "SWEEP_URL"
_KEPT_URL = "the URL that 'sweep-sdk login' keeps"
DEFAULT_METADATA_URL = "http://169.254.169.254"
_APP = "sweep-sdk"
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhdw]?)")
_UNIT_SECONDS = {"": 86_400.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700


@dataclass(frozen=True)
class Settings:
    """The address of the backend, and the locations of local files.

    Attributes:
        url: The backend's address without trailing slash; None means local mode.
        url_setting: Where the address comes from.
        metadata_url: The instance metadata service that announces spot interruptions.
        local_file_systems: File systems on which the local database may be, besides those that
            are known to be local.
        auth: ``token`` or ``iam``; None: as the address and the credentials at hand suggest.
        read_token: Reads the token again from where it came, which others may have changed since.
    """

    url: str | None
    token: str | None = field(repr=False)
    project: str | None
    home: Path
    local_db: Path
    runs_dir: Path
    credentials_file: Path
    report_interval_seconds: float = DEFAULT_REPORT_INTERVAL_SECONDS
    ca_bundle: str | None = None
    metadata_url: str = DEFAULT_METADATA_URL
    local_file_systems: tuple[str, ...] = ()
    url_setting: str = URL_SETTING
    keep_runs_seconds: float | None = None
    auth: str | None = None
    read_token: Callable[[], str | None] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class RunEnvironment:
    """What an agent passes to the training program that it starts.

    Attributes:
        rank: This process's place in a distributed run, as text; see ``_process.ranks``.
    """

    metrics_file: str | None = None
    config_file: str | None = None
    run_dir: str | None = None
    sweep: str | None = None
    run: str | None = None
    project: str | None = None
    attempt: int = 1
    rank: str | None = None


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment and the credentials file.

    Raises:
        UsageError: A variable or the credentials file cannot be understood.
    """
    # A copy: functions that an agent calls do not find the token in the environment.
    environ = dict(os.environ if environ is None else environ)
    home = _home(environ)
    credentials_file = _credentials_file(environ)
    stored = _read_credentials(credentials_file)
    given_url = environ.get("SWEEP_URL")
    url = normalise_url(given_url) if given_url is not None else stored.get("url")
    url_setting = URL_SETTING if given_url is not None else _KEPT_URL
    check_encryption(url, url_setting, allows_insecure(environ))
    return Settings(
        url=url,
        token=_token(environ, stored, url),
        project=environ.get("SWEEP_PROJECT") or None,
        home=home,
        local_db=_database(environ) or home / "sweeps.db",
        runs_dir=_path(environ, "SWEEP_RUNS_DIR") or home / "runs",
        credentials_file=credentials_file,
        report_interval_seconds=_seconds(
            environ, "SWEEP_REPORT_INTERVAL", DEFAULT_REPORT_INTERVAL_SECONDS
        ),
        ca_bundle=environ.get("SSL_CERT_FILE") or None,
        metadata_url=environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or DEFAULT_METADATA_URL,
        local_file_systems=tuple(
            environ.get("SWEEP_LOCAL_FILE_SYSTEMS", "").replace(",", " ").split()
        ),
        url_setting=url_setting,
        keep_runs_seconds=_keep_runs_seconds(environ),
        auth=_auth(environ),
        read_token=lambda: _token(environ, _read_credentials(credentials_file), url),
    )


def allows_insecure(environ: Mapping[str, str] | None = None) -> bool:
    """Whether SWEEP_INSECURE allows requests without encryption to other machines."""
    text = (os.environ if environ is None else environ).get("SWEEP_INSECURE", "")
    return text.strip().lower() in ("1", "true", "yes")


def given_token(environ: Mapping[str, str] | None = None) -> str | None:
    """The token in SWEEP_TOKEN; None if it is unset or empty."""
    return (os.environ if environ is None else environ).get("SWEEP_TOKEN", "").strip() or None


def can_be_sent(token: str) -> bool:
    """Whether a header can carry a token."""
    return token.isascii() and token.isprintable()


def servers_folder() -> Path:
    """Where the local servers of this user say how they are reached, whatever SWEEP_HOME is.

    Raises:
        UsageError: The user has no home folder.
    """
    from platformdirs import user_config_dir

    with contextlib.suppress(UsageError):
        return _users_folder(user_config_dir) / "servers"
    raise UsageError(
        "there is no home folder to keep the server's token in: set SWEEP_TOKEN to a token, or"
        " XDG_CONFIG_HOME to a folder that this user may write to"
    )


def parse_age(text: str, name: str) -> float:
    """Seconds, from a number with a unit (s, m, h, d, w); days without one.

    Raises:
        UsageError: It is none.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{name} is '{text}'; needs a number with a unit, such as 30d or 12h")
    return float(found.group(1)) * _UNIT_SECONDS[found.group(2)]


def save_credentials(url: str, token: str | None, environ: Mapping[str, str] | None = None) -> Path:
    """Store a backend's URL and token for later commands, readable only by the user.

    Returns:
        The file written.

    Raises:
        UsageError: It cannot be written.
    """
    path = _credentials_file(os.environ if environ is None else environ)
    document = json.dumps({"url": normalise_url(url), "token": token})
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        _write_private(path, document)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; set SWEEP_HOME to a folder that this user may"
            " write to"
        ) from None
    return path


def _write_private(path: Path, text: str) -> None:
    """Replace a file atomically by one that only this user can read."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def run_environment(environ: Mapping[str, str] | None = None) -> RunEnvironment | None:
    """What the agent said, in a program that an agent started; None elsewhere."""
    environ = os.environ if environ is None else environ
    metrics_file = environ.get("SWEEP_METRICS_FILE")
    if not metrics_file:
        return None
    attempt = environ.get("SWEEP_ATTEMPT", "1")
    return RunEnvironment(
        metrics_file=metrics_file,
        config_file=environ.get("SWEEP_CONFIG_FILE") or None,
        run_dir=environ.get("SWEEP_RUN_DIR") or None,
        sweep=environ.get("SWEEP_ID") or None,
        run=environ.get("SWEEP_RUN_ID") or None,
        project=environ.get("SWEEP_PROJECT") or None,
        attempt=int(attempt) if attempt.isdecimal() else 1,
        rank=rank_of(environ),
    )


def environment() -> dict[str, str]:
    """A copy of the environment, for child processes and ``${envvar:...}``."""
    return dict(os.environ)


@contextlib.contextmanager
def environment_with(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set variables, or unset those that are None, during a block; child processes see it too."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _token(environ: Mapping[str, str], stored: Mapping[str, str], url: str | None) -> str | None:
    """The token for ``url``: the environment's, else the one stored for it, else its server's."""
    stored_token = stored.get("token") if url == stored.get("url") else None
    return given_token(environ) or stored_token or served_token(url)


def served_token(url: str | None) -> str | None:
    """The token of a local server of this user that runs at ``url``; None: there is none."""
    if url is None:
        return None
    # no home folder, or a system that has no locks: no server has left a file
    with contextlib.suppress(UsageError, ImportError):
        from sweep_sdk._local_servers import token_of

        return token_of(servers_folder(), url)
    return None


def _home(environ: Mapping[str, str]) -> Path:
    given = _path(environ, "SWEEP_HOME")
    if given is not None:
        return given
    from platformdirs import user_data_dir

    return _users_folder(user_data_dir)


def _credentials_file(environ: Mapping[str, str]) -> Path:
    given = _path(environ, "SWEEP_HOME")
    if given is not None:
        return given / "credentials.json"
    from platformdirs import user_config_dir

    return _users_folder(user_config_dir) / "credentials.json"


def _users_folder(find: Callable[..., str]) -> Path:
    """The folder for this user's files of this package.

    Raises:
        UsageError: The user has no home folder.
    """
    with contextlib.suppress(RuntimeError):
        folder = Path(find(_APP, appauthor=False))
        if folder.is_absolute():
            return folder
    raise UsageError(
        "there is no home folder: HOME names none, and this user is in no list of users. Set"
        " SWEEP_HOME to a folder that this user may write to"
    )


def _read_credentials(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}; set SWEEP_HOME to a folder that belongs to this"
            " user, and to no other"
        ) from None
    except ValueError as error:
        raise UsageError(f"cannot read {path}: {error}; run 'sweep-sdk login' again") from None
    if not isinstance(found, dict):
        raise UsageError(f"{path} is not what 'sweep-sdk login' writes; run it again")
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _auth(environ: Mapping[str, str]) -> str | None:
    text = environ.get("SWEEP_AUTH") or None
    if text not in (None, "token", "iam"):
        raise UsageError(f"SWEEP_AUTH is '{text}'; needs token or iam")
    return text


def _keep_runs_seconds(environ: Mapping[str, str]) -> float | None:
    text = environ.get("SWEEP_KEEP_RUNS", "").strip()
    if text in ("", "forever"):
        return None
    return parse_age(text, "SWEEP_KEEP_RUNS")


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{name} is '{text}'; needs a number of seconds above 0, such as 30")
    return value


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    """The absolute path in a variable: a child may run in another folder."""
    text = environ.get(name)
    if not text:
        return None
    if "://" in text:
        raise UsageError(f"{name} is '{text}', a URL; it needs a path on this machine")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise UsageError(
            f"{name} is '{text}': the home folder of that user is not known; give a whole path"
        ) from None


def _database(environ: Mapping[str, str]) -> Path | None:
    """The file of the local database, given as a path or a URL (``sqlite:///FILE``)."""
    name = "SWEEP_LOCAL_DB"
    text = environ.get(name, "").removeprefix("sqlite:///")
    if text in (":memory:", "sqlite://", "sqlite://:memory:"):
        raise UsageError(
            f"{name} is '{environ[name]}', a database in memory; it needs a file, in which"
            " commands and agents meet"
        )
    return _path({name: text}, name)
