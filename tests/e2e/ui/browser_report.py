"""Reports opened from disk without a network, in two browsers and in a notebook's frame."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager

import pytest
from browser_overview import count
from browser_surroundings import HOSTILE, run_all
from surroundings import TABS

from conftest import PATIENCE_MS, Page
from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import ONCE, Retrier
from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._ui.notebook import View
from sweep_sdk._ui.redaction import redacted
from sweep_sdk._ui.report_document import report_document
from sweep_sdk._ui.report_file import report_file

MOST_BYTES = 2_500_000
#: Drawn charts on each tab of a sweep with a few dozen runs.
IN_FIREFOX = {"overview": 4, "curves": 1, "parameters": 2, "model": 1, "timeline": 1, "config": 0}


@contextmanager
def client_of(database):
    with Client(InProcessTransport(database), Retrier(ONCE)) as opened:
        yield opened


@pytest.fixture
def written(tmp_path):
    """Writes the report of a sweep; its path."""

    def write(client, sweep, *, is_redacted=False):
        document = report_document(client, sweep)
        document = redacted(document) if is_redacted else document
        path = tmp_path / "report.html"
        path.write_text(report_file(document, sweep, "a report"), encoding="utf-8")
        return path

    return write


@pytest.fixture
def offline(chromium):
    """A browser without a network."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_offline(True)
    yield context
    context.close()


def opened(context, path):
    return Page(context.new_page(), path.as_uri())


def visit(page, place):
    page.page.goto("about:blank")
    page.page.goto(page.base + place)
    page.page.locator("main h1").first.wait_for()
    page.settle()


def expect_only_the_file(page):
    assert page.problems == []
    own = (page.base, "data:", "blob:", "about:")
    assert [url[:100] for url in page.requests if not url.startswith(own)] == []


def test_a_thousand_runs_from_disk(played, written, offline):
    with client_of(played.database) as client:
        path = written(client, played.thousand)
    assert path.stat().st_size <= MOST_BYTES
    page = opened(offline, path)
    for tab in (*TABS, "0"):
        visit(page, f"#/s/{played.thousand}/{tab}")
        page.shot(f"report-{tab}")
        assert page.page.locator("main .failure").count() == 0
        assert page.page.locator("button", has_text="…").count() == 0
    visit(page, f"#/s/{played.thousand}")
    assert count(page) == 1000
    page.page.locator("input[type=search]").fill("state=failed")
    page.settle()
    assert 0 < count(page) < 1000
    expect_only_the_file(page)


def test_hostile_names_run_nothing_in_a_report_and_in_a_notebook(
    dashboard, written, offline, tmp_path
):
    parameters = {HOSTILE: {"values": [HOSTILE, "b"]}, "lr": {"min": 0.0, "max": 1.0}}
    config = {"method": "random", "metric": {"name": "loss"}, "parameters": parameters}
    client = dashboard.client
    sweep = client.create_sweep(config, name=HOSTILE, project=HOSTILE)["id"]
    run_all(client, sweep, [[1.0], [2.0], [3.0]])
    report = written(client, sweep)
    notebook = tmp_path / "notebook.html"
    frame = View(report.read_text(encoding="utf-8"), 900)._repr_html_()
    notebook.write_text(f"<!doctype html><meta charset=utf-8>{frame}", encoding="utf-8")
    page = opened(offline, report)
    for tab in (*TABS, "0"):
        visit(page, f"#/s/{sweep}/{tab}")
        assert page.page.evaluate("() => window.hacked") is None
        assert page.page.locator("img").count() == 0
    assert HOSTILE in page.text()
    expect_only_the_file(page)
    inside = opened(offline, notebook)
    inside.page.goto(inside.base)
    shown = inside.page.frame_locator("iframe")
    shown.locator("main h1").first.wait_for()
    shown.locator(".chart[data-drawn]").first.wait_for(state="attached")
    shown.locator("a", has_text="Curves").click()
    shown.locator(".tabs a[aria-current=page]", has_text="Curves").wait_for()
    assert shown.locator("img").count() == 0
    assert [frame.evaluate("() => window.hacked") for frame in inside.page.frames] == [None, None]
    assert [text for text in inside.problems if "hacked" in text or "CSP" in text] == []


def test_a_redacted_report_shows_labels(played, written, offline):
    with client_of(played.database) as client:
        path = written(client, played.twelve, is_redacted=True)
    page = opened(offline, path)
    visit(page, f"#/s/{played.twelve}/timeline")
    assert page.page.locator("main .failure").count() == 0
    visit(page, f"#/s/{played.twelve}/0")
    assert "agent 1" in page.text()
    expect_only_the_file(page)


WATCHER = """<!doctype html><meta charset="utf-8">
<iframe src="/report" width="1400" height="900"></iframe>
<script>
const frame = document.querySelector("iframe"), found = {}, tabs = TABS;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
async function look() {
  await new Promise((done) => frame.addEventListener("load", done));
  for (const tab of tabs) {
    frame.contentWindow.location.hash = `#/s/SWEEP/${tab}`;
    for (let n = 0; n < 200; n++) {
      await wait(100);
      const page = frame.contentDocument, charts = [...page.querySelectorAll(".chart")];
      const here = page.querySelector(".tabs a[aria-current]")?.textContent.toLowerCase();
      const isLoading = here !== tab || page.querySelector(".waiting");
      if (!isLoading && charts.every((chart) => chart.dataset.drawn)) break;
    }
    const page = frame.contentDocument;
    found[tab] = { charts: page.querySelectorAll(".chart[data-drawn]").length,
                   failures: page.querySelectorAll(".failure").length };
  }
  await fetch("/found", { method: "POST", body: JSON.stringify(found) });
}
look();
</script>
"""


def test_every_tab_in_firefox(played, written, tmp_path):
    """Firefox has no driver here: a page around the report reports what is drawn in it."""
    with client_of(played.database) as client:
        report = written(client, played.search).read_bytes()
    watcher = WATCHER.replace("TABS", json.dumps(list(TABS))).replace("SWEEP", played.search)
    found, is_done = [], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = {"/": watcher.encode(), "/report": report}.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body or b"")

        def do_POST(self):
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            is_done.set()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    profile = tmp_path / "profile"
    profile.mkdir()
    process = subprocess.Popen(
        [
            firefox,
            "--headless",
            "--profile",
            str(profile),
            f"http://127.0.0.1:{server.server_port}/",
        ],
        env={**os.environ, "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert is_done.wait(4 * PATIENCE_MS / 1000)
    finally:
        process.terminate()
        process.wait(PATIENCE_MS / 1000)
        server.shutdown()
        server.server_close()
    (seen,) = found
    assert {tab: each["failures"] for tab, each in seen.items()} == dict.fromkeys(TABS, 0)
    assert {tab: each["charts"] >= IN_FIREFOX[tab] for tab, each in seen.items()} == (
        dict.fromkeys(TABS, True)
    ), seen
