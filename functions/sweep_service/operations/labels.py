"""Labels: names, tags and notes that users give to sweeps and runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sweep_service.errors import NotFound
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.shown import NO_LABELS, SweepInfo
from sweep_service.operations.runs import get_run
from sweep_service.operations.saving import update
from sweep_service.operations.sweeps import get_sweep
from sweep_service.protocol.runs import label

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_service.model.records.records import Run
    from sweep_service.model.records.shown import Labels
    from sweep_service.operations.runs import RunView
    from sweep_service.operations.services import Services
    from sweep_service.operations.sweeps import SweepView

    Change = Callable[[Labels], Labels]


def label_sweep(services: Services, sweep: str, change: Change) -> SweepView:
    """Change the labels of a sweep.

    Raises:
        NotFound: No such sweep.
        Busy: Concurrent requests kept changing them.
    """

    def labelled(info: SweepInfo | None) -> SweepInfo:
        info = info or SweepInfo()
        return replace(info, labels=change(info.labels))

    view = get_sweep(services, sweep)  # raises NotFound for an unknown sweep
    seen = services.store.get_info(sweep)
    if labelled(seen) == (seen or SweepInfo()):
        return replace(view, is_changed=False)
    return replace(view, info=update(services.store, sweep, seen, labelled))


def label_run(services: Services, sweep: str, index: int, change: Change) -> tuple[RunView, bool]:
    """Change the labels of a run; returns the run, and whether anything has changed.

    Raises:
        NotFound: No such sweep or run.
        NotPossible: The run was deleted.
        Busy: Concurrent requests kept changing the run.
    """
    services.store.get_status(sweep)  # raises NotFound for an unknown sweep
    run = services.store.get_run(sweep, index)
    if run is None:
        raise NotFound(f"no run '{run_id(sweep, index)}' in sweep {sweep}")

    def labelled(stored: Run | None) -> Run:
        return label(stored, change(NO_LABELS if stored is None else stored.labels))

    is_changed = update(services.store, sweep, run, labelled).labels != run.labels
    return get_run(services, sweep, index), is_changed
