"""Builds and deploys the template with SAM CLI, as users do, into an emulated AWS.

What it needs is in the environment that ``run.py`` sets up.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
BUILD = ROOT / ".aws-sam" / "build"
TOKEN = "a token that the tests alone know"
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
_HERE = {"Runtime": RUNTIME, "Architecture": ARCHITECTURE}
_CONFIG = ("--config-file", "infra/samconfig.toml")


@dataclass(frozen=True)
class Deployed:
    """The outputs of the stack that the tests share."""

    outputs: dict[str, str]

    @property
    def url(self) -> str:
        return self.outputs["Url"]

    @property
    def iam_url(self) -> str:
        """Of the API for callers with AWS credentials."""
        return self.outputs["IamUrl"]

    def environ(self, home: Path, token: str = TOKEN) -> dict[str, str]:
        """The environment of a user of the deployed backend."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        own = {"SWEEP_URL": self.url, "SWEEP_TOKEN": token, "SWEEP_HOME": str(home), "PATH": path}
        return {**kept, **own}


def validate() -> None:
    """``sam validate``, with cfn-lint."""
    sam("validate", *_CONFIG)


def build() -> None:
    """``sam build`` for the interpreter and the processor at hand."""
    sam("build", *_CONFIG, *_overrides(_HERE))


def deploy(stack: str = "sweeps", **parameters: str) -> dict[str, str]:
    """``sam deploy``; the stack's outputs, with ``Url`` as it is reached on this machine."""
    accepted = hashlib.sha256(TOKEN.encode()).hexdigest()
    given = {"TokenSha256": accepted, **_HERE, **parameters}
    sam("deploy", *_CONFIG, "--stack-name", stack, *_overrides(given))
    listed = json.loads(
        sam("list", "stack-outputs", *_CONFIG, "--stack-name", stack, "--output", "json")
    )
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in listed}
    urls = {
        name: f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{outputs[api]}/$default"
        for name, api in (("Url", "ApiId"), ("IamUrl", "IamApiId"))
    }
    return {**outputs, **urls}


def sam(*arguments: str) -> str:
    """What SAM CLI prints, run in the repository with the runtime's Python on its path."""
    base = str(Path(sys.base_prefix) / "bin")
    path = os.pathsep.join([base, os.environ["PATH"]])
    done = subprocess.run(
        [os.environ["SWEEP_TEST_SAM"], *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"},
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"sam {arguments[0]} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _overrides(parameters: dict[str, str]) -> list[str]:
    return ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
