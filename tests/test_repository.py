"""The files around the code: workflows, hooks, constraints and release tools."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from slow import SLOW_PATHS

ROOT = Path(__file__).parents[1]
PROJECT = "serverless-sweeps"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
CALLERS = [*WORKFLOWS, ROOT / ".pre-commit-config.yaml", ROOT / "CONTRIBUTING.md"]
PIN = re.compile(r'([a-z0-9-]+)==([\w.]+)(?:; python_version >= "3\.\d+")?')


def tool(name):
    """A module of ``tools/``."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins(name):
    """Versions by name, from a constraints file that holds nothing else."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    matches = [PIN.fullmatch(line) for line in lines[1:]]
    assert all(matches), [
        line for line, match in zip(lines[1:], matches, strict=True) if match is None
    ]
    return {match[1]: match[2] for match in matches}


def steps():
    """Every step of every workflow."""
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            yield from job["steps"]


@pytest.mark.parametrize("path", CALLERS, ids=lambda path: path.name)
def test_every_make_target_that_is_called_exists(path):
    called = re.findall(r"(?:run: |entry: |`)make ([a-z0-9-]+)", path.read_text(encoding="utf-8"))
    assert called
    assert set(called) <= TARGETS


def test_every_phony_target_is_defined_and_listed():
    phony = set(re.search(r"\.PHONY:((?:.*\\\n)*.*)", MAKEFILE)[1].replace("\\", " ").split())
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert phony == TARGETS
    assert {line.split()[0] for line in listed.stdout.splitlines()} == TARGETS


def test_workflows_run_nothing_but_make_targets():
    commands = [step["run"] for step in steps() if "run" in step]
    assert commands
    assert [command for command in commands if not command.startswith("make ")] == []


def test_every_supported_python_is_tested():
    prefix = "Programming Language :: Python :: 3."
    classifiers = metadata(PROJECT).get_all("Classifier")
    supported = [f"3.{c.removeprefix(prefix)}" for c in classifiers if c.startswith(prefix)]
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert ci["jobs"]["test"]["strategy"]["matrix"]["python"] == supported
    (oldest,) = [s for s in ci["jobs"]["oldest"]["steps"] if "python-version" in s.get("with", {})]
    assert oldest["with"]["python-version"] == supported[0]


def test_the_nightly_run_has_every_fault_suite():
    listed = subprocess.run(
        [sys.executable, "tests/e2e/faults/run.py", "--list"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    nightly = yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text(encoding="utf-8"))
    assert nightly["jobs"]["faults"]["strategy"]["matrix"]["suite"] == listed


def test_a_fresh_clone_installs_pinned_versions_that_fit():
    pinned = pins("constraints.txt")
    misfits = [
        str(requirement)
        for requirement in map(Requirement, tool("constraints").required())
        if not requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])
    ]
    assert misfits == []


def test_the_oldest_versions_are_the_lower_bounds():
    written = [f"{name}=={version}" for name, version in pins("constraints-oldest.txt").items()]
    constraints = tool("constraints")
    assert written == constraints.lower_bounds(constraints.required())


@pytest.mark.parametrize("prefix", SLOW_PATHS)
def test_every_path_that_is_left_out_of_the_fast_tests_exists(prefix):
    assert list((ROOT / "tests").glob(f"{prefix.rstrip('/')}*"))


class TestCheckTag:
    def test_a_release_that_is_ready(self):
        problems = tool("check_tag").problems("v1.2.3", "1.2.3", "# C\n\n## 1.2.3 - 2027-01-31\n")
        assert problems == []

    @pytest.mark.parametrize(
        ("tag", "changelog", "problem"),
        [
            ("v1.2.4", "## 1.2.3 - 2027-01-31\n", "the tag is v1.2.4, and the package has"),
            ("v1.2.3", "## 1.2.3 - unreleased\n", "CHANGELOG.md has no heading"),
            ("v1.2.3", "## 1.2.33 - 2027-01-31\n", "CHANGELOG.md has no heading"),
        ],
    )
    def test_one_that_is_not(self, tag, changelog, problem):
        (found,) = tool("check_tag").problems(tag, "1.2.3", changelog)
        assert found.startswith(problem)


class TestCoverageFloor:
    TOTALS: ClassVar = {"num_statements": 100, "num_branches": 100, "covered_branches": 80}

    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        module = tool("coverage_floor")
        floor = tmp_path / "floor.json"
        floor.write_text('{"lines": 90.0, "branches": 80.0}')
        monkeypatch.setattr(module, "FLOOR", floor)
        report = tmp_path / "report.json"

        def run(covered_lines, *options):
            report.write_text(
                json.dumps({"totals": {**self.TOTALS, "covered_lines": covered_lines}})
            )
            monkeypatch.setattr(sys, "argv", ["coverage_floor.py", str(report), *options])
            return module.main(), floor.read_text()

        return run

    @pytest.mark.parametrize(("covered_lines", "code"), [(89, 1), (90, 0), (95, 0)])
    def test_a_figure_below_its_floor_fails(self, run, covered_lines, code):
        assert run(covered_lines)[0] == code

    @pytest.mark.parametrize(("covered_lines", "floor"), [(95, 94.7), (85, 90.0)])
    def test_the_floor_only_rises(self, run, covered_lines, floor):
        _, written = run(covered_lines, "--raise")
        assert f'"lines": {floor},' in written
        assert '"branches": 80.0' in written
