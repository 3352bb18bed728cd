"""Prepares the program of a run: folder, files, command and environment."""

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

#: Exit codes of ``env`` for a program that it cannot execute or find.
_NOT_EXECUTED = (126, 127)


@dataclass(frozen=True)
class RunFiles:
    """The files of a run on this machine; all attempts share the folder.

    Attributes:
        arguments: The file that ``${args_json_file}`` names.
        metrics: The metrics file of one attempt.
        log: Stdout and stderr of all attempts.
    """

    folder: disk.Path
    config: disk.Path
    arguments: disk.Path
    metrics: disk.Path
    log: disk.Path


@dataclass(frozen=True)
class ProgramSpec:
    """A program that is ready to be started."""

    command: list[str]
    environment: dict[str, str]
    log_file: disk.Path


def run_files(runs_dir: disk.Path, sweep: str, run: str, attempt: int) -> RunFiles:
    """The paths of a run's files, which need not exist."""
    folder = runs_dir / sweep / run
    return RunFiles(
        folder=folder,
        config=folder / "config.json",
        arguments=folder / "arguments.json",
        metrics=folder / f"metrics-{attempt}.jsonl",
        log=folder / "output.log",
    )


def prepare_files(runs_dir: disk.Path, handout: HandOut) -> RunFiles:
    """Create the run's folder, its config and its metrics file.

    Raises:
        OSError: They cannot be written, or other users could redirect where they are written.
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
    """The environment variables that describe a run to its program."""
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
    """Builds the programs of one sweep's runs.

    Attributes:
        environment: What programs inherit from their agent.
    """

    def __init__(self, config: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """Set up.

        Args:
            config: The sweep's normalised config.
            environment: The agent's environment.
        """
        self._command = tuple(config.get("command") or commands.DEFAULT_COMMAND)
        self._program: str | None = config.get("program")
        # Programs get no token, because only the agent sends requests.
        self.environment = {k: v for k, v in environment.items() if k != commands.WITHHELD_VARIABLE}

    def warnings(self) -> list[str]:
        """Warnings about the command on this machine."""
        unset = commands.unset_variables(self._command, self.environment)
        found = [str(item) for item in unset]
        if not commands.passes_parameters(self._command):
            found.append(commands.NO_PARAMETERS_ADVICE)
        return found

    def check(self) -> None:
        """Check before the first run for errors that would make every run fail for certain.

        Raises:
            UsageError: The program or its interpreter is missing, or the command uses the token of
                the backend.
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
        """A message if the Python file that the command will run does not exist."""
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
        """Why a program did not start although its command was executed; None if it did.

        This happens if the interpreter or the program has vanished since the first run.

        Args:
            launch: The program.
            code: Its exit code.
            last_words: Its output on stderr.
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
        """The words of the command that starts a run of ``config``."""
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
        """Prepare the program of a run.

        Args:
            handout: The run.
            files: The run's files.
            gpus: Environment variable that selects its GPUs; empty for those that the agent sees.
            mark: Mark of the run's processes; see ``leftovers``.
            changes: Further environment variables; None to remove one.
        """
        # Unbuffered, so that output is shown at once and is not lost if the program is killed.
        environment = {"PYTHONUNBUFFERED": "1"} | self.environment | run_variables(handout, files)
        environment |= {AGENT_RANKS: agent_ranks(self.environment), MARK_VARIABLE: mark, **gpus}
        environment.pop(KEEP_VARIABLE, None)  # meant for the agent, not for its programs
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
