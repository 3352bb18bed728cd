"""The guide's table for users of wandb is complete and correct."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from sweep_sdk.cli.group import sweep_sdk

GUIDE = (Path(__file__).parents[3] / "sdk" / "GUIDE.md").read_text(encoding="utf-8")
TABLE = GUIDE.partition("| wandb | here |")[2].partition("\n\n")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| `")]
OPTION = re.compile(r"--[a-z_-]+")
# Of `wandb sweep` and `wandb agent` 0.31; --verbose is theirs alone.
THEIRS = {
    *("--project", "--entity", "--controller", "--name", "--program", "--update", "--stop"),
    *("--cancel", "--pause", "--resume", "--prior_run", "--count", "--forward-signals"),
    *("--term-timeout", "--max-consecutive-failed-runs"),
}


def ours() -> set[str]:
    context = click.Context(sweep_sdk)
    commands = [sweep_sdk.get_command(context, name) for name in sweep_sdk.list_commands(context)]
    return {
        option
        for command in commands
        if command is not None
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }


def test_every_option_of_theirs_is_in_it():
    assert {option for theirs, _ in ROWS for option in OPTION.findall(theirs)} == THEIRS


@pytest.mark.parametrize("row", ROWS, ids=[theirs for theirs, _ in ROWS])
def test_what_it_names_exists(row):
    theirs, here = row
    named = theirs if here.startswith("the same") else here
    assert set(OPTION.findall(named)) <= ours()
