"""The command line of a run: which macros there are and what each becomes.

The environment, the interpreter and the platform are arguments. Expansion follows W&B's agent:
environment variables are expanded first, also within a larger text. Other macros are expanded only
if they are a whole list element, and unknown ones are dropped.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.hydra import hydra_overrides
from sweep_service.model.language.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
#: Advice for a command without any parameter.
NO_PARAMETERS_ADVICE = (
    "the command passes no parameters: add '${args}' to pass the values as options, unless the "
    "program reads them itself, from wandb.config, sweep_sdk.init().config or the JSON file that "
    "SWEEP_CONFIG_FILE names"
)

#: The variable that holds the token of the backend. Programs never get it.
WITHHELD_VARIABLE = "SWEEP_TOKEN"
_WITHHELD_MACRO = f"${{envvar:{WITHHELD_VARIABLE}}}"
WITHHELD_ADVICE = (
    f"{_WITHHELD_MACRO} would show the token of the backend to everybody who sees the command line;"
    " remove it from the command"
)

_ENVIRONMENT_MACRO = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")
_INNER_MACRO = re.compile(r"\$\{([^{}]*)\}")


def command_sha256(config: Mapping[str, Any]) -> str:
    """The SHA-256 over what agents of a sweep run: its command and its program.

    It is taken over the JSON text ``[command, program]`` in ASCII without spaces, with the default
    command in the place of none and null in the place of no program.

    Args:
        config: The sweep's normalised config.
    """
    words = list(config.get("command") or DEFAULT_COMMAND)
    text = json.dumps([words, config.get("program")], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Launch:
    """What a command needs to know about one launch of the program.

    Attributes:
        program: The sweep's program; None when it names none.
        environment: Environment variables of the agent.
        interpreter: What ``${interpreter}`` expands to: ``python`` if that is on the PATH,
            otherwise the interpreter that runs the agent.
        json_file: Path of the file that holds the run config as ``args_json`` text.
        is_windows: Whether this is Windows, where ``${env}`` expands to nothing.
    """

    program: str | None
    environment: Mapping[str, str]
    interpreter: str = "python"
    json_file: str = ""
    is_windows: bool = False


def command_line(
    command: Sequence[str], run_config: Mapping[str, Any], launch: Launch
) -> list[str]:
    """The arguments that start a run's program; the first one is the executable.

    Args:
        command: The sweep's command, macros included.
        run_config: The run's config; nested values are passed as Python prints them.
        launch: The program, environment and interpreter of this launch.
    """
    line: list[str] = []
    for element in command:
        text = _with_environment(element, launch.environment)
        if _is_macro(text):
            line += _expansion(text[2:-1], run_config, launch)
        else:
            line.append(text)
    return line


def args_json(run_config: Mapping[str, Any]) -> str:
    """The run config as ``${args_json}`` passes it, and as the file of that macro holds it."""
    return json.dumps(dict(run_config))


def macro_warnings(command: Sequence[str]) -> list[tuple[int, str]]:
    """Warnings about the macros of a command, each with its position."""
    return [
        (position, message)
        for position, element in enumerate(command)
        for message in _oddities(element)
    ]


def passes_parameters(command: Sequence[str]) -> bool:
    """Whether any macro of the command expands to the run's parameters."""
    return not _PARAMETER_MACROS.isdisjoint(command)


def prints_values(command: Sequence[str]) -> str | None:
    """The first macro of the command that passes values as Python prints them, if there is one."""
    return next((element for element in command if element in _PRINTING_MACROS), None)


def asks_for_token(command: Sequence[str]) -> bool:
    """Whether the command asks for the token of the backend, which agents refuse."""
    return any(_WITHHELD_MACRO in element for element in command)


def unset_variables(command: Sequence[str], environment: Mapping[str, str]) -> list[Problem]:
    """Warnings about ``${envvar:}`` macros whose variable is not set where the agent runs."""
    return [
        Problem(
            f"command[{position}]",
            f"the environment variable {name} is not set; its name is passed instead",
        )
        for position, element in enumerate(command)
        for name in _ENVIRONMENT_MACRO.findall(element)
        if name not in environment
    ]


