"""From a handed-out run to a program that can be started: folder, files, command, environment."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.process.command_words import python_file, started_by_env
from sweep_sdk._agent.process.leftovers import KEEP_VARIABLE, MARK_VARIABLE
from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.ranks import AGENT_RANKS, agent_ranks
from sweep_sdk._world import disk
from sweep_service.model.language import command as commands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.wire.runs import HandOut

#: The exit codes of ``env`` for a program that it cannot execute, or find.
_NOT_EXECUTED = (126, 127)


@dataclass(frozen=True)
class RunFiles:
    """Where a run's files are on this machine; the folder is the same for all its attempts.

    Attributes:
        arguments: What ``${args_json_file}`` represents.
        metrics: Of one attempt.
        log: stdout and stderr of all attempts.
    """

    folder: disk.Path
    config: disk.Path
    arguments: disk.Path
    metrics: disk.Path
    log: disk.Path


@dataclass(frozen=True)
class ProgramSpec:
    """A program ready to be started."""

    command: list[str]
    environment: dict[str, str]
    log_file: disk.Path


def run_files(runs_dir: disk.Path, sweep: str, run: str, attempt: int) -> RunFiles:
    """The paths of a run's files, existing or not."""
    folder = runs_dir / sweep / run
    return RunFiles(
        folder=folder,
        config=folder / "config.json",
        arguments=folder / "arguments.json",
        metrics=folder / f"metrics-{attempt}.jsonl",
        log=folder / "output.log",
    )


def prepare_files(runs_dir: disk.Path, handout: HandOut) -> RunFiles:
    """Make the run's folder, write its config and begin its metrics file.

    Raises:
        OSError: They cannot be written, or other users could choose where they are written.
    """
    files = run_files(runs_dir, handout.sweep, handout.id, handout.attempt)
    disk.make_private_folder(runs_dir, files.folder)
    for path in (files.config, files.arguments, files.metrics, files.log):
        disk.discard_link(path)
    files.config.write_text(json.dumps(handout.config, indent=1), encoding="utf-8")
    files.arguments.write_text(commands.args_json(handout.config), encoding="utf-8")
    files.metrics.write_bytes(b"")
    return files


def run_variables(handout: HandOut, files: RunFiles) -> dict[str, str]:
    """What the training program learns about its run."""
    return {
        "SWEEP_ID": handout.sweep,
        "SWEEP_RUN_ID": handout.id,
        "SWEEP_PROJECT": handout.project,
        "SWEEP_ATTEMPT": str(handout.attempt),
        "SWEEP_CONFIG_FILE": str(files.config),
        "SWEEP_METRICS_FILE": str(files.metrics),
        "SWEEP_RUN_DIR": str(files.folder),
    }


class Launcher:
    """Builds the command lines of one sweep's runs.

    Attributes:
        environment: What programs inherit from their agent.
    """

    def __init__(self, config: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """Take what the command needs.

        Args:
            config: The sweep's normalised config.
            environment: The agent's own.
        """
        self._command = tuple(config.get("command") or commands.DEFAULT_COMMAND)
        self._program: str | None = config.get("program")
        # Programs need no token: the agent alone sends requests.
        self.environment = {k: v for k, v in environment.items() if k != commands.WITHHELD_VARIABLE}

    def warnings(self) -> list[str]:
        """What is odd about the command on this machine."""
        unset = commands.unset_variables(self._command, self.environment)
        found = [str(item) for item in unset]
        if not commands.passes_parameters(self._command):
            found.append(commands.NO_PARAMETERS_ADVICE)
        return found

    def check(self) -> None:
        """Find out before the first run what would make every run fail; only what is certain.

        Raises:
            UsageError: The program is missing, or its interpreter, or the command asks for the
                token of the backend.
        """
        if commands.asks_for_token(self._command):
            raise UsageError(f"refusing to run the sweep's command: {commands.WITHHELD_ADVICE}")
        if "${program}" in self._command and not self._program:
            raise UsageError(
                "the sweep names no 'program', so an agent has nothing to start: add it to the"
                " sweep file, or pass a function to sweep_sdk.agent()"
            )
        missing = self.missing_program()
        if missing is not None:
            raise UsageError(missing)
        words = self.command_line({}, disk.Path("arguments.json"))
        if not words:
            raise UsageError("the sweep's command is empty: nothing can be started")
        for word in {words[0], *started_by_env(words)[:1]}:
            if shutil.which(word, path=self.environment.get("PATH")) is None:
                raise UsageError(_cannot_run(word))

    def missing_program(self) -> str | None:
        """A line about the Python file that the command will run, if it is not there."""
        words = started_by_env(self.command_line({}, disk.Path("arguments.json")))
        program = python_file(words)
        if program is None or disk.Path(program).exists():
            return None
        if disk.Path(program).is_absolute():
            return f"no program '{program}' on this machine"
        return (
            f"no program '{program}' in {disk.Path.cwd()}: start the agent in the folder from which"
            " the program's path counts"
        )

    def why_not_started(self, launch: ProgramSpec, code: int, last_words: str) -> str | None:
        """Why a program cannot have started although its command was executed; None if it can have.

        An interpreter, or the program itself, that was there before the first run has vanished.

        Args:
            launch: What was started.
            code: The exit code.
            last_words: What was written to stderr.
        """
        words, inner = launch.command, started_by_env(launch.command)
        said = last_words.rpartition("\n")[2]
        is_env = bool(inner) and len(inner) < len(words) and said.startswith((words[0], "env:"))
        if is_env and code in _NOT_EXECUTED and inner[0] in said:
            return said
        program = python_file(inner)
        if program is not None and not disk.Path(program).exists():
            return self.missing_program()
        return None

    def command_line(self, config: Mapping[str, Any], arguments_file: disk.Path) -> list[str]:
        """The words of the command with which a run of ``config`` is started."""
        facts = commands.Launch(
            program=self._program,
            environment=self.environment,
            interpreter=self._interpreter(),
            json_file=str(arguments_file),
            is_windows=sys.platform == "win32",
        )
        return commands.command_line(self._command, config, facts)

    def prepare(
        self,
        handout: HandOut,
        files: RunFiles,
        gpus: Mapping[str, str],
        mark: str,
        changes: Mapping[str, str | None] | None = None,
    ) -> ProgramSpec:
        """The program of a run, ready to be started.

        Args:
            handout: The run.
            files: Its files.
            gpus: The variable that shows it its GPUs; empty where it sees what its agent sees.
            mark: Identifies its processes; see ``leftovers``.
            changes: More variables; None where one is to be removed.
        """
        # Unbuffered: what a program prints is seen at once, and survives its being killed.
        environment = {"PYTHONUNBUFFERED": "1"} | self.environment | run_variables(handout, files)
        environment |= {AGENT_RANKS: agent_ranks(self.environment), MARK_VARIABLE: mark, **gpus}
        environment.pop(KEEP_VARIABLE, None)  # it was meant for the agent, not for its programs
        for name, value in (changes or {}).items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        command = self.command_line(handout.config, files.arguments)
        return ProgramSpec(command, environment, files.log)

    def _interpreter(self) -> str:
        has_python = shutil.which("python", path=self.environment.get("PATH")) is not None
        return "python" if has_python else sys.executable


def _cannot_run(word: str) -> str:
    if disk.Path(word).is_file():
        return f"'{word}' is not executable: try 'chmod +x {word}', or name its interpreter"
    return f"no program '{word}' on this machine: check the sweep's 'command'"
