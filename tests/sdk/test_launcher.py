from __future__ import annotations

import json
import stat
import sys

import pytest

from sweep_sdk._agent.process.command_words import started_by_env
from sweep_sdk._agent.process.launcher import Launcher, prepare_files, run_files
from sweep_sdk._exceptions import UsageError
from sweep_service.wire.runs import HandOut

HANDOUT = HandOut("k3v9x2ab-7", "k3v9x2ab", "mnist", 7, {"lr": 0.1, "m": {"d": 3}}, 1, 2, 300.0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An agent's working directory, with a program."""
    work = tmp_path / "work dir"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "train.py").write_text("")
    return work


@pytest.fixture
def path(tmp_path):
    """A PATH with a python on it, and a script that is not executable."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").symlink_to(sys.executable)
    return str(folder)


def launcher(path, **config):
    return Launcher({"program": "train.py", **config}, {"PATH": path, "KEPT": "1"})


class TestFiles:
    def test_the_folder_is_the_same_for_all_attempts(self, tmp_path):
        first = run_files(tmp_path, "k3v9x2ab", "k3v9x2ab-7", 1)
        second = run_files(tmp_path, "k3v9x2ab", "k3v9x2ab-7", 2)
        assert first.folder == second.folder == tmp_path / "k3v9x2ab" / "k3v9x2ab-7"
        assert first.metrics != second.metrics
        assert first.log == second.log

    def test_what_is_written(self, tmp_path):
        files = prepare_files(tmp_path / "runs", HANDOUT)
        assert json.loads(files.config.read_text()) == HANDOUT.config
        assert json.loads(files.arguments.read_text()) == HANDOUT.config
        assert files.metrics.read_bytes() == b""
        assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700

    def test_rows_of_something_else_are_not_taken_for_this_attempts(self, tmp_path):
        prepare_files(tmp_path, HANDOUT).metrics.write_text('{"loss": 1}\n')
        assert prepare_files(tmp_path, HANDOUT).metrics.read_bytes() == b""

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError, match="file"):
            prepare_files(tmp_path / "file", HANDOUT)


class TestCommand:
    def prepare(self, tmp_path, launcher, gpus=None):
        return launcher.prepare(HANDOUT, run_files(tmp_path, "s", "r", 2), gpus or {}, "a.mark")

    def test_the_default(self, tmp_path, path):
        launch = self.prepare(tmp_path, launcher(path))
        assert launch.command == ["/usr/bin/env", "python", "train.py", "--lr=0.1", "--m={'d': 3}"]

    def test_the_agents_interpreter_where_there_is_no_python(self, tmp_path):
        launch = self.prepare(tmp_path, launcher("/nowhere"))
        assert launch.command[1] == sys.executable

    def test_what_the_program_learns_from_its_environment(self, tmp_path, path):
        environment = self.prepare(tmp_path, launcher(path)).environment
        reported = {name: environment[name] for name in environment if name.startswith("SWEEP_")}
        folder = tmp_path / "s" / "r"
        assert reported == {
            "SWEEP_ID": "k3v9x2ab",
            "SWEEP_RUN_ID": "k3v9x2ab-7",
            "SWEEP_PROJECT": "mnist",
            "SWEEP_ATTEMPT": "2",
            "SWEEP_AGENT_RANKS": "{}",
            "SWEEP_CONFIG_FILE": str(folder / "config.json"),
            "SWEEP_METRICS_FILE": str(folder / "metrics-2.jsonl"),
            "SWEEP_RUN_DIR": str(folder),
            "SWEEP_MARK": "a.mark",
        }
        assert environment["KEPT"] == "1"
        assert environment["PYTHONUNBUFFERED"] == "1"
        assert "CUDA_VISIBLE_DEVICES" not in environment

    def test_the_token_stays_with_the_agent(self, tmp_path, path):
        secret = Launcher({"program": "train.py"}, {"PATH": path, "SWEEP_TOKEN": "secret"})
        assert "SWEEP_TOKEN" not in self.prepare(tmp_path, secret).environment

    def test_the_token_does_not_go_through_the_command_either(self, tmp_path, path):
        config = {"command": ["/bin/echo", "--tag=${envvar:SWEEP_TOKEN}", "${args}"]}
        launcher = Launcher(config, {"PATH": path, "SWEEP_TOKEN": "secret"})
        assert "secret" not in " ".join(self.prepare(tmp_path, launcher).command)
        with pytest.raises(UsageError, match=r"refusing to run .*\$\{envvar:SWEEP_TOKEN\}"):
            launcher.check()

    def test_its_processes_are_marked_and_not_kept_because_their_agent_is(self, tmp_path, path):
        own = {"PATH": path, "SWEEP_KEEP": "1", "SWEEP_MARK": "of an outer agent"}
        kept = Launcher({"program": "train.py"}, own)
        environment = self.prepare(tmp_path, kept).environment
        assert environment["SWEEP_MARK"] == "a.mark"
        assert "SWEEP_KEEP" not in environment

    def test_the_users_own_buffering_is_kept(self, tmp_path, path):
        own = Launcher({"program": "train.py"}, {"PATH": path, "PYTHONUNBUFFERED": ""})
        assert self.prepare(tmp_path, own).environment["PYTHONUNBUFFERED"] == ""

    def test_one_gpu(self, tmp_path, path):
        launch = self.prepare(tmp_path, launcher(path), {"HIP_VISIBLE_DEVICES": "3"})
        assert launch.environment["HIP_VISIBLE_DEVICES"] == "3"

    def test_the_arguments_as_a_file(self, tmp_path, path):
        launch = self.prepare(tmp_path, launcher(path, command=["python", "${args_json_file}"]))
        assert launch.command == ["python", str(tmp_path / "s" / "r" / "arguments.json")]

    @pytest.mark.parametrize("command", [["python", "train.py"], ["./solver", "--x=${args}"]])
    def test_a_command_without_parameters_is_reported(self, path, command):
        (warning,) = launcher(path, command=command).warnings()
        for word in ("'${args}'", "sweep_sdk.init().config", "SWEEP_CONFIG_FILE"):
            assert word in warning

    def test_unset_variables_are_reported(self, path):
        warnings = launcher(path, command=["python", "${envvar:NOT_SET}", "${args}"]).warnings()
        assert len(warnings) == 1
        assert "NOT_SET" in warnings[0]


class TestCheck:
    def test_nothing_is_missing(self, path):
        launcher(path).check()

    def test_no_program_in_the_sweep(self, path):
        with pytest.raises(UsageError, match="no 'program'"):
            launcher(path, program=None).check()

    def test_the_program_is_not_here(self, path, folder):
        with pytest.raises(UsageError, match=r"no program 'other\.py' in .*work dir"):
            launcher(path, program="other.py").check()

    def test_what_runs_it_is_not_here(self, path):
        with pytest.raises(UsageError, match="no program 'julia' on this machine"):
            launcher(path, command=["julia", "train.jl"]).check()
        with pytest.raises(UsageError, match="no program 'julia' on this machine"):
            launcher(path, command=["/usr/bin/env", "A=1", "julia", "train.jl"]).check()

    def test_not_executable(self, path):
        with pytest.raises(UsageError, match="chmod"):
            launcher(path, command=["./train.py"]).check()

    def test_an_executable_program(self, path, folder):
        (folder / "train.py").chmod(0o755)
        launcher(path, program="./train.py", command=["${program}", "${args}"]).check()

    def test_a_module_is_no_file(self, path):
        command = ["${interpreter}", "-m", "${program}"]
        launcher(path, program="pkg.train", command=command).check()

    def test_a_program_that_is_elsewhere(self, path):
        """For instance in a container."""
        launcher(path, program="/in/there.py", command=["python", "-c", "", "${program}"]).check()

    def test_the_interpreter_may_have_options(self, path):
        with pytest.raises(UsageError, match=r"other\.py"):
            launcher(
                path, program="other.py", command=["${interpreter}", "-S", "${program}"]
            ).check()

    @pytest.mark.parametrize(
        "prefix",
        [
            ["env"],
            ["env", "A=1", "B="],
            ["env", "-u", "A"],
            ["env", "-uA", "C=1"],
            ["env", "--unset=A"],
            ["env", "--unset", "A"],
            [],
        ],
    )
    def test_what_env_certainly_starts_is_looked_for(self, path, prefix):
        path = f"{path}:/usr/bin"
        with pytest.raises(UsageError, match="no program 'julia' on this machine"):
            launcher(path, command=[*prefix, "julia", "train.jl"]).check()
        with pytest.raises(UsageError, match=r"no program 'other\.py' in"):
            launcher(path, command=[*prefix, "python", "-u", "-X", "dev", "other.py"]).check()

    @pytest.mark.parametrize(
        "prefix",
        [
            ["env", "-C", "/tmp"],
            ["env", "--chdir=/tmp"],
            ["env", "-S", "A=1 julia"],
            ["env", "-i", "PATH=/opt/bin"],
            ["env", "-"],
            ["env", "PATH=/opt/bin"],
            ["env", "-u", "PATH"],
            ["nice", "-n", "5"],
            ["timeout", "5"],
            ["nohup"],
            ["bash", "-c", 'cd there && exec "$@"', "-"],
            ["xargs", "-a", "/dev/null"],
        ],
    )
    @pytest.mark.parametrize("started", [["julia"], ["${interpreter}", "${program}", "${args}"]])
    def test_what_is_not_certain_is_not_refused(self, path, prefix, started):
        launcher(f"{path}:/usr/bin:/bin", program="there.py", command=[*prefix, *started]).check()

    @pytest.mark.parametrize(
        "words",
        [
            ["-m", "there.py"],
            ["-c", "1", "there.py"],
            ["-", "there.py"],
            ["--version"],
            ["-um", "there"],
            ["train.py", "there.py"],
            ["-X"],
        ],
    )
    def test_words_of_python_that_are_no_file(self, path, words):
        launcher(path, command=["python", *words]).check()

    def test_a_folder_with_a_main_file_is_a_program(self, path, folder):
        (folder / "package").mkdir()
        launcher(path, program="package").check()

    def test_an_empty_command(self, path):
        with pytest.raises(UsageError, match="empty"):
            launcher(path, command=["${nothing}"]).check()


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["python", "train.py"], "python"),
        (["env", "python", "train.py"], "python"),
        (["/usr/bin/env", "A=1", "B=2", "python"], "python"),
        (["env", "-u", "PYTHONPATH", "python"], "python"),
        (["env", "-uPYTHONPATH", "--unset=A", "python"], "python"),
        (["env", "-v", "--", "python"], "python"),
        (["env", "-C", "/tmp", "./run"], None),
        (["env", "--chdir=/tmp", "./run"], None),
        (["env", "-i", "python"], None),
        (["env", "-S", "python train.py"], None),
        (["env", "-u", "PATH", "python"], None),
        (["env", "PATH=/opt/bin", "python"], None),
        (["env", "-u"], None),
        (["env"], None),
        (["nice", "-n", "5", "python"], "nice"),
    ],
)
def test_what_env_starts_is_reported_where_it_is_certain(words, program):
    assert started_by_env(words)[:1] == ([program] if program is not None else [])
