"""The dashboard's server with browsers and other clients."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import stat
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import ONCE, Retrier
from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer
from sweep_sdk._ui.opening import redirect_file
from sweep_sdk._ui.server import Pages, UiServer
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

CONFIG = {
    "method": "grid",
    "metric": {"name": "loss"},
    "program": "train.py",
    "parameters": {"lr": {"values": [0.1, 0.2, 0.3]}},
}


class Browser:
    """Sends requests as a browser does, with the cookie that it was given."""

    def __init__(self, server, url=None):
        self.url = url or server.open_url()
        self.parts = urlsplit(server.url)
        self.cookie = None

    def request(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.parts.hostname, self.parts.port, timeout=20)
        sent = {"Host": self.parts.netloc}
        if self.cookie:
            sent["Cookie"] = self.cookie
        if method == "POST":
            sent |= {"Origin": f"http://{self.parts.netloc}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value is not None}
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.getheader("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        return answer, content

    def come_in(self):
        place = urlsplit(self.url)
        answer, _ = self.request("GET", f"{place.path}?{place.query}")
        self.cookie = answer.getheader("Set-Cookie").partition(";")[0]
        return answer

    def data(self, path):
        answer, content = self.request("GET", f"/data/{path}")
        assert answer.status == 200, content
        return json.loads(content)

    def act(self, **document):
        answer, content = self.request("POST", "/do", document)
        return answer.status, json.loads(content)


@pytest.fixture
def client(tmp_path):
    with Client(InProcessTransport(tmp_path / "sweeps.db"), Retrier(ONCE)) as found:
        yield found


@contextmanager
def serving(client, **options):
    with UiServer(client, interval_seconds=0.0, **options) as server:
        yield Browser(server)


@pytest.fixture
def browser(client):
    with serving(client) as found:
        found.come_in()
        yield found


def ask(client, sweep):
    return client.ask(sweep, "a-key-of-the-test", "agent")


class TestTheDoor:
    def test_the_secret_is_exchanged_for_a_cookie_that_scripts_and_other_sites_do_not_get(
        self, client
    ):
        with serving(client) as browser:
            answer = browser.come_in()
        assert answer.status == 200
        attributes = answer.getheader("Set-Cookie").split("; ")[1:]
        assert attributes == ["Path=/", "HttpOnly", "SameSite=Strict"]
        assert browser.url.partition("key=")[2] not in answer.getheader("Set-Cookie")

    @pytest.mark.parametrize(
        "path", ["/", "/data/sweeps", "/page/x/main.js", "/open", "/open?key=no"]
    )
    def test_strangers_see_nothing(self, client, path):
        with serving(client) as browser:
            answer, content = browser.request("GET", path)
        assert answer.status == 403
        assert b"sweep-sdk ui" in content

    def test_strangers_change_nothing(self, client):
        sweep = client.create_sweep(CONFIG)["id"]
        with serving(client) as browser:
            status, _ = browser.act(action="pause", sweep=sweep)
        assert status == 403
        assert client.get_sweep(sweep)["state"] == "pending"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "evil.example"},
            {"Host": "localhost.evil.example"},
            {"Host": ""},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
        ],
    )
    def test_other_sites_are_refused_even_with_the_cookie(self, browser, headers):
        for method, path, body in (("GET", "/data/sweeps", None), ("POST", "/do", {})):
            answer, content = browser.request(method, path, body, **headers)
            assert answer.status == 403, content

    def test_a_change_needs_to_say_where_it_comes_from(self, browser):
        answer, _ = browser.request("POST", "/do", {}, Origin=None)
        assert answer.status == 403

    def test_another_name_of_the_server_can_be_allowed(self, client):
        with serving(client, allowed_hosts=("hub.example",)) as browser:
            browser.come_in()
            answer, _ = browser.request("GET", "/", Host="hub.example")
        assert answer.status == 200

    def test_two_servers_of_one_machine_do_not_overwrite_each_others_cookies(self, client):
        with serving(client) as one, serving(client) as other:
            one.come_in()
            other.come_in()
            assert one.cookie.split("=")[0] != other.cookie.split("=")[0]

    def test_the_file_that_leads_there_is_the_users_own(self):
        with redirect_file("http://127.0.0.1:1/open?key=a&sweep=b") as path:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert "key=a&amp;sweep=b" in path.read_text(encoding="utf-8")
        assert not path.exists()


class TestInTheLocalServer:
    """``sweep-sdk local`` serves the dashboard beside the backend."""

    @pytest.fixture
    def local(self, client):
        pages = Pages(client, interval_seconds=0.0)
        with LocalServer(client.transport, token="secret", make_pages=pages.application) as server:
            yield Browser(server, pages.open_url(server.url))

    def test_a_browser_with_the_secret_is_let_in(self, local, client):
        assert local.request("GET", "/")[0].status == 403
        local.come_in()
        assert local.request("GET", "/")[0].status == 200
        sweep = client.create_sweep(CONFIG)["id"]
        assert local.act(action="pause", sweep=sweep)[0] == 200

    def test_the_cookie_is_no_credential_of_the_backend(self, local):
        local.come_in()
        assert local.request("GET", "/v1/sweeps")[0].status == 401

    def test_the_token_of_the_backend_opens_no_page(self, local):
        answer, _ = local.request("GET", "/data/sweeps", Authorization="Bearer secret")
        assert answer.status == 403

    def test_the_backend_still_refuses_web_pages(self, local):
        local.come_in()
        answer, _ = local.request(
            "GET", "/v1/sweeps", Authorization="Bearer secret", Origin=local.url
        )
        assert answer.status == 403
        assert local.request("GET", "/v1/sweeps", Authorization="Bearer secret")[0].status == 200


class TestThePage:
    @staticmethod
    def document(browser):
        answer, content = browser.request("GET", "/")
        assert answer.status == 200
        return answer, content.decode()

    def test_it_loads_files_of_its_own_alone(self, browser):
        answer, text = self.document(browser)
        linked = re.findall(r'(?:src|href)="([^"]+)"', text)
        modules = json.loads(re.search(r'"importmap"[^>]*>(.*?)</script>', text, re.DOTALL)[1])
        files = [url for url in modules["imports"].values() if not url.startswith("data:")]
        assert len(files) == 2  # the vendored libraries
        for name in [*linked, *(url.removeprefix("./") for url in files)]:
            found, _ = browser.request("GET", f"/{name}")
            assert found.status == 200
            assert "immutable" in found.getheader("Cache-Control")
        policy = answer.getheader("Content-Security-Policy")
        (nonce,) = re.findall(r"script-src 'nonce-([\w-]{22})' 'self';", policy)
        assert policy.startswith("default-src 'none';")
        assert re.findall(r"<script[^>]*>", text) == [
            f'<script type="importmap" nonce="{nonce}">',
            f'<script type="module" nonce="{nonce}">',
        ]

    def test_the_nonce_is_another_one_each_time(self, browser):
        policies = {
            self.document(browser)[0].getheader("Content-Security-Policy") for _ in range(3)
        }
        assert len(policies) == 3

    @pytest.mark.parametrize(
        "name", ["../server.py", "%2e%2e/server.py", "..%2fserver.py", "/etc/passwd", "index.html"]
    )
    def test_nothing_else_of_the_disk_is_served(self, browser, name):
        _, text = self.document(browser)
        folder = re.search(r'href="(page/\w+/)', text)[1]
        answer, content = browser.request("GET", f"/{folder}{name}")
        assert answer.status == 404
        assert b"import" not in content

    def test_files_of_another_version_are_not_served(self, browser):
        answer, _ = browser.request("GET", "/page/0000000000000000/main.js")
        assert answer.status == 404

    def test_every_answer_forbids_guessing_and_framing(self, browser):
        for path in ("/", "/data/sweeps", "/nowhere"):
            answer, _ = browser.request("GET", path)
            assert answer.getheader("X-Content-Type-Options") == "nosniff"
            assert "frame-ancestors 'none'" in answer.getheader("Content-Security-Policy")


class TestTheData:
    def test_the_data_is_that_of_the_backend(self, browser, client):
        sweep = client.create_sweep(CONFIG, name="mine")["id"]
        run = ask(client, sweep)
        client.report(run.id, 1, 0, [{"step": 0, "at": 1.0, "metrics": {"loss": "NaN"}}])
        (listed,) = browser.data("sweeps")["items"]
        assert (listed["id"], listed["name"]) == (sweep, "mine")
        assert browser.data(f"glances?ids={sweep},nothing")[sweep]["counts"] == {"running": 1}
        table = browser.data(f"sweeps/{sweep}/table")
        assert table["fields"]["state"] == ["running"]
        assert table["config"] == {"lr": [0.1]}
        assert browser.data(f"sweeps/{sweep}/table?since={table['revision']}")["fields"] == {}
        (curve,) = browser.data(f"sweeps/{sweep}/curves?metric=loss&index=0")["runs"]
        assert (curve["step"], curve["value"]) == ([0], ["NaN"])
        assert browser.data(f"sweeps/{sweep}/runs/0")["id"] == run.id
        (event,) = browser.data(f"sweeps/{sweep}/events")["items"]
        assert event["action"].startswith("registered the sweep")

    @pytest.mark.parametrize("path", ["sweeps/zzzzzzzz/table", "sweeps/a.b/table", "nothing"])
    def test_what_is_not_there_is_said_in_words(self, browser, path):
        answer, content = browser.request("GET", f"/data/{path}")
        assert answer.status == 404
        assert json.loads(content)["problem"]

    def test_a_number_that_is_none_is_refused(self, browser, client):
        sweep = client.create_sweep(CONFIG)["id"]
        answer, content = browser.request("GET", f"/data/sweeps/{sweep}/curves?metric=a&index=x")
        assert answer.status == 400
        assert "needs a whole number" in json.loads(content)["problem"]


class TestActions:
    def test_they_change_the_sweep(self, browser, client):
        sweep = client.create_sweep(CONFIG)["id"]
        status, answer = browser.act(action="pause", sweep=sweep)
        assert status == 200
        assert answer == {"done": "The sweep is paused: running programs go on."}
        assert client.get_sweep(sweep)["state"] == "paused"
        assert browser.data(f"sweeps/{sweep}/table")["sweep"]["state"] == "paused"

    def test_runs_can_be_stopped_retried_and_deleted(self, browser, client):
        sweep = client.create_sweep(CONFIG)["id"]
        run = ask(client, sweep)
        assert browser.act(action="stop-run", sweep=sweep, run=0)[0] == 200
        assert client.report(run.id, 1, 0, []).reason == "stop_run"
        client.finish(run.id, Ending(attempt=1, state=RunState.FAILED, exit_code=1))
        assert browser.act(action="retry-run", sweep=sweep, run=0, attempt=1)[0] == 200
        assert client.get_run(run.id)["state"] == "pending"
        assert browser.act(action="retry-failed", sweep=sweep) == (
            200,
            {"done": "0 runs are handed out again."},
        )
        again = client.ask(sweep, "another-key-of-the-test", "agent")
        client.finish(again.id, Ending(attempt=again.attempt, state=RunState.FAILED, exit_code=1))
        assert browser.act(action="delete-run", sweep=sweep, run=0)[0] == 200
        assert list(client.list_runs(sweep)) == []

    def test_the_cap_can_be_set_and_removed(self, browser, client):
        sweep = client.create_sweep(CONFIG)["id"]
        assert browser.act(action="set-cap", sweep=sweep, cap=2)[0] == 200
        assert client.get_sweep(sweep)["run_cap"] == 2
        assert browser.act(action="set-cap", sweep=sweep, cap=None)[0] == 200
        assert client.get_sweep(sweep)["run_cap"] is None

    def test_a_configuration_can_be_queued(self, browser, client):
        space = {"lr": {"min": 0.0, "max": 1.0}}
        sweep = client.create_sweep({**CONFIG, "method": "random", "parameters": space})["id"]
        status, answer = browser.act(action="add", sweep=sweep, config={"lr": 0.25})
        assert status == 200
        assert answer["done"].startswith("The next agent that asks gets this configuration")
        assert ask(client, sweep).config == {"lr": 0.25}
        status, answer = browser.act(action="add", sweep=sweep, config={"lr": 7})
        assert status == 400
        assert "lr" in answer["problem"]

    @pytest.mark.parametrize(
        "document",
        [{}, {"action": "explode", "sweep": "s"}, {"action": "pause"},
         {"action": "set-cap", "sweep": "s", "cap": "many"},
         {"action": "stop-run", "sweep": "s", "run": -1},
         {"action": "add", "sweep": "s", "config": 1}],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused(self, browser, document):
        status, answer = browser.act(**document)
        assert status == 400
        assert answer["problem"]

    def test_what_the_state_does_not_allow_is_said_in_words(self, browser, client):
        sweep = client.create_sweep(CONFIG)["id"]
        client.change_sweep(sweep, state="canceled")
        status, answer = browser.act(action="resume", sweep=sweep)
        assert status == 409
        assert "canceled" in answer["problem"]

    def test_a_read_only_dashboard_changes_nothing(self, client):
        sweep = client.create_sweep(CONFIG)["id"]
        with serving(client, is_read_only=True) as browser:
            browser.come_in()
            assert browser.data("about") == {"read_only": True}
            assert browser.act(action="cancel", sweep=sweep)[0] == 403
        assert client.get_sweep(sweep)["state"] != "canceled"

    def test_a_body_that_is_too_large_is_refused(self, browser):
        answer, _ = browser.request("POST", "/do", b"x" * 9_000_000)
        assert answer.status == 413

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000])
    def test_a_body_that_is_no_object_is_refused(self, browser, body):
        assert browser.request("POST", "/do", body)[0].status == 400

    def test_a_form_is_refused(self, browser):
        answer, _ = browser.request("POST", "/do", b"a=b", Content_Type="text/plain")
        assert answer.status == 415

    def test_no_get_changes_anything(self, browser):
        assert browser.request("GET", "/do")[0].status == 405


def test_the_page_names_no_other_host():
    folder = Path(__file__).parents[3] / "sdk/sweep_sdk/_ui/page"
    own = [path for path in folder.rglob("*") if path.suffix in (".js", ".css", ".html")]
    texts = {path: path.read_text(encoding="utf-8") for path in own if path.parent.name != "vendor"}
    assert len(texts) > 10
    found = {link for text in texts.values() for link in re.findall(r"https?://[\w.]+", text)}
    assert found <= {"http://www.w3.org"}
