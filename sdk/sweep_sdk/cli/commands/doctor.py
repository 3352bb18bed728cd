"""``sweep-sdk doctor``: check the backend and this machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from sweep_sdk._process.terminal import printable
from sweep_sdk.cli.checkup import FAIL, OK, WARN, Finding, check_up
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import say, say_json

_COLORS = {OK: "green", WARN: "yellow", FAIL: "red"}
_EXAMPLES = examples("sweep-sdk doctor", "sweep-sdk doctor --json")


@click.command(epilog=_EXAMPLES, short_help="Check the backend and this machine.")
@json_option
def command(is_json: bool) -> int:
    """Check everything that sweeps depend on: backend, token, clock, disks, GPUs, libraries.

    Prints one line for each check, and for each problem how to fix it. Exits with code 1 if a
    check fails. Changes nothing.
    """
    findings = []
    for finding in check_up():
        findings.append(finding)
        if not is_json:
            say(_line(finding))
    if is_json:
        say_json([asdict(finding) for finding in findings])
    return 1 if any(finding.level == FAIL for finding in findings) else 0


def _line(finding: Finding) -> str:
    level = click.style(f"{finding.level:<4}", fg=_COLORS[finding.level])
    return f"{level}  {finding.check:<11}  {printable(finding.text)}"
