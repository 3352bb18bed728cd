"""A sweep in a notebook: the report in a frame that reaches neither the notebook nor a network."""

from __future__ import annotations

import html
from dataclasses import dataclass

from sweep_sdk._exceptions import UsageError


@dataclass(frozen=True)
class View:
    """A report that a notebook shows as the value of a cell.

    Attributes:
        text: The HTML of the report.
        height: Of the frame, in pixels.
    """

    text: str
    height: int

    def _repr_html_(self) -> str:
        return (
            '<iframe sandbox="allow-scripts allow-downloads" title="sweep"'
            f' style="width: 100%; height: {self.height}px; border: 0"'
            f' srcdoc="{html.escape(self.text)}"></iframe>'
        )

    def __repr__(self) -> str:
        return (
            f"<view of a sweep, {len(self.text) / 1e6:.1f} MB: the last value of a notebook's cell>"
        )


def view(sweep_id: str, *, height: int = 900, curves: int = 0) -> View:
    """Show a sweep in a notebook, as ``sweep-sdk ui`` does, but as it is now.

    The notebook's file grows by the size of the report, 1.4 MB and more, each time that the cell
    runs. The frame has no access to the notebook, and a notebook that is not trusted does not show
    it; figures of ``sweep_sdk.plots`` are shown there too.

    Args:
        sweep_id: ``entity/project/id``, ``project/id`` or ``id``.
        height: Of the frame, in pixels.
        curves: How many of the best runs have their curves in it.

    Raises:
        UsageError: It is the id of a run, or of nothing; or a number is out of range.
        NotFound: There is no such sweep.
    """
    from sweep_sdk._backend.client import open_client
    from sweep_sdk._backend.references import is_run
    from sweep_sdk._ui.report_document import report_document
    from sweep_sdk._ui.report_file import report_file

    if is_run(sweep_id):
        raise UsageError(f"'{sweep_id}' is a run; view() shows a sweep")
    if height < 1 or curves < 0:
        raise UsageError(
            f"height is {height} and curves is {curves}; need at least 1 pixel and 0 curves"
        )
    with open_client() as client:
        document = report_document(client, sweep_id, curves)
    (head,) = document["sweeps"]
    return View(report_file(document, head["id"], head["name"] or head["id"]), height)
