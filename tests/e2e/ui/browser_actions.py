"""What happens while the page is open: runs come in, people act, the backend goes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import Retrier, RetryPolicy
from sweep_sdk._backend.transport import HttpTransport, InProcessTransport
from sweep_sdk._server.server import LocalServer
from sweep_sdk._ui.server import UiServer
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, Wait

CONFIG = {
    "method": "grid",
    "metric": {"name": "loss"},
    "program": "train.py",
    "parameters": {"lr": {"values": [0.1, 0.2, 0.3, 0.4]}},
}
TOKEN = "a-token-that-no-browser-may-see"


BE_HIDDEN = """() => {
  Object.defineProperty(document, 'visibilityState', {get: () => window.seen ?? 'hidden'});
  document.dispatchEvent(new Event('visibilitychange'));
}"""
BE_SEEN = """() => {
  window.seen = 'visible';
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def ask(client, sweep, n=0):
    return client.ask(sweep, f"key-of-the-test-{n}", "agent")


def log(client, run, **metrics):
    return client.report(run.id, 1, 0, [{"step": 0, "at": 1.0, "metrics": metrics}])


def test_a_real_agent_is_seen_at_work_and_its_run_ends_without_a_reload(serve, tmp_path):
    (tmp_path / "train.py").write_text(
        textwrap.dedent("""\
        import time, sweep_sdk
        run = sweep_sdk.init()
        for step in range(30):
            run.log({"loss": 1.0 / (step + 1)})
            time.sleep(0.1)
        """)
    )
    home = tmp_path / "home"
    found = serve(home / "sweeps.db")
    sweep = found.client.create_sweep({**CONFIG, "parameters": {"lr": {"values": [0.1]}}})["id"]
    page = found.open_page()
    page.go(f"#/s/{sweep}")
    assert "There are no runs yet" in page.text()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SWEEP_")}
    environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    agent = subprocess.Popen(
        [sys.executable, "-m", "sweep_sdk.cli", "agent", sweep],
        cwd=tmp_path, env={**environment, "SWEEP_HOME": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        page.page.locator(".gridrow .state", has_text="running").wait_for()
        page.page.locator(".gridrow .state", has_text="finished").wait_for()
        page.page.locator(".stat.best .big", has_text="0.03333").wait_for()
    finally:
        agent.terminate()
        agent.wait(30)
    page.expect_no_problems()


def test_a_hidden_page_asks_for_nothing_and_asks_at_once_when_it_is_seen_again(dashboard):
    sweep = dashboard.client.create_sweep(CONFIG)["id"]
    page = dashboard.open_page()
    page.go(f"#/s/{sweep}")
    page.page.clock.install()
    page.page.evaluate(BE_HIDDEN)
    page.page.clock.run_for(5_000)
    page.requests.clear()
    page.page.clock.run_for(60_000)
    assert page.requests == []
    with page.page.expect_request("**/table?**"):
        page.page.evaluate(BE_SEEN)


def test_seven_tabs_are_all_answered(dashboard):
    sweep = dashboard.client.create_sweep(CONFIG)["id"]
    tabs = [dashboard.open_page() for _ in range(7)]
    for page in tabs:
        page.go(f"#/s/{sweep}")
    run = ask(dashboard.client, sweep)
    for page in tabs:
        page.page.locator(".gridrow .state", has_text="running").wait_for()
    assert run.index == 0


def press(page, name, button=None):
    """Press a button, read what it will do, and confirm."""
    page.page.get_by_role("button", name=name, exact=True).click()
    dialog = page.page.locator("dialog[open]")
    text = dialog.locator("p").first.inner_text()
    assert len(text) > 30
    dialog.get_by_role("button", name=button or name.rstrip("…"), exact=True).click()
    return dialog


def test_the_actions_on_a_sweep_reach_its_agents(dashboard):
    client = dashboard.client
    sweep = client.create_sweep(CONFIG)["id"]
    run = ask(client, sweep)
    page = dashboard.open_page()
    page.go(f"#/s/{sweep}/config")
    press(page, "Pause…")
    page.page.locator(".notice.good", has_text="paused").wait_for()
    assert isinstance(ask(client, sweep, 1), Wait)
    press(page, "Resume…")
    page.page.locator(".headline .state", has_text="running").wait_for()
    assert ask(client, sweep, 2).index == 1
    page.page.get_by_label("Run cap").fill("2")
    press(page, "Set", "Set it")
    page.page.locator(".notice.good", has_text="run cap is 2").wait_for()
    assert client.get_sweep(sweep)["run_cap"] == 2
    press(page, "Stop…")
    page.page.locator(".headline .state", has_text="finished").wait_for()
    press(page, "Resume…")
    page.page.locator(".headline .state", has_text="running").wait_for()
    press(page, "Cancel…", "Cancel the sweep")
    page.page.locator(".headline .state", has_text="canceled").wait_for()
    assert log(client, run, loss=1.0).reason == "canceled"
    page.shot("config-canceled-light")


def test_the_actions_on_runs_reach_them(dashboard):
    client = dashboard.client
    sweep = client.create_sweep(CONFIG)["id"]
    run, other = ask(client, sweep), ask(client, sweep, 1)
    client.finish(other.id, Ending(1, RunState.FAILED, exit_code=1, error_tail="out of memory"))
    page = dashboard.open_page()
    page.go(f"#/s/{sweep}/0")
    press(page, "Stop…", "Stop it")
    page.page.locator(".notice.good").wait_for()
    assert log(client, run, loss=1.0).reason == "stop_run"
    page.go(f"#/s/{sweep}/1")
    assert "out of memory" in page.text()
    page.shot("run-failed-light")
    press(page, "Retry…", "Retry it")
    page.page.locator(".headline .state", has_text="waiting").wait_for()
    assert client.get_run(other.id)["state"] == "pending"
    page.page.get_by_role("textbox", name="Notes").fill("try a smaller batch")
    page.page.get_by_role("button", name="Save").click()
    page.page.locator("button:disabled", has_text="Save").wait_for()
    assert client.get_run(other.id)["notes"] == "try a smaller batch"


def test_a_refusal_is_shown_in_words(dashboard):
    client = dashboard.client
    sweep = client.create_sweep(CONFIG)["id"]
    ask(client, sweep)
    page = dashboard.open_page()
    page.go(f"#/s/{sweep}/config")
    page.page.get_by_role("button", name="Pause…").click()
    client.change_sweep(sweep, state="canceled")
    dialog = page.page.locator("dialog[open]")
    dialog.get_by_role("button", name="Pause", exact=True).click()
    problem = dialog.locator(".failure")
    problem.wait_for()
    assert "canceled" in problem.inner_text()


@pytest.fixture
def behind_http(pages, tmp_path):
    """A local server that can be stopped and started, and a dashboard in front of it."""
    transport = InProcessTransport(tmp_path / "sweeps.db")
    server = LocalServer(transport, token=TOKEN)
    port = int(server.url.rpartition(":")[2])
    policy = RetryPolicy(attempts=2, deadline_seconds=2.0)
    client = Client(HttpTransport(server.url, TOKEN), Retrier(policy))
    with server:
        sweep = client.create_sweep(CONFIG)["id"]
        run = ask(client, sweep)
        log(client, run, loss=0.25)
        ui = UiServer(client, interval_seconds=0.5)
        ui.__enter__()
        page = pages(ui)
        page.go(f"#/s/{sweep}")

    def again():
        return LocalServer(transport, token=TOKEN, port=port)

    yield page, again
    ui.stop()
    client.close()
    transport.close()


def test_a_backend_that_goes_away_is_noticed_its_data_kept_and_its_return_seen(behind_http):
    page, again = behind_http
    page.page.locator(".notice.bad", has_text="No answer since").wait_for(timeout=10_000)
    assert "0.25" in page.text()
    page.shot("backend-away-light")
    with again():
        page.page.locator(".notice.bad").wait_for(state="detached")


def test_the_token_of_the_backend_is_in_nothing_that_the_browser_gets(pages, tmp_path):
    transport = InProcessTransport(tmp_path / "sweeps.db")
    with LocalServer(transport, token=TOKEN) as server:
        client = Client(HttpTransport(server.url, TOKEN), Retrier(RetryPolicy(attempts=1)))
        sweep = client.create_sweep(CONFIG)["id"]
        ask(client, sweep)
        with UiServer(client, interval_seconds=0.2) as ui:
            page = pages(ui)
            bodies = []
            page.page.on("response", lambda answer: bodies.append(answer))  # noqa: PLW0108
            page.go()
            for tab in ("", "/model", "/config", "/0"):
                page.follow(f"#/s/{sweep}{tab}")
            sent = b"".join(answer.body() for answer in bodies if answer.status == 200)
            headers = json.dumps([answer.headers for answer in bodies])
        client.close()
    transport.close()
    assert sweep.encode() in sent
    assert TOKEN.encode() not in sent
    assert TOKEN not in headers
