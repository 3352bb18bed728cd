"""The summary of a run, as its program reports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.values import clean_metrics, reason_of
from sweep_sdk._program.attributes import as_attribute, as_text
from sweep_sdk._program.config import as_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_sdk._metrics.values import MetricValue


class Summary(dict[str, Any]):
    """The last logged values, and values that the program sets itself, which are then reported.

    A value that the program has set is not replaced by later logged ones. Numbers are results;
    texts
    and other short values are stored with the run. Nothing here raises: values that cannot be
    stored
    are reported on stderr.
    """

    def __init__(self, write: Callable[[bytes], None], notify: Callable[[str], None]) -> None:
        super().__init__()
        object.__setattr__(self, "_write", write)
        object.__setattr__(self, "_notify", notify)
        object.__setattr__(self, "_own", set())

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no '{name}'") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __ior__(self, values: Any) -> Summary:  # type: ignore[override,misc]  # dict's takes more
        self.update(values)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of ``name``, which is set to ``default`` if it is missing."""
        if name not in self:
            self[name] = default
        return self[name]

    def hear(self, metrics: Mapping[str, MetricValue]) -> None:
        """Add the metrics of a logged row, so that the program can read them."""
        own = self.__dict__["_own"]
        for name, value in metrics.items():
            if name not in own:
                super().__setitem__(name, float(value) if isinstance(value, str) else value)

    def update(self, values: Any = None, /, **more: Any) -> None:
        """Set several values; nested maps of numbers become dotted names."""
        try:
            given = as_dict(values) | more
            lines = _lines_of(given)
        except Exception as error:  # noqa: BLE001  a training must not end by its summary
            self.__dict__["_notify"](f"summary values are left out: {reason_of(error)}")
            return
        super().update(given)
        self.__dict__["_own"].update(given)
        for line in lines:
            self.__dict__["_write"](line)


def _lines_of(values: dict[str, Any]) -> list[bytes]:
    """Lines for the metrics file: numbers as results, other values as facts."""
    lines: list[bytes] = []
    for name, value in values.items():
        refusals: list[str] = []
        clean = clean_metrics({name: value}, lambda *refusal: refusals.append(refusal[0]))  # noqa: B023
        if clean:
            lines.append(line_format.encode_summary(clean))
        if refusals:
            lines.append(
                line_format.encode_describe({"summary": {as_text(name): as_attribute(value)}})
            )
    return lines
