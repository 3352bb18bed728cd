"""Compares a coverage report with the floor in ``coverage-floor.json``, which only rises.

    python tools/coverage_floor.py REPORT.json [--raise]

Exit code 1 where a figure is below its floor. ``--raise`` lifts the floor to the figures of the
report, less a margin for tests that take another branch from time to time.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

FLOOR = Path(__file__).parents[1] / "coverage-floor.json"
MARGIN = 0.3


def main() -> int:
    """Print both figures beside their floors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--raise", dest="is_raised", action="store_true")
    args = parser.parse_args()
    figures = measured(json.loads(args.report.read_text(encoding="utf-8"))["totals"])
    floors = json.loads(FLOOR.read_text(encoding="utf-8"))
    for name, figure in figures.items():
        print(f"{name:<9}{figure:6.2f} %   floor {floors[name]:6.2f} %")
    if args.is_raised:
        raised = {name: max(floors[name], round(figures[name] - MARGIN, 1)) for name in figures}
        FLOOR.write_text(json.dumps(raised, indent=2) + "\n", encoding="utf-8")
        return 0
    return int(any(figures[name] < floors[name] for name in figures))


def measured(totals: dict[str, int]) -> dict[str, float]:
    """Percentages of statements and of branches that were executed."""
    return {
        "lines": 100 * totals["covered_lines"] / totals["num_statements"],
        "branches": 100 * totals["covered_branches"] / totals["num_branches"],
    }


if __name__ == "__main__":
    raise SystemExit(main())
