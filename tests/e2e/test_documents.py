"""Executes the documents: files are written, commands are run, and their output is compared.

Programs that belong to others (``sam``, ``aws``, ``git``) are replaced by ones that record how they
were called.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer
from sweep_sdk.cli.group import sweep_sdk as program

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *(ROOT / name for name in ("sdk/GUIDE.md", "sdk/examples/README.md", "infra/README.md")),
    ]
)
FENCE = re.compile(r"^( *)```(\w+)(?: (\S+))?\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(?:\w+=\S+ )*sweep-sdk ([^`]+)`")
TOKEN = "d0c5" * 16
INTEGRATION = "from sweep_sdk.integrations"
CHANGING = [
    (re.compile(r"\b[a-z0-9-]+-\d{2,}\b"), "AGENT"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "TIME"),
    (re.compile(r"[ \t]+"), " "),
]
#: Replaces the programs of others. ``openssl`` does what the documents need of it.
RECORDER = f"""#!{sys.executable}
import hashlib, json, os, sys
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
if name == "openssl":
    is_random = arguments[0] == "rand"
    print({TOKEN!r} if is_random else hashlib.sha256(sys.stdin.buffer.read()).hexdigest())
with open(os.environ["RECORD"], "a") as file:
    file.write(json.dumps([name, *arguments]) + "\\n")
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a document: its language, the file that it is, and its text."""

    language: str
    name: str
    text: str


def blocks(path):
    """The fenced blocks of a document, without their indentation."""
    for indent, language, name, text in FENCE.findall(path.read_text(encoding="utf-8")):
        lines = [line.removeprefix(indent) for line in text.splitlines(keepends=True)]
        yield Block(language, name, "".join(lines))


def having(*languages):
    """Parameters of a test: the documents with blocks in one of these languages."""
    found = [path for path in DOCUMENTS if any(b.language in languages for b in blocks(path))]
    assert found
    return pytest.mark.parametrize(
        "path", found, ids=[path.relative_to(ROOT).as_posix() for path in found]
    )


@pytest.fixture
def shell(tmp_path):
    """Runs a command in a folder, and with a data folder, of its own."""
    small_wandb = {"PYTHONPATH": str(ROOT / "tests" / "e2e" / "small_wandb")}
    return make_shell(tmp_path, str(Path(sys.executable).parent), small_wandb)


def make_shell(tmp_path, binaries, variables):
    """Runs a command with the programs in a folder first."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("SWEEP_")}
    env |= {"SWEEP_HOME": str(tmp_path / "home"), "COLUMNS": "100"}
    env["PATH"] = binaries + os.pathsep + env["PATH"]
    env |= variables

    def run(command, **more):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=tmp_path,
            env={**env, **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def write_files(path, folder):
    """Write the named blocks of a document."""
    for block in blocks(path):
        if block.name:
            (folder / block.name).write_text(block.text, encoding="utf-8")


def steps(text):
    """Commands of a console block, each with the output that the document shows.

    Only a line that starts with a known program is a command: an agent's output has lines with
    a dollar sign too.
    """
    parts = re.split(r"^\$ (?=sweep-sdk )", text, flags=re.MULTILINE)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


def without_changes(text, sweep):
    """Lines without what differs from run to run."""
    text = text.replace(sweep, "SWEEP")
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return [line.strip() for line in text.splitlines()]


@having("console")
def test_a_session_runs_as_shown(path, shell, tmp_path):
    check_session(path, shell, tmp_path)


def check_session(path, shell, tmp_path):
    """Run the commands that a document shows, and compare their output."""
    write_files(path, tmp_path)
    sessions = [block.text for block in blocks(path) if block.language == "console"]
    commands = [step for text in sessions for step in steps(text)]
    shown_id = re.search(r"sweep (\w{8}) in project", sessions[0]).group(1)
    real_id = shown_id
    for command, shown in commands:
        output = shell(command.replace(shown_id, real_id))
        if command.startswith("sweep-sdk sweep"):
            real_id = re.search(r"sweep (\w{8}) in project", output).group(1)
        assert without_changes(output, real_id) == without_changes(shown, shown_id), command


def test_the_readme_has_a_session():
    sessions = [block.text for block in blocks(ROOT / "README.md") if block.language == "console"]
    assert len([step for text in sessions for step in steps(text)]) >= 5


def test_the_function_agent_of_the_readme_runs_as_it_says(shell, tmp_path):
    write_files(ROOT / "README.md", tmp_path)
    assert "5 runs, best: {'loss': " in shell("python function_agent.py")


@having("yaml")
def test_yaml_is_part_of_a_sweep_file(path, shell, tmp_path):
    complete = {"program": "train.py", "method": "random", "metric": {"name": "loss"}}
    complete |= {"parameters": {"lr": {"min": 0.1, "max": 1.0}}}
    (tmp_path / "train.py").touch()
    for block in blocks(path):
        if block.language == "yaml":
            document = complete | yaml.safe_load(block.text)
            (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
            assert "this was a dry run" in shell("sweep-sdk sweep sweep.yaml --dry-run")


@having("python")
def test_python_runs(path, shell, tmp_path):
    """A block without a name gets the sweep that the documents speak of.

    Those that use training libraries are run where these are, by ``make e2e-integrations``.
    """
    write_files(path, tmp_path)
    for number, block in enumerate(b for b in blocks(path) if b.language == "python"):
        if INTEGRATION in block.text:
            continue
        name = block.name or f"block_{number}.py"
        (tmp_path / name).write_text(block.text.replace("k3v9x2ab", made_sweep(shell, tmp_path)))
        shell(f"python {name}")


def made_sweep(shell, folder):
    """A sweep over ``lr`` and ``optimizer`` that has logged ``loss`` and ``acc``, and goes on."""
    script = folder / "make_sweep.py"
    script.write_text(
        "import sweep_sdk\n"
        "parameters = {'lr': {'values': [0.001, 0.1]}, 'optimizer': {'values': ['adam', 'sgd']}}\n"
        "metric = {'name': 'acc', 'goal': 'maximize'}\n"
        "config = {'method': 'grid', 'metric': metric, 'parameters': parameters}\n"
        "sweep = sweep_sdk.sweep(config)\n"
        "def train():\n"
        "    sweep_sdk.init().log({'loss': 0.5, 'acc': 0.9})\n"
        "sweep_sdk.agent(sweep, function=train, count=3)\n"
        "print(sweep)\n"
    )
    return shell("python make_sweep.py").split()[-1]


@pytest.fixture
def recorded(shell, tmp_path):
    """Runs a script among the recording programs; gives what they were called with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sam", "aws", "git", "openssl"):
        (folder / name).write_text(RECORDER)
        (folder / name).chmod(0o755)
    record = tmp_path / "record.jsonl"

    def run(script):
        record.touch()
        shell(f'PATH="{folder}:$PATH"\n{script}', RECORD=str(record))
        return [json.loads(line) for line in record.read_text().splitlines()]

    return run


@pytest.fixture
def server(tmp_path):
    """A backend that accepts the token that the documents make."""
    transport = InProcessTransport(tmp_path / "server.db")
    with LocalServer(transport, host="127.0.0.1", port=0, token=TOKEN) as opened:
        yield opened


@pytest.fixture
def checkout(tmp_path):
    """The current folder is a copy of the repository, without its history."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(lambda name: (ROOT / name).is_file(), listed.stdout.splitlines()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)


@having("bash")
@pytest.mark.usefixtures("checkout")
def test_shell_commands_run(path, recorded, server):
    script = "\n".join(block.text for block in blocks(path) if block.language == "bash")
    # completions for shells that need not be here
    lines = [line for line in script.splitlines() if not re.search(r"# (zsh|fish):", line)]
    script = "\n".join(lines).replace("--url URL", f"--url {server.url}")
    script = script.replace("/VERSION", "/9.9.9")
    if "$SWEEP_TOKEN" in script and "SWEEP_TOKEN=" not in script:
        script = f"export SWEEP_TOKEN={TOKEN}\n{script}"
    for call in recorded(script):
        if call[0] == "sam":
            check_sam(call[1:])


def check_sam(arguments):
    """Its files exist, and it gets parameters that the template has."""
    if "--config-file" in arguments:
        assert (ROOT / arguments[arguments.index("--config-file") + 1]).is_file()
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    given = dict(word.split("=", 1) for word in arguments if re.match(r"[A-Z]\w+=", word))
    for name in given:
        assert re.search(rf"^  {name}:$", template, re.MULTILINE), name
    if "TokenSha256" in given:
        assert given["TokenSha256"] == hashlib.sha256(TOKEN.encode()).hexdigest()


def commands_in_text():
    """Every ``sweep-sdk`` command in a sentence or a table."""
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS if path.name != "CHANGELOG.md"]
    found = {command for text in texts for command in INLINE.findall(text)}
    return sorted(command for command in found if re.match(r"[a-z]", command))


@pytest.mark.parametrize("text", commands_in_text())
def test_a_command_in_the_text_exists_with_its_options(text):
    context = click.Context(program)
    name, *words = text.split()
    command = program.get_command(context, name)
    if isinstance(command, click.Group) and words:
        command = command.get_command(context, words.pop(0))
    assert command is not None
    known = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert options - known <= {"--help"}
