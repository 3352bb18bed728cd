"""Checks that a tag is the version of the package and that the changelog has a section for it.

python tools/check_tag.py v1.2.3
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(tag: str) -> int:
    """The exit code; each problem is a line on stderr."""
    found = problems(
        tag,
        runpy.run_path(str(ROOT / "sdk/sweep_sdk/_version.py"))["__version__"],
        (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    )
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    return int(bool(found))


def problems(tag: str, version: str, changelog: str) -> list[str]:
    """What prevents a release.

    Args:
        tag: For example ``v1.2.3``.
        version: The version of the package, for example ``1.2.3``.
        changelog: The text of ``CHANGELOG.md``.
    """
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, and the package has version {version}")
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        found.append(f'CHANGELOG.md has no heading "## {version} - YYYY-MM-DD"')
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
