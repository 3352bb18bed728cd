"""The page's libraries match their lock file and come with their licences."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "sdk/sweep_sdk/_ui/page/vendor"
LOCK = json.loads((FOLDER / "vendor.lock.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def vendor():
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "tools/vendor.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_those_of_the_lock(vendor):
    assert vendor.problems(LOCK, FOLDER) == []


def test_a_changed_a_missing_and_a_new_file_are_noticed(vendor, tmp_path):
    names = list(LOCK["echarts"]["files"])
    for name in names[1:]:
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    (tmp_path / names[1]).write_text("changed")
    (tmp_path / "more.js").write_text("")
    lock = {"echarts": LOCK["echarts"]}
    found = {problem.partition(":")[0] for problem in vendor.problems(lock, tmp_path)}
    assert found == {names[0], names[1], "more.js"}


def test_every_package_has_a_version_an_integrity_and_a_licence():
    for name, package in LOCK.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert package["integrity"].startswith("sha512-")
        assert f"LICENSE-{name}" in package["files"]


def test_what_checks_the_page_is_pinned_and_names_no_registry():
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
