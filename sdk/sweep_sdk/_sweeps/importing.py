"""Import of results obtained elsewhere; ``sweep_sdk`` loads this module on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.client import open_client
from sweep_sdk._process.notices import notify
from sweep_sdk._results.importing import Columns, read_table, results_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

_MAX_ROWS_SHOWN = 5


def import_results(
    sweep_id: str,
    results: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    *,
    metrics: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    dry_run: bool = False,
) -> dict[str, Any]:
    """Import results obtained elsewhere into a sweep.

    For bayes, each result becomes an observation; in a finite space, including that of a grid, its
    point counts as done. Importing results again changes nothing. At most 5,000 at once.

    Args:
        sweep_id: ``entity/project/id``, ``project/id`` or ``id``.
        results: The path of a CSV file, or rows with the values of the parameters and of the
            sweep's
            metric by name; nested parameters by dotted names or as maps.
        metrics: Another name for the sweep's metric: ``{"loss": "validation loss"}``.
        ignore: Names to ignore that are neither parameters nor the metric.
        dry_run: Whether to store nothing and only return what would be imported.

    Returns:
        The numbers of new observations (``observed``), of points that newly count as done
        (``done``), of results known already (``known``) and of results left out (``n_left_out``);
        and ``left_out``, the first of those as ``{"place": ..., "reason": ...}`` with the place
        from
        0. They are reported on stderr too.

    Raises:
        UsageError: A name is neither a parameter nor the metric, or one is missing.
        NotPossible: The sweep is canceled, or its method cannot use results.
        NotFound: There is no such sweep.
        BackendUnavailable: The backend is away.
    """
    rows = read_table(results)
    with open_client() as client:
        sweep = client.get_sweep(sweep_id)
        found = results_of(rows, sweep, Columns(metrics or {}, ignore))
        imported = client.import_results(sweep_id, found, dry_run=dry_run)
    for entry in imported["left_out"][:_MAX_ROWS_SHOWN]:
        notify(f"result {entry['place'] + 1} is left out: {entry['reason']}")
    return imported
