"""The distribution: its name, its metadata, and the contents of a source archive."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sweep_service.installation import (
    DISTRIBUTION,
    PLACEHOLDER,
    REPOSITORY,
    install_command,
    install_hint,
    project_urls,
)

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
#: An installation of this project, by whatever name: its argument is the group.
OURS = re.compile(
    r"(?:pip3?|uv|uvx|pipx|poetry|conda)(?: pip)? (?:install|add|run)\b[^`\n]*?"
    r"(['\"]?(?:sweep[-_]sdk|serverless[-_]sweeps|\.)(?:\[[^\]]*\])?['\"]?(?: @ \S+)?)"
    r"(?=[\s`'\");,:]|$)"
)


def texts():
    """Tracked text files by name, but for this one."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    ).stdout.splitlines()  # fmt: skip
    for name in names:
        path = ROOT / name
        if path.is_file() and path != Path(__file__):
            yield name, path.read_text(encoding="utf-8", errors="ignore")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The source archive, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    _build("sdist", ROOT, folder)
    (packed,) = folder.glob("*.tar.gz")
    assert packed.name.startswith("serverless_sweeps-")
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


@pytest.fixture(scope="module")
def wheel(archive, tmp_path_factory):
    """The wheel that is built from the source archive, opened."""
    folder = tmp_path_factory.mktemp("wheel")
    _build("wheel", archive, folder)
    (packed,) = folder.glob("*.whl")
    with zipfile.ZipFile(packed) as opened:
        yield opened


def _build(target, source, folder):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder],
        cwd=source, check=True, capture_output=True, text=True,
    )  # fmt: skip


def test_every_installation_of_the_project_is_from_the_checkout_or_the_repository():
    allowed = re.compile(
        r"""['"]?\.(\[[^\]]*\])?['"]?|['"]serverless-sweeps(\[\w+\])? @ git\+https://\S+"""
    )
    found = {
        (name, match.group(1))
        for name, text in texts()
        for match in OURS.finditer(text)
        if not allowed.fullmatch(match.group(1))
    }
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "pip install sweep-sdk",
        "pip install --upgrade 'sweep-sdk[local]'",
        "`uv add sweep_sdk`",
        "python -m pip install -q serverless-sweeps.",
    ],
)
def test_other_spellings_would_be_found(text):
    assert OURS.search(text.rstrip("."))


def test_nothing_asks_for_an_extra_of_the_strangers_distribution():
    pattern = re.compile(r"sweep[-_]sdk\[")
    assert [name for name, text in texts() if pattern.search(text)] == []


def test_the_readme_installs_as_the_hints_do():
    assert install_command("local") in README


@pytest.mark.parametrize(
    ("extra", "is_upgrade", "here", "published"),
    [
        ("", False, "pip install '.'", "pip install 'serverless-sweeps @ git+https://a.b/c'"),
        (
            "local",
            True,
            "pip install --upgrade '.[local]'",
            "pip install --upgrade 'serverless-sweeps[local] @ git+https://a.b/c'",
        ),
    ],
)
def test_one_setting_changes_all_hints(extra, is_upgrade, here, published):
    hint = install_hint(extra, is_upgrade=is_upgrade, repository=PLACEHOLDER)
    assert hint == f'"{here}" in a checkout of serverless-sweeps'
    hint = install_hint(extra, is_upgrade=is_upgrade, repository="https://a.b/c")
    assert hint == f'"{published}"'


def test_the_command_and_the_extras_belong_to_the_new_name(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
    assert "sweep-sdk = sweep_sdk.cli:main" in wheel.read(name).decode()


def test_the_metadata_is_complete(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Name"] == DISTRIBUTION
    assert metadata["Author"]
    assert metadata["License-Expression"] == "Apache-2.0"
    urls = dict(entry.split(", ", 1) for entry in metadata.get_all("Project-URL"))
    assert urls == project_urls()
    assert all(url.startswith(REPOSITORY) for url in urls.values())
    python = "Programming Language :: Python :: 3."
    versions = [c.removeprefix(python) for c in metadata.get_all("Classifier") if python in c]
    oldest = metadata["Requires-Python"].removeprefix(">=3.")
    assert versions[0] == oldest
    assert versions == [str(number) for number in range(int(oldest), int(versions[-1]) + 1)]


def test_the_description_has_no_relative_link(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    description = email.message_from_bytes(wheel.read(name)).get_payload()
    links = LINK.findall(description)
    assert len(links) >= 5
    assert [link for link in links if not link.startswith("https://")] == []


def test_relative_links_of_every_document_lead_somewhere():
    missing = [
        (name, link)
        for name, text in texts()
        if name.endswith(".md")
        for link in LINK.findall(text)
        if "://" not in link and not ((ROOT / name).parent / link).exists()
    ]
    assert missing == []


def test_a_source_archive_holds_what_its_user_needs(archive):
    for name in (
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "template.yaml",
        "infra/sweep.schema.json",
        "infra/openapi.yaml",
        "sdk/GUIDE.md",
        "sdk/examples/quickstart/demo.py",
        "functions/requirements.txt",
    ):
        assert (archive / name).is_file(), name


def test_a_source_archive_holds_no_tests_and_no_private_key(archive):
    files = [path for path in archive.rglob("*") if path.is_file()]
    assert [path for path in files if "PRIVATE KEY" in path.read_text(errors="ignore")] == []
    assert not (archive / "tests").exists()


def test_the_page_goes_with_its_libraries_and_their_licences(archive, wheel):
    page = ROOT / "sdk/sweep_sdk/_ui/page"
    names = [path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()]
    assert {"vendor/echarts.js", "vendor/LICENSE-echarts", "vendor/NOTICE-echarts"} <= set(names)
    packed = set(wheel.namelist())
    assert [name for name in names if f"sweep_sdk/_ui/page/{name}" not in packed] == []
    unpacked = archive / "sdk/sweep_sdk/_ui/page"
    assert [name for name in names if not (unpacked / name).is_file()] == []


def test_the_wheel_holds_both_packages_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    assert tops == {"sweep_sdk", "sweep_service"}
