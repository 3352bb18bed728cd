from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sweep_sdk._agent.process.spot import SpotNotice, SpotWatch, grace_seconds

NOTICE = '{"action": "terminate", "time": "2030-01-01T00:00:00Z"}'


class Metadata(HTTPServer):
    """The instance metadata service, version 2; ``notice`` is None while there is none."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), MetadataHandler)
        self.notice = None
        self.token = "token-1"
        self.requests = []
        self.looked = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class MetadataHandler(BaseHTTPRequestHandler):
    def do_PUT(self):
        self.server.requests.append(self.path)
        assert int(self.headers["X-aws-ec2-metadata-token-ttl-seconds"]) > 0
        self.reply(200, self.server.token)

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.headers["X-aws-ec2-metadata-token"] != self.server.token:
            self.reply(401, "")
        elif self.server.notice is None:
            self.server.looked.set()
            self.reply(404, "not found")
        else:
            self.reply(200, self.server.notice)

    def reply(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def metadata():
    server = Metadata()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def watch():
    """Starts a watch; its notice is waited for by ``noticed``."""
    watches = []

    class Watched:
        def __init__(self, url):
            self.notices, self.reported = [], []
            self.noticed, self.was_reported = threading.Event(), threading.Event()
            watches.append(SpotWatch(url, self.on_notice, self.on_text, poll_seconds=0.01))

        def on_notice(self, notice):
            text = notice.text
            self.notices.append(text)
            self.noticed.set()

        def on_text(self, text):
            self.reported.append(text)
            self.was_reported.set()

    yield Watched
    for made in watches:
        made.close()


def test_a_notice_is_seen_once(metadata, watch):
    watched = watch(metadata.url)
    assert metadata.looked.wait(10)
    assert watched.notices == []
    metadata.notice = NOTICE
    assert watched.noticed.wait(10)
    assert watched.notices == [NOTICE]
    assert watched.reported == []
    assert metadata.requests.count("/latest/api/token") == 1


def test_a_token_that_ran_out_is_replaced(metadata, watch):
    watched = watch(metadata.url)
    assert metadata.looked.wait(10)
    metadata.token = "token-2"
    metadata.notice = NOTICE
    assert watched.noticed.wait(10)


def test_where_there_is_no_such_service_it_is_reported_once(watch, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    watched = watch("http://127.0.0.1:1")
    assert watched.was_reported.wait(10)
    assert len(watched.reported) == 1
    assert "not seen" in watched.reported[0]


def test_a_service_that_refuses(metadata, watch):
    watched = watch(metadata.url + "/elsewhere")
    assert metadata.looked.wait(10)
    assert watched.notices == []


@pytest.mark.parametrize("url", ["", "nonsense", "http://127.0.0.1:99999"])
def test_a_bad_address(watch, url):
    watched = watch(url)
    assert watched.was_reported.wait(10)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"action": "terminate", "time": "2030-01-01T00:02:00Z"}', 120),
        ('{"action": "stop", "time": "2030-01-01T01:02:00+01:00"}', 120),
        ('{"action": "terminate"}', None),
        ('{"time": "soon"}', None),
        ("terminate", None),
        ("[]", None),
    ],
)
def test_how_long_a_notice_leaves(text, left):
    assert SpotNotice(text).seconds_left(1_893_456_000) == left


@pytest.mark.parametrize(
    ("left", "term_timeout", "grace"),
    [
        (120.0, 15.0, 90.0),  # all the time that there is
        (120.0, 300.0, 90.0),  # no more than that
        (40.0, 120.0, 10.0),
        (31.0, 15.0, 5.0),
        (31.0, 2.0, 2.0),
        (3.0, 15.0, 3.0),
        (None, 15.0, 15.0),
        (None, 300.0, 90.0),
        (-50.0, 15.0, 15.0),  # one of the clocks is wrong
    ],
)
def test_how_long_a_program_has(left, term_timeout, grace):
    assert grace_seconds(left, term_timeout) == grace
