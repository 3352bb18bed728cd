"""``sweep-sdk clean``: remove the folders of runs that have ended and been delivered."""

from __future__ import annotations

import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk.cli.formats import NOTHING, age_text, count_text, size_text
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say_json
from sweep_sdk.cli.tables import Column, print_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_sdk._home.cleaning import FolderUsage

_EXAMPLES = examples(
    "sweep-sdk clean --dry-run",
    "sweep-sdk clean --older-than 7d",
)


@click.command(epilog=_EXAMPLES, short_help="Remove old run folders from this machine.")
@click.option(
    "--older-than",
    metavar="AGE",
    default="30d",
    show_default=True,
    help="Minimum time since the last change in a folder, such as 45m, 12h, 30d or 8w.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show what would be removed, without removing anything."
)
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that holds the run folders, if agents were started with this option.",
)
@json_option
def command(older_than: str, dry_run: bool, runs_dir: Path | None, is_json: bool) -> None:
    """Remove the folders of runs on this machine (logs, checkpoints, metrics files).

    Only folders of runs whose results have all been delivered are removed. Folders of runs that
    are in progress or waiting for 'sync' are kept regardless of their age. Sweeps and results in
    the backend are not affected. If SWEEP_KEEP_RUNS is set, agents also remove folders older
    than that when they start.
    """
    from sweep_sdk._home.cleaning import remove, survey, tidy
    from sweep_sdk._settings import load_settings, parse_age

    settings = load_settings()
    folder = runs_dir.absolute() if runs_dir else settings.runs_dir
    seconds = parse_age(older_than, "--older-than")
    if not dry_run:
        tidy(settings.home, folder)
    found = list(survey(settings.home, folder, seconds))
    gone = {
        item.run for item in found if item.kept is None and (dry_run or remove(settings.home, item))
    }
    if is_json:
        say_json([_document(item, item.run in gone, dry_run) for item in found])
    elif found:
        print_columns(_columns(found, gone))
    _note_total(found, gone, dry_run, folder)


def _document(item: FolderUsage, is_gone: bool, dry_run: bool) -> dict[str, Any]:
    return {
        "sweep": item.sweep,
        "run": item.run,
        "folder": str(item.path),
        "bytes": item.n_bytes,
        "changed_at": item.changed_at,
        "kept": item.kept if is_gone or item.kept else "in use",
        "removed": is_gone and not dry_run,
    }


def _columns(found: Sequence[FolderUsage], gone: set[str]) -> list[Column]:
    """The columns of a table with one line for each sweep."""
    now = time.time()
    groups = [list(group) for _, group in groupby(found, key=lambda item: item.sweep)]
    going = [[item for item in group if item.run in gone] for group in groups]
    staying = [[item for item in group if item.run not in gone] for group in groups]
    return [
        Column("SWEEP", [group[0].sweep for group in groups], 0),
        Column("REMOVED", [str(len(group)) for group in going], 0),
        Column("SIZE", [_size(group) for group in going], 0),
        Column("KEPT", [str(len(group)) for group in staying], 1),
        Column("SIZE KEPT", [_size(group) for group in staying], 1),
        Column("WHY KEPT", [_reasons(group) for group in staying], 2),
        Column(
            "LAST CHANGE",
            [age_text(max(item.changed_at for item in group), now) for group in groups],
            3,
        ),
    ]


def _size(group: Sequence[FolderUsage]) -> str:
    return size_text(sum(item.n_bytes for item in group)) if group else NOTHING


def _reasons(group: Sequence[FolderUsage]) -> str:
    reasons = [item.kept or "in use" for item in group]
    words = [f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons)]
    return ", ".join(words) or NOTHING


def _note_total(found: Sequence[FolderUsage], gone: set[str], dry_run: bool, folder: Path) -> None:
    """Print the total on stderr, so that stdout holds nothing but the table or the JSON."""
    size = size_text(sum(item.n_bytes for item in found if item.run in gone))
    folders = count_text(len(gone), "folder")
    if not gone:
        note(f"nothing to remove in {folder}")
    elif dry_run:
        note(f"{folders} ({size}) would be removed from {folder}")
    else:
        note(f"{folders} ({size}) removed from {folder}")
