"""Text of agents, sweep files and backends cannot control the terminal or a spreadsheet."""

from __future__ import annotations

import csv
import io

from test_cli_terminal import in_terminal

from sweep_sdk._agent.process.launcher import run_files
from sweep_sdk._settings import load_settings
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

ESCAPE = "\x1b]0;title\x07"
HARMFUL = ("\x1b]", "\x07", "\x9b")
SWEEP = {
    "method": "random",
    "name": "n" + ESCAPE,
    "project": "p" + ESCAPE,
    "program": "t" + ESCAPE,
    "metric": {"name": "loss" + ESCAPE},
    "parameters": {
        "x": {"values": ["v" + ESCAPE, "w\x9b2J"]},
        "y" + ESCAPE: {"min": 0.0, "max": 1.0},
    },
}


def registered(client):
    """A sweep with a failed run, of which every text holds control characters."""
    sweep = client.create_sweep(SWEEP)["id"]
    run = client.ask(sweep, "a-key-of-mine", "agent" + ESCAPE, host="h" + ESCAPE)
    metrics = {"loss" + ESCAPE: 1.0, "other" + ESCAPE: 2.0}
    client.report(run.id, run.attempt, 0, [{"step": 0, "metrics": metrics}])
    ending = Ending(
        attempt=run.attempt,
        state=RunState.FAILED,
        exit_code=1,
        summary=metrics,
        error_tail="tail" + ESCAPE,
        attributes={"name": "a" + ESCAPE, "tags": ["b" + ESCAPE], "notes": "c" + ESCAPE},
    )
    client.finish(run.id, ending)
    return sweep, run.id


def test_no_command_passes_control_characters_on(cli, client):
    sweep, run = registered(client)
    commands = [
        ("sweeps",),
        ("show", sweep),
        ("show", run),
        ("runs", sweep),
        ("runs", sweep, "--columns", "x,run.host,attributes.name"),
        ("best", sweep),
        ("history", run),
        ("history", sweep),
        ("logs", run),
        ("tell", run, "1"),
        ("agent", sweep, "--project", "other" + ESCAPE),
        ("sweep", "--resume", sweep + ESCAPE),
        ("sweep", "sweep.yaml", "--update", sweep),
        ("runs", sweep, "--where", f"nosuch{ESCAPE}=1"),
    ]
    for words in commands:
        said = cli(*words)
        shown = said.out + said.err
        assert shown, words
        assert not [mark for mark in HARMFUL if mark in shown], (words, shown)


def test_json_stays_exact(cli, client):
    _, run = registered(client)
    assert cli("show", run, "--json").json["host"] == "h" + ESCAPE


def test_output_of_programs_is_exact_in_a_pipe_and_safe_in_a_terminal(cli, client):
    sweep, run = registered(client)
    log = run_files(load_settings().runs_dir, sweep, run, 0).log
    log.parent.mkdir(parents=True)
    log.write_text(f"\x1b[32mgreen\x1b[0m {ESCAPE}\n")
    assert cli("logs", run).out == f"\x1b[32mgreen\x1b[0m {ESCAPE}\n"
    code, text = in_terminal("logs", run)
    assert code == 0
    assert text == "\x1b[32mgreen\x1b[0m \\x1b]0;title\\x07\r\n"


def test_an_agent_in_a_terminal_escapes_what_its_program_writes(client):
    with open("train.py", "w") as file:
        file.write(f"print({ESCAPE!r}, flush=True)\n")
    config = {**SWEEP, "program": "train.py", "run_cap": 1}
    sweep = client.create_sweep(config)["id"]
    _, text = in_terminal("agent", sweep)
    assert "\\x1b]0;title\\x07\r\n" in text
    assert not [mark for mark in HARMFUL if mark in text], text


def test_cells_that_start_a_formula_are_escaped_by_an_option(cli, client):
    formulas = ["=1+1", "@SUM(A1)", "+1", "-x", "\tx", "plain", -1.5]
    config = {"method": "grid", "parameters": {"=name": {"values": formulas}}}
    sweep = client.create_sweep(config)["id"]
    for number, _ in enumerate(formulas):
        run = client.ask(sweep, f"a-key-of-mine-{number}", "agent")
        client.report(run.id, run.attempt, 0, [{"step": 0, "metrics": {"=loss": "-Infinity"}}])
        client.finish(run.id, Ending(run.attempt, RunState.FINISHED))
    exact = list(csv.DictReader(io.StringIO(cli("runs", sweep, "--csv").out)))
    assert [row["config.=name"] for row in exact] == [str(value) for value in formulas]
    safe = list(csv.DictReader(io.StringIO(cli("runs", sweep, "--spreadsheet").out)))
    assert [row["config.=name"] for row in safe] == [
        *("'=1+1", "'@SUM(A1)", "'+1", "'-x", "'\tx", "plain", "-1.5")
    ]
    [row, *_] = csv.DictReader(io.StringIO(cli("history", sweep, "--spreadsheet").out))
    assert row["'=loss"] == "-Infinity"
    assert cli("history", sweep, "--spreadsheet", "--json").code == 2
