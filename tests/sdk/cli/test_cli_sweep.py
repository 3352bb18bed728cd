"""``sweep-sdk sweep``: registering, checking, changing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NESTED = """\
method: random
program: my train.py
metric: {name: acc, goal: maximize}
run_cap: 7
command: ["${env}", "${interpreter}", "${program}", "${args}", "${envvar:SURELY_UNSET}"]
early_terminate: {type: hyperband, min_iter: 3}
parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 0.1}
  optimizer:
    parameters:
      name: {values: [adam, sgd], probabilities: [0.25, 0.75]}
      eps: {value: 1.0e-8}
"""


class TestRegister:
    def test_a_program_that_is_not_here_is_reported(self, cli, grid_file):
        for words in ([], ["--dry-run"], ["--json"]):
            result = cli("sweep", grid_file, *words)
            assert result.code == 0
            assert result.err.startswith("warning: no program 'train.py' in ")

    def test_a_program_that_may_be_elsewhere_is_no_matter(self, cli, home):
        Path("s.yaml").write_text(
            NESTED.replace('"${env}", "${interpreter}"', "docker, run, image, python")
        )
        assert "no program" not in cli("sweep", "s.yaml").err

    def test_prints_the_id_and_the_agent_command(self, cli, grid_file, client):
        Path("train.py").write_text("")
        result = cli("sweep", grid_file)
        (sweep,) = client.list_sweeps()
        assert result.code == 0
        assert result.lines[0] == (
            f"sweep {sweep['id']} in project default: grid, 4 points, minimize loss"
        )
        assert result.lines[-1].strip() == f"sweep-sdk agent {sweep['id']}"
        assert result.err == ""

    def test_json_is_one_object(self, cli, grid_file):
        result = cli("sweep", grid_file, "--json", "--name", "n", "--project", "p")
        assert result.code == 0
        assert result.json | {"id": "?"} == {
            **result.json,
            "id": "?",
            "project": "p",
            "name": "n",
            "state": "pending",
            "grid_points": 4,
            "warnings": [],
        }
        assert len(result.json["id"]) == 8

    def test_standard_input(self, cli):
        text = b"method: random\nparameters: {x: {min: 0.0, max: 1.0}}\n"
        result = cli("sweep", "-", "--json", stdin=text)
        assert result.json["grid_points"] is None

    def test_warnings_go_to_stderr_with_their_line(self, cli):
        text = b"method: grid\nparmeters: 1\nparameters: {x: {values: [1]}}\n"
        result = cli("sweep", "-", "--json", stdin=text)
        assert result.code == 0
        assert result.err.startswith("warning: -: line 2: parmeters: ")
        assert [w["line"] for w in result.json["warnings"]] == [2]

    def test_the_program_option_takes_precedence_over_the_file(self, cli, client, grid_file):
        result = cli("sweep", "sweep.yaml", "--program", "my train.py", "--json")
        assert result.json["config"]["program"] == "my train.py"
        assert client.get_sweep(result.json["id"])["config"]["program"] == "my train.py"
        dry = cli("sweep", "sweep.yaml", "--program", "other.py", "--dry-run")
        assert any("other.py" in line for line in dry.lines)

    @pytest.mark.parametrize(
        ("words", "environment", "project"),
        [
            ([], None, "default"),
            ([], "env", "env"),
            (["--project", "flag"], "env", "flag"),
        ],
    )
    def test_project_of_a_file_without_one(
        self, cli, grid_file, monkeypatch, words, environment, project
    ):
        if environment:
            monkeypatch.setenv("SWEEP_PROJECT", environment)
        assert cli("sweep", grid_file, "--json", *words).json["project"] == project

    def test_the_files_project_takes_precedence_over_the_environments(self, cli, monkeypatch):
        monkeypatch.setenv("SWEEP_PROJECT", "env")
        text = b"project: file\nmethod: grid\nparameters: {x: {values: [1]}}\n"
        assert cli("sweep", "-", "--json", stdin=text).json["project"] == "file"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_encodings_of_editors(self, cli, encoding):
        text = "name: Größe\nmethod: grid\nparameters: {x: {values: [ä]}}\n"
        Path("s.yaml").write_bytes(text.encode(encoding))
        found = cli("sweep", "s.yaml", "--json").json
        assert found["name"] == "Größe"
        assert found["config"]["parameters"]["x"]["values"] == ["ä"]


class TestDryRun:
    def test_says_what_was_understood_and_stores_nothing(self, cli, client):
        Path("s.yaml").write_text(NESTED)
        result = cli("sweep", "s.yaml", "--dry-run")
        assert result.code == 0
        text = " ".join(result.out.split())
        for part in (
            "method random",
            "metric maximize acc",
            "points unlimited",
            "run_cap 7",
            "early_terminate min_iter 3",
            "lr log_uniform_values min 0.001, max 0.1",
            "optimizer.name categorical_w_probabilities adam, sgd with 0.25, 0.75",
            "optimizer.eps constant 1e-08",
            "'my train.py' --lr=0.",
            "SURELY_UNSET is not set",
            "nothing was registered",
        ):
            assert part in text
        samples = [line for line in result.lines if line.startswith("  lr=")]
        assert len(samples) == 3
        assert list(client.list_sweeps()) == []

    def test_a_grid_shows_its_first_points(self, cli, grid_file):
        lines = cli("sweep", grid_file, "--dry-run").lines
        at = lines.index("first runs")
        assert lines[at + 1 : at + 4] == [
            "  layers=1 lr=0.1",
            "  layers=1 lr=0.01",
            "  layers=2 lr=0.1",
        ]

    def test_shows_the_points_that_a_run_then_gets(self, cli, client, grid_file, run_one):
        lines = cli("sweep", grid_file, "--dry-run").lines
        sweep = cli("sweep", grid_file, "--json").json["id"]
        first = client.get_run(run_one(sweep))["config"]
        shown = lines[lines.index("first runs") + 1].split()
        assert shown == [f"{name}={value}" for name, value in sorted(first.items())]

    def test_a_grid_of_more_points_than_memory_holds(self, cli):
        text = b"method: grid\nparameters:\n" + b"".join(
            b"  p%d: {min: 1, max: 1000000000}\n" % number for number in range(9)
        )
        result = cli("sweep", "-", "--dry-run", stdin=text)
        assert result.code == 0
        assert "p8=3" in result.out

    def test_json(self, cli, grid_file):
        found = cli("sweep", grid_file, "--dry-run", "--json").json
        assert found["id"] is None
        assert found["config"]["method"] == "grid"
        assert found["grid_points"] == 4


class TestBadFiles:
    def check(self, result, *parts, n_lines=1):
        assert result.code == 2
        assert result.out == ""
        lines = result.err.splitlines()
        assert len(lines) == n_lines
        assert all(line.startswith("error: ") for line in lines)
        for part in parts:
            assert part in result.err

    def test_a_missing_file_names_its_neighbour(self, cli, grid_file):
        self.check(cli("sweep", "sweeep.yaml"), "sweeep.yaml: no such file", "did you mean sweep.y")
        self.check(cli("sweep", "no/such/folder.yaml"), "no such file")

    def test_a_folder(self, cli):
        self.check(cli("sweep", "."), ". is a folder")

    def test_binary(self, cli):
        Path("s.yaml").write_bytes(b"method: grid\n\xff\xfe\x00")
        self.check(cli("sweep", "s.yaml"), "s.yaml: line 2 is not valid UTF-8")

    def test_a_name_that_cannot_be_one(self, cli):
        self.check(cli("sweep", "a\0b"), "not a file name")

    def test_an_endless_file(self, cli):
        self.check(cli("sweep", "/dev/zero"), "this is not a sweep file")

    def test_a_file_over_the_backends_limit(self, cli):
        self.check(cli("sweep", "-", stdin=b"#" * 150_000), "150,000", "100,000")

    @pytest.mark.parametrize(
        "content", [b"", b"[1, 2]", b"just words", b"a: [", b"parameters: {}\nmethod: grid"]
    )
    def test_a_file_that_is_not_a_sweep_config(self, cli, content):
        result = cli("sweep", "-", stdin=content)
        assert result.code == 2
        assert result.out == ""
        assert all(line.startswith("error: -: ") for line in result.err.splitlines())

    def test_all_problems_at_once_with_their_lines(self, cli):
        text = b"method: bays\nparameters:\n  lr: {min: abc, max: 1}\n  b: {min: 2, max: 1}\n"
        Path("s.yaml").write_bytes(text)
        result = cli("sweep", "s.yaml", "--json")
        self.check(
            result,
            "error: s.yaml: line 1: method: ",
            "error: s.yaml: line 3: parameters.lr.min: ",
            "line 4: parameters.b",
            n_lines=3,
        )

    @pytest.mark.parametrize(
        "words",
        [
            [],
            ["--agent", "--json", "f"],
            ["--agent", "--dry-run", "f"],
            ["--pause", "abcdefgh", "f"],
            ["--pause", "abcdefgh", "--stop", "abcdefgh"],
            ["--pause", "abcdefgh", "--name", "x"],
            ["--pause", "abcdefgh", "--program", "x.py"],
            ["--update", "abcdefgh"],
            ["--stop-run", "abcdefgh-1", "--dry-run"],
        ],
    )
    def test_options_that_do_not_go_together(self, cli, words):
        self.check(cli("sweep", *words), "see 'sweep-sdk sweep --help'")


def client_version(cli, sweep):
    return cli("show", sweep, "--json").json["config_version"]


class TestVerbs:
    def test_pause_resume_stop_cancel(self, cli, grid, client):
        for verb, state in [
            ("pause", "paused"),
            ("resume", "pending"),
            ("stop", "finished"),
            ("resume", "pending"),
            ("cancel", "canceled"),
        ]:
            result = cli("sweep", f"--{verb}", f"entity/project/{grid}")
            assert (result.code, result.out) == (0, f"sweep {grid} is {state}\n")
            assert client.get_sweep(grid)["state"] == state

    def test_an_illegal_transition_says_what_is_possible(self, cli, grid):
        cli("sweep", "--cancel", grid)
        result = cli("sweep", "--pause", grid)
        assert result.code == 2
        assert "it is canceled" in result.err

    def test_stop_run(self, cli, grid, run_one, client):
        run = run_one(grid, state=None)
        result = cli("sweep", "--stop-run", run)
        assert result.code == 0
        assert run in result.out
        assert client.report(run, 1, 5, []).reason == "stop_run"

    def test_stop_run_of_a_run_without_an_agent(self, cli, grid, run_one):
        run = run_one(grid)
        result = cli("sweep", "--stop-run", run)
        assert result.code == 2
        assert result.err.startswith("error: ")

    @pytest.mark.parametrize("verb", ["--pause", "--update", "--stop-run"])
    def test_an_id_that_names_nothing(self, cli, grid, grid_file, verb):
        wrong = grid[:-1] + ("a" if grid[-1] != "a" else "b")
        words = [grid_file] if verb == "--update" else []
        target = f"{wrong}-0" if verb == "--stop-run" else wrong
        result = cli("sweep", verb, target, *words)
        assert result.code == 2
        assert f"did you mean {grid}?" in result.err

    def test_update(self, cli, grid, grid_file, run_one, client):
        first = client.get_run(run_one(grid))["config"]
        wider = Path(grid_file).read_text().replace("[1, 2]", "[1, 2, 3]")
        Path(grid_file).write_text(wider)
        result = cli("sweep", "--update", grid, grid_file)
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith(f"sweep {grid} has config version 2: ")
        later = [client.get_run(run_one(grid))["config"] for _ in range(5)]
        points = {(c["layers"], c["lr"]) for c in [first, *later]}
        assert points == {(layers, lr) for layers in (1, 2, 3) for lr in (0.1, 0.01)}

    def test_a_bad_update_reports_its_problems(self, cli, grid):
        Path("new.yaml").write_text("method: grid\nparameters: {lr: {min: x, max: y}}\n")
        result = cli("sweep", "--update", grid, "new.yaml")
        assert result.code == 2
        assert result.err.startswith("error: new.yaml: line 2: parameters.lr")
        assert client_version(cli, grid) == 1

    def test_json(self, cli, grid):
        assert cli("sweep", "--pause", grid, "--json").json["state"] == "paused"


def test_as_a_process_in_a_terminal_without_unicode(home):
    text = "method: grid\nparameters: {x: {values: [ä→]}}\n"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [sys.executable, "-m", "sweep_sdk.cli", "sweep", "-", "--dry-run"],
        input=text.encode(),
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"x=\xe4\\u2192" in done.stdout


class TestPriorRuns:
    BAYES = b"method: bayes\nmetric: {name: loss}\nparameters: {x: {min: 0.0, max: 1.0}}\n"

    def test_they_are_sent_each_with_its_option(self, cli, client, grid, run_one):
        run = run_one(grid, loss=1.0)
        result = cli("sweep", "-", "--prior-run", run, "-R", run, stdin=self.BAYES)
        assert result.code == 0
        assert f"run {run} is left out" in result.err, "its parameters are others"

    def test_one_that_does_not_exist_is_named(self, cli):
        result = cli("sweep", "-", "--prior-run", "nosuchid-3", stdin=self.BAYES)
        assert result.code == 2
        assert "no run 'nosuchid-3'" in result.err


class TestWhatADryRunShows:
    def test_the_first_runs_are_what_agents_will_get(self, cli, client):
        text = b"method: random\nseed: 3\nprogram: t.py\nparameters: {x: {values: [1, 2, 3, 4]}}\n"
        shown = cli("sweep", "-", "--dry-run", stdin=text).lines
        sweep = cli("sweep", "-", "--json", stdin=text).json["id"]
        configs = [client.ask(sweep, f"ask-key-{n}", "a").config for n in range(3)]
        assert [f"  x={config['x']}" for config in configs] == [
            line for line in shown if line.startswith("  x=")
        ]


#: (words, what takes a sweep, what would work for a run)
RUN_FOR_SWEEP = (
    *(
        (("sweep", f"--{verb}", "{run}"), f"--{verb}", instead)
        for verb, instead in {
            "pause": "",
            "resume": "",
            "stop": "sweep-sdk sweep --stop-run {run}",
            "cancel": "sweep-sdk sweep --stop-run {run}",
        }.items()
    ),
    (("sweep", "--update", "{run}", "sweep.yaml"), "--update", ""),
    (("sweep", "--retry-failed", "{run}"), "--retry-failed", "sweep-sdk sweep --retry-run {run}"),
    (("agent", "{run}"), "agent", ""),
    (("best", "{run}"), "best", "sweep-sdk show {run}"),
    (("runs", "{run}"), "runs", "sweep-sdk show {run}"),
    (("runs", "{sweep}", "{run}", "--csv"), "runs", "sweep-sdk show {run}"),
    (("ask", "{run}"), "ask", ""),
)
#: (words, what takes a run, what would work for a sweep)
SWEEP_FOR_RUN = (
    (("sweep", "--stop-run", "{sweep}"), "--stop-run", "sweep-sdk sweep --stop {sweep}"),
    (
        ("sweep", "--retry-run", "{sweep}"),
        "--retry-run",
        "sweep-sdk sweep --retry-failed {sweep}",
    ),
    (("logs", "{sweep}"), "logs", "sweep-sdk runs {sweep}"),
    (("tell", "{sweep}", "a=1"), "tell", "sweep-sdk ask {sweep}"),
)


class TestAnIdMeansWhatItNames:
    @pytest.fixture(params=["{}", "entity/project/{}"])
    def ids(self, request, client, grid):
        """Both kinds of id, as bare ids and as people who come from wandb write them."""
        client.ask(grid, "key-of-the-test", "agent")
        return {
            "run": request.param.format(f"{grid}-0"),
            "sweep": request.param.format(grid),
        }

    @pytest.mark.parametrize(("words", "taker", "instead"), RUN_FOR_SWEEP)
    def test_a_run_is_refused_where_a_sweep_is_taken(
        self, cli, client, grid, ids, words, taker, instead
    ):
        before = client.get_sweep(grid)
        result = cli(*(word.format(**ids) for word in words))
        assert (result.code, result.out) == (2, "")
        assert f"{grid}-0 is a run, but {taker} expects a sweep: {grid}" in result.err
        assert instead.format(run=f"{grid}-0") in result.err
        assert client.get_sweep(grid) == before

    @pytest.mark.parametrize(("words", "taker", "instead"), SWEEP_FOR_RUN)
    def test_a_sweep_is_refused_where_a_run_is_taken(
        self, cli, client, grid, ids, words, taker, instead
    ):
        before = client.get_sweep(grid)
        result = cli(*(word.format(**ids) for word in words))
        assert (result.code, result.out) == (2, "")
        assert f"{grid} is a sweep, but {taker} expects a run, such as {grid}-0" in result.err
        assert instead.format(sweep=grid) in result.err
        assert client.get_sweep(grid) == before


class TestAChangeWithoutEffectSaysWhy:
    @pytest.mark.parametrize(
        ("first", "again", "advice"),
        [
            (["--pause"], "--pause", "is paused already, so nothing has changed; to resume it: "),
            (["--stop"], "--stop", "is finished already, so nothing has changed; to resume it: "),
            (["--cancel"], "--cancel", "is canceled already, so nothing has changed"),
            ([], "--resume", "is pending already, so nothing has changed; to work on it: "),
        ],
    )
    def test_a_sweep_that_already_has_the_state(self, cli, grid, first, again, advice):
        for verb in first:
            assert cli("sweep", verb, grid).err == ""
        result = cli("sweep", again, grid)
        assert result.code == 0
        assert result.err.startswith(f"sweep {grid} {advice}")
        assert result.err.count("\n") == 1

    def test_resuming_a_sweep_whose_runs_have_all_ended(self, cli, grid, run_one):
        for _ in range(4):
            run_one(grid)
        result = cli("sweep", "--resume", grid)
        assert (result.code, result.out) == (0, f"sweep {grid} is finished\n")
        assert "has no runs left to hand out" in result.err
        assert f"sweep-sdk sweep --update {grid} FILE" in result.err

    def test_a_sweep_that_already_has_the_config(self, cli, grid, grid_file):
        result = cli("sweep", "--update", grid, grid_file)
        assert result.code == 0
        assert result.err == f"sweep {grid} has this config already, so nothing has changed\n"

    def test_retries_for_runs_that_have_failed_already(self, cli, grid, grid_file, run_one):
        for _ in range(4):
            run_one(grid, "failed")
        with Path(grid_file).open("a") as file:
            file.write("retry_failed: 2\n")
        result = cli("sweep", "--update", grid, grid_file)
        assert result.code == 0
        assert "runs that were handed out before keep their" in result.err
        assert result.err.count("\n") == 1

    def test_with_json_it_is_reported_on_stderr(self, cli, grid):
        cli("sweep", "--pause", grid)
        result = cli("sweep", "--pause", grid, "--json")
        assert (result.json["state"], result.json["changed"]) == ("paused", False)
        assert "is paused already" in result.err
