"""``sweep-sdk report``: a sweep as one file to send to somebody."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import say

_EXAMPLES = examples(
    "sweep-sdk report k3v9x2ab -o report.html",
    "sweep-sdk report k3v9x2ab -o report.html --redact",
    "sweep-sdk report k3v9x2ab -o report.md --markdown",
)


@click.command(epilog=_EXAMPLES, short_help="Write a sweep into one interactive file.")
@click.argument("sweep")
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="File to write; an older one is replaced.",
)
@click.option(
    "--curves",
    type=click.IntRange(min=0),
    metavar="N",
    default=300,
    show_default=True,
    help="Hold the curves of the best N runs.",
)
@click.option(
    "--redact",
    is_flag=True,
    help="Leave out hosts, agents, users, commands, errors, and what programs or people noted.",
)
@click.option(
    "--markdown",
    is_flag=True,
    help="Write Markdown, with pictures in a folder beside it, for a wiki or a pull request.",
)
def command(sweep: str, file: Path, curves: int, redact: bool, markdown: bool) -> None:
    """Write SWEEP into one HTML file, which shows what 'sweep-sdk ui' shows.

    It opens from disk in any current browser, without a server and without a network. It holds the
    configurations and results of all runs, curves of the best ones, and the last lines that failed
    runs wrote to stderr. With --redact, the name of the sweep, names of parameters and metrics,
    and values of parameters remain: look at them before you publish it.
    """
    from sweep_sdk._ui.redaction import redacted
    from sweep_sdk._ui.report_document import report_document
    from sweep_sdk._ui.report_file import report_file

    require_sweep(sweep, "report")
    with connected(sweep) as client:
        document = report_document(client, sweep, curves)
    document = redacted(document) if redact else document
    if markdown:
        _write_markdown(document, file)
        return
    (head,) = document["sweeps"]
    text = report_file(document, head["id"], head["name"] or head["id"])
    file.write_text(text, encoding="utf-8")
    say(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def _write_markdown(document: dict[str, Any], file: Path) -> None:
    """Write the text, and the pictures into the folder ``NAME_pictures``."""
    from sweep_sdk._ui.markdown_report import markdown_report

    folder = file.with_name(f"{file.stem}_pictures")
    text, pictures = markdown_report(document, quote(folder.name))
    file.write_text(text, encoding="utf-8")
    if pictures:
        folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")
    say(f"{file}, and {count_text(len(pictures), 'picture')} in {folder}")
