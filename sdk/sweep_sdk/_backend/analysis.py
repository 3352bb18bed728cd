"""What the backend works out from the runs of a sweep, for tables and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.access import AccessCaller
from sweep_sdk._backend.answers import importance
from sweep_sdk._backend.requests import sweep_path
from sweep_service.wire.bands import Bands
from sweep_service.wire.curves import Curves
from sweep_service.wire.model import SweepModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    Json = dict[str, Any]


class AnalysisCaller(AccessCaller):
    """The methods of a client for what is worked out from many runs."""

    def importance(self, sweep: str) -> Json:
        """How much each parameter explains: ``n_runs``, and ``parameters`` as in ``Sweep``.

        Raises:
            NotPossible: The sweep has no metric.
        """
        return self._get(f"{sweep_path(sweep)}/importance", importance)

    def curves(
        self,
        sweep: str,
        indices: Sequence[int],
        metric: str | None = None,
        *,
        points: int = 200,
        after: int | None = None,
    ) -> Curves:
        """One metric of many runs over their steps.

        Args:
            sweep: A reference to the sweep.
            indices: Of the runs, at most 100.
            metric: Its name; None: the sweep's own.
            points: About how many of each run, with the least and the greatest values among them;
                up to twice as many are answered.
            after: Only the points of later steps.

        Raises:
            InvalidRequest: There are too many indices, or the sweep has no metric and none is
                named.
        """
        query = {"index": ",".join(map(str, indices)), "points": str(points)}
        query |= {} if metric is None else {"metric": metric}
        query |= {} if after is None else {"after": str(after)}
        return self._get(f"{sweep_path(sweep)}/curves", Curves.from_json, query)

    def model(self, sweep: str, pair: tuple[str, str] | None = None) -> SweepModel:
        """What a model of the runs believes, whatever the method of the sweep is.

        Args:
            sweep: A reference to the sweep.
            pair: Names of two parameters over which to show the expected value; None for none.

        Raises:
            InvalidRequest: One of them has a single value, or is none of the sweep's.
        """
        query = {} if pair is None else dict(zip("xy", pair, strict=True))
        return self._get(f"{sweep_path(sweep)}/model", SweepModel.from_json, query)

    def bands(self, sweep: str) -> Bands:
        """What early termination does to the sweep, or would do.

        Raises:
            NotPossible: The sweep has no metric.
        """
        return self._get(f"{sweep_path(sweep)}/bands", Bands.from_json)