def _with_environment(element: str, environment: Mapping[str, str]) -> str:
    return _ENVIRONMENT_MACRO.sub(
        lambda match: environment.get(match.group(1), match.group(1)), element
    )


def _is_macro(element: str) -> bool:
    return element.startswith("${") and element.endswith("}")


def _expansion(name: str, run_config: Mapping[str, Any], launch: Launch) -> list[str]:
    if name in _ARGUMENTS:
        return _ARGUMENTS[name](run_config)
    return {
        "env": [] if launch.is_windows else ["/usr/bin/env"],
        "interpreter": [launch.interpreter],
        "program": [launch.program] if launch.program is not None else [],
        "args_json_file": [launch.json_file],
    }.get(name, [])


def _assignments(run_config: Mapping[str, Any], prefix: str) -> list[str]:
    return [f"{prefix}{name}={value}" for name, value in run_config.items()]


def _without_equals(run_config: Mapping[str, Any]) -> list[str]:
    return [text for name, value in run_config.items() for text in (f"--{name}", str(value))]


def _boolean_flags(run_config: Mapping[str, Any]) -> list[str]:
    return [
        f"--{name}" if value is True else f"--{name}={value}"
        for name, value in run_config.items()
        if value is not False
    ]


def _argparse_words(run_config: Mapping[str, Any]) -> list[str]:
    """Options as Python's argparse and its likes take them.

    The option of a null or false is left out, a true one has no value, a list becomes words
    (``nargs``), and maps and lists of lists become JSON.
    """
    return [
        word
        for name, value in run_config.items()
        if value is not None and value is not False
        for word in _argparse_option(f"--{name}", value)
    ]


def _argparse_option(option: str, value: Any) -> list[str]:
    if value is True:
        return [option]
    if isinstance(value, (list, tuple)) and len(value) != 1:
        return [option, *map(_argparse_text, value)]
    (single,) = value if isinstance(value, (list, tuple)) else (value,)
    return [f"{option}={_argparse_text(single)}"]


def _argparse_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (dict, list, tuple)) else str(value)


_ARGUMENTS: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "args": lambda run_config: _assignments(run_config, "--"),
    "args_no_equals": _without_equals,
    "args_no_hyphens": lambda run_config: _assignments(run_config, ""),
    "args_no_boolean_flags": _boolean_flags,
    "args_argparse": _argparse_words,
    "args_json": lambda run_config: [args_json(run_config)],
    "args_append_hydra": lambda run_config: hydra_overrides(run_config, "+"),
    "args_override_hydra": lambda run_config: hydra_overrides(run_config, "++"),
}

_PRINTING_MACROS = frozenset(
    ("${args}", "${args_no_equals}", "${args_no_hyphens}", "${args_no_boolean_flags}")
)
_PARAMETER_MACROS = frozenset((*(f"${{{name}}}" for name in _ARGUMENTS), "${args_json_file}"))

#: Every macro, as it is written.
MACROS = (
    "${env}",
    "${interpreter}",
    "${program}",
    *(f"${{{name}}}" for name in _ARGUMENTS),
    "${args_json_file}",
    "${envvar:NAME}",
)


def _oddities(element: str) -> list[str]:
    text = _ENVIRONMENT_MACRO.sub("...", element)
    known = ", ".join(MACROS)
    if text in MACROS:
        return []
    if _is_macro(text) and text.count("${") == 1:
        return [f"the macro {text} is not known and expands to nothing; there are {known}"]
    if _is_macro(text):
        return [f"'{text}' expands to nothing; write each macro as a list element of its own"]
    return [
        f"{match.group()} inside a larger text is passed as it is; only ${{envvar:NAME}} expands "
        "there, other macros are list elements of their own"
        for match in _INNER_MACRO.finditer(text)
    ]
