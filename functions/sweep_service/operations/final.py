"""Final counts: number of runs by state, and the best run, of a sweep that has ended.

The first request that shows the sweep computes and stores them, with one write per sweep. They are
valid for the ``change`` of the sweep's status that was read before the runs. Any request that
retries or deletes a run of an ended sweep stores a lease and then changes the status; and while
there are leases, nothing is final.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sweep_service.errors import Stale
from sweep_service.model.records.shown import Final, SweepInfo
from sweep_service.operations.runs import Survey, get_run, survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sweep_service.operations.services import Services
    from sweep_service.operations.sweeps import SweepView

#: Maximum number of sweeps per page whose counts are computed; later requests do the rest.
_MOST_SURVEYS = 5


def final_of(view: SweepView) -> Final | None:
    """The final counts of a sweep if they are stored and valid."""
    final = view.info.final
    is_valid = final is not None and final.change == view.counter.change
    return final if is_valid and view.counter.state.is_ended else None


def survey_of(services: Services, view: SweepView) -> Survey:
    """Survey the runs of a sweep, using its final counts if they are known.

    Raises:
        NotFound: The sweep has been deleted since.
    """
    final, sweep = final_of(view), view.sweep or ""
    if final is None:
        return survey(services, sweep)
    best = None if final.best_index is None else get_run(services, sweep, final.best_index)
    return Survey(final.counts, best)


def with_final(services: Services, views: Sequence[SweepView]) -> Iterator[SweepView]:
    """Add final counts to the views of ended sweeps; some of them are computed now."""
    n_left = _MOST_SURVEYS
    for view in views:
        sweep = view.sweep
        is_due = view.counter.state.is_ended and final_of(view) is None
        if sweep is None or not is_due or not n_left or services.store.list_leases(sweep):
            yield view
            continue
        n_left -= 1
        yield _settled(services, sweep, view)


def _settled(services: Services, sweep: str, view: SweepView) -> SweepView:
    found = survey(services, sweep)
    best = found.best
    final = Final(
        view.counter.change,
        found.counts,
        None if best is None else best.run.index,
        None if best is None else best.best,
    )
    info = services.store.get_info(sweep)
    kept = replace(info or SweepInfo(), final=final)
    with suppress(Stale):  # a concurrent request stored them, or labels: retried next time
        services.store.save(sweep, info, kept)
    return replace(view, info=replace(view.info, final=final))
