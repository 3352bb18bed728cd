"""``sweep-sdk label``: name, tag and annotate sweeps and runs."""

from __future__ import annotations

from typing import Any

import click

from sweep_sdk._backend.references import is_run
from sweep_sdk._process.terminal import printable
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import say, say_json

_EXAMPLES = examples(
    'sweep-sdk label k3v9x2ab --name "wide nets" --tag paper',
    'sweep-sdk label k3v9x2ab-17 --notes "diverged late" --untag paper',
)


@click.command(epilog=_EXAMPLES, short_help="Name, tag and annotate sweeps and runs.")
@click.argument("sweep_or_run", metavar="SWEEP-OR-RUN")
@click.option("--name", help="Its name; an empty one restores the original name.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Add a tag. Can be repeated.")
@click.option("--untag", metavar="TAG", multiple=True, help="Remove a tag. Can be repeated.")
@click.option("--notes", help="A text of up to 4,000 characters; an empty one removes the notes.")
@json_option
def command(
    sweep_or_run: str,
    name: str | None,
    tags: tuple[str, ...],
    untag: tuple[str, ...],
    notes: str | None,
    is_json: bool,
) -> int:
    """Name, tag and annotate a sweep or a run, also one that has ended."""
    labels: dict[str, Any] = {
        field: text or None
        for field, text in (("name", name), ("notes", notes))
        if text is not None
    }
    if not labels and not tags and not untag:
        raise click.UsageError("give at least one of --name, --tag, --untag, --notes")
    with connected(sweep_or_run) as client:
        is_of_run = is_run(sweep_or_run)
        if tags or untag:
            found = (
                client.get_run(sweep_or_run)
                if is_of_run
                else client.get_sweep(sweep_or_run, survey=False)
            )
            known = [tag for tag in (*found.get("tags", ()), *tags) if tag not in untag]
            labels["tags"] = list(dict.fromkeys(known))
        if is_of_run:
            answer = client.label_run(sweep_or_run, labels)
        else:
            answer = client.change_sweep(sweep_or_run, labels=labels)
    if is_json:
        say_json(answer)
        return 0
    what = "run" if is_of_run else "sweep"
    said = [f"name {answer['name']}"] if answer["name"] else []
    said += [f"tags {', '.join(answer['tags'])}"] if answer["tags"] else []
    said += ["notes"] if answer["notes"] else []
    say(f"{what} {answer['id']} has {printable('; '.join(said) or 'no labels')}")
    return 0
