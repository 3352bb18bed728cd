"""Requests for analyses of a sweep's runs, for tables and charts."""

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
    """The analysis methods of a client."""

    def importance(self, sweep: str) -> Json:
        """The importance of each parameter: ``n_runs``, and ``parameters`` as in ``Sweep``.

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
        """The curves of one metric over the steps of many runs.

        Args:
            sweep: A reference to the sweep.
            indices: Indices of at most 100 runs.
            metric: Name of the metric; None for the sweep's own.
            points: Approximate number of points per run, including the smallest and largest values;
                up to twice as many are returned.
            after: Only return points of later steps than this.

        Raises:
            InvalidRequest: There are too many indices, or the sweep has no metric and none is
                named.
        """
        query = {"index": ",".join(map(str, indices)), "points": str(points)}
        query |= {} if metric is None else {"metric": metric}
        query |= {} if after is None else {"after": str(after)}
        return self._get(f"{sweep_path(sweep)}/curves", Curves.from_json, query)

    def model(self, sweep: str, pair: tuple[str, str] | None = None) -> SweepModel:
        """Predictions of a model fitted to the runs of a sweep with any method.

        Args:
            sweep: A reference to the sweep.
            pair: Names of two parameters over whose plane to predict the metric, if wanted.

        Raises:
            InvalidRequest: A parameter has a single value or does not belong to the sweep.
        """
        query = {} if pair is None else dict(zip("xy", pair, strict=True))
        return self._get(f"{sweep_path(sweep)}/model", SweepModel.from_json, query)

    def bands(self, sweep: str) -> Bands:
        """The effect of early termination on the sweep, or its hypothetical effect.

        Raises:
            NotPossible: The sweep has no metric.
        """
        return self._get(f"{sweep_path(sweep)}/bands", Bands.from_json)
