"""``sweep-sdk report``: the file that it writes."""

from __future__ import annotations

from pathlib import Path


def test_a_report(cli, grid, run_one):
    run_one(grid, loss=0.5, host="titan-7")
    result = cli("report", grid, "-o", "report.html")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("report.html: 1.")
    text = Path("report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert f'data-start="#/s/{grid}"' in text
    assert cli("report", grid, "-o", "report.html", "--redact", "--curves", "0").code == 0
    assert Path("report.html").read_text(encoding="utf-8") != text


def test_markdown(cli, grid, run_one):
    for n in range(3):
        run_one(grid, loss=0.5 - n / 10)
    result = cli("report", grid, "-o", "my report.md", "--markdown")
    assert (result.code, result.err) == (0, "")
    assert result.out == "my report.md, and 1 picture in my report_pictures\n"
    assert "![History](my%20report_pictures/history.svg)" in Path("my report.md").read_text()
    assert Path("my report_pictures/history.svg").read_text().startswith("<svg ")


def test_errors(cli, grid):
    assert cli("report", f"{grid}-0", "-o", "report.html").code == 2
    assert cli("report", "zzzzzzzz", "-o", "report.html").code == 2
    assert not Path("report.html").exists()
    result = cli("report", grid, "-o", "nowhere/report.html")
    assert (result.code, result.err) == (
        2,
        "error: nowhere/report.html: No such file or directory\n",
    )
