"""The repository is written in plain English."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".sh"}

#: Words, and what to write instead.
WORDS = {
    r"told": "reported, asked, learned",
    r"tells?": "says, shows, reports",
    r"telling": "saying",
    r"stands?|stood": "is, represents, tolerates",
    r"mend(s|ed|ing)?": "repair",
    r"anew": "again, from scratch",
    r"shall": "must, is to",
    r"so many|so long": "a number, a time",
    r"no end of": "infinitely many",
    r"goes before": "takes precedence over",
    r"heard of": "heard from",
    r"by which": "with which, that identifies",
    r"whoever|whosoever": "the process that, everyone who",
    r"of our own": "sweep-sdk's own",
}
PATTERN = re.compile("|".join(rf"\b(?:{word})\b" for word in WORDS), re.IGNORECASE)

#: Where such a word is right.
ALLOWED = (
    re.compile(r"ask(ed|s)?(/|_|_and_|`?`?,? (and|or) `?`?)tells?", re.IGNORECASE),  # the interface
    re.compile(r"\btell\("),
    re.compile(r"\w*\.tell\b"),
    re.compile(r"sweep-sdk tell"),
    re.compile(r"def tell\b"),
    re.compile(r"tell\.py"),
    re.compile(r"teller_tell_by_command"),  # a person of the simulated worlds
    re.compile(r"""["'`]tell\b"""),
    re.compile(r"\b_TELL\b"),  # the path of the command's file
    re.compile(r"\bteller_tell_\w+"),  # simulated programs that use the interface
)
#: Files about the interface of ``ask`` and ``tell``, in which a result is told.
ASK_AND_TELL = (
    "sdk/examples/ask_tell.py",
    "sdk/sweep_sdk/_sweeps/asked_run.py",
    "sdk/sweep_sdk/_sweeps/row_count.py",
    "sdk/sweep_sdk/cli/commands/tell.py",
    "sdk/sweep_sdk/cli/commands/ask.py",
    "sdk/sweep_sdk/cli/group.py",
    "tests/sdk/test_ask_tell.py",
    "tests/sdk/cli/test_cli_talking.py",
)
#: Texts that other people wrote.
OTHERS = ("CODE_OF_CONDUCT.md", "tests/test_plain_language.py")


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        name
        for name in listed.stdout.splitlines()
        if Path(name).suffix in SUFFIXES and (ROOT / name).exists() and name not in OTHERS
    ]


def _odd_words(name: str, text: str) -> list[str]:
    """Every line with such a word, also within a name, without those in which it is right."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        rest = line
        for allowed in ALLOWED:
            rest = allowed.sub("", rest)
        for match in PATTERN.finditer(rest.replace("_", " ")):
            is_of_interface = match.group().lower() in ("tell", "tells", "told")
            if is_of_interface and name.startswith((*ASK_AND_TELL, "tests/simulation/")):
                continue
            found.append(f"{name}:{number}: '{match.group()}' in: {line.strip()[:100]}")
    return found


def test_no_file_uses_words_that_a_reader_has_to_guess_at() -> None:
    odd = [
        line
        for name in _files()
        for line in _odd_words(name, (ROOT / name).read_text(encoding="utf-8"))
    ]
    assert odd == []


@pytest.mark.parametrize(
    ("line", "is_odd"),
    [
        ("The user is told once.", True),
        ("A name stands for a run.", True),
        ("At most so many runs.", True),
        ("It shall end.", True),
        ("def test_the_user_is_told_once():", True),
        ("def test_a_flag_goes_before_the_file():", True),
        ("run.tell(0.3) reports the result", False),
        ("Programs that ask and tell.", False),
        ("def test_ask_and_tell():", False),
        ("A program that understands this.", False),
        ("It recommends an amendment.", False),
    ],
)
def test_words_are_found_and_the_interface_is_not(line: str, is_odd: bool) -> None:
    assert bool(_odd_words("docs/page.md", line)) == is_odd
