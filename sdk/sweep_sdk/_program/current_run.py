"""The current run of this process: ``init``, ``log``, ``finish``."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Any

from sweep_sdk._metrics.values import reason_of
from sweep_sdk._process.notices import notify
from sweep_sdk._program.config import as_dict
from sweep_sdk._program.run import NO_AGENT, Run
from sweep_sdk._settings import run_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Keywords of other trackers' ``init`` that have no effect here and are accepted silently.
_SILENT_KEYWORDS = frozenset(
    ("allow_val_change", "dir", "force", "id", "reinit", "resume", "settings")
)


class _Active:
    """Holds the current run."""

    run: Run | None = None


_active = _Active()


def init(
    project: str | None = None,
    config: object = None,
    *,
    report: bool | None = None,
    name: str | None = None,
    tags: Iterable[str] | None = None,
    group: str | None = None,
    notes: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    entity: str | None = None,
    **others: Any,
) -> Run:
    """The run that this program belongs to; outside a sweep, a run that writes nothing.

    Calling it again before ``finish`` returns the same run.

    Args:
        project: Name of the project outside a sweep.
        config: Default values: a mapping or an argparse namespace.
        report: Whether this process reports. By default every process does, but in distributed
            training only rank 0 (ranks as set by torchrun, srun or mpirun).
        name: Display name of the run.
        tags: Tags of the run.
        group: Name of a group of runs.
        notes: A longer text.
        job_type: Kind of work, such as ``train``.
        mode: ``disabled`` to report nothing.
        entity: Stored as an attribute of the run.
        others: Keywords of other trackers; those without effect are reported once.
    """
    own = _own_defaults(
        config, others.pop("config_exclude_keys", None), others.pop("config_include_keys", None)
    )
    run = _active.run
    if run is None or run.is_finished:
        run = _new_run(project, own, entity, report, is_enabled=mode != "disabled")
        _active.run = run
    else:
        run.config.setdefaults(own)
    run.describe(name=name, tags=tags, group=group, notes=notes, job_type=job_type)
    ignored = sorted(
        name for name, value in others.items() if value is not None and name not in _SILENT_KEYWORDS
    )
    if ignored:
        run.notify(f"init() ignores {', '.join(ignored)}")
    return run


def log(
    data: Mapping[str, Any], step: int | None = None, commit: bool | None = None, **ignored: Any
) -> None:
    """Report metric values of the current run; see ``Run.log``."""
    active_run().log(data, step, commit, **ignored)


def finish(exit_code: int | None = 0, *_: object, **__: object) -> None:
    """End the current run, if there is one; see ``Run.finish``."""
    if _active.run is not None:
        _active.run.finish(exit_code)


def present_run() -> Run | None:
    """The current run, if there is one."""
    return _active.run


def active_run() -> Run:
    """The current run, started by ``init()`` if there is none."""
    return _active.run or init()


def activate(run: Run | None) -> None:
    """Make ``run`` the current one; for the agent of function runs."""
    _active.run = run


@atexit.register
def _flush_at_exit() -> None:
    """Write values that were logged with ``commit=False`` and not followed by another call."""
    run = _active.run
    if run is not None and not run.is_finished:
        run.flush()


def _own_defaults(
    config: object, excluded: Iterable[str] | None, included: Iterable[str] | None
) -> dict[str, Any]:
    """The default values given to ``init``, as far as they can be read."""
    try:
        given = as_dict(config)
        chosen = set(given if included is None else included) - set(excluded or ())
        return {name: value for name, value in given.items() if name in chosen}
    except Exception as error:  # noqa: BLE001  whatever object it is, the training goes on
        notify(f"init(config=...) is left out: {reason_of(error)}")
        return {}


def _new_run(
    project: str | None,
    config: dict[str, Any],
    entity: str | None,
    report: bool | None,
    *,
    is_enabled: bool,
) -> Run:
    environment = run_environment() or NO_AGENT
    is_reporting = environment.rank in (None, "0") if report is None else report
    return Run(
        environment, project, config, entity=entity, is_reporting=is_reporting and is_enabled
    )
