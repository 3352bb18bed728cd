"""A report is one file with everything in it, and runs nothing that names or values say."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from urllib.parse import unquote

import pytest

import sweep_sdk
from sweep_sdk import NotFound, UsageError
from sweep_sdk._backend.client import open_client
from sweep_sdk._server.server import LocalServer
from sweep_sdk._ui import page_files
from sweep_sdk._ui.redaction import redacted
from sweep_sdk._ui.report_document import report_document
from sweep_sdk._ui.report_file import report_file
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

HOSTILE = "</script><img src=x onerror=alert(1)>"
SECRET = "/home/jane/secret.csv"
CONFIG = {
    "method": "random",
    "name": HOSTILE,
    "metric": {"name": "loss"},
    "program": "train-jane.py",
    "command": ["python", "train-jane.py", "--key=hunter2"],
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
        HOSTILE: {"values": [HOSTILE, "plain"]},
        "host": {"values": ["titan-7:/data", "linear"]},
        "data": {"value": SECRET},
    },
}


@pytest.fixture
def client(home):
    with open_client() as opened:
        yield opened


@pytest.fixture
def sweep(client):
    """A sweep with twelve runs, whose values, names, agents and errors are hostile or private."""
    created = client.create_sweep(CONFIG)["id"]
    for n in range(12):
        run = client.ask(
            created, f"key-of-run-{n}", f"titan-{7 + n % 2}-pid", host=f"titan-{7 + n % 2}"
        )
        value = "NaN" if n == 3 else 1.0 / (n + 1) + 1 / 3
        metrics = {"loss": value, HOSTILE: n, "acc": 0.5}
        rows = [{"step": step, "at": 1e3, "metrics": metrics} for step in range(5)]
        client.report(run.id, run.attempt, 0, rows)
        ending = Ending(
            run.attempt,
            RunState.FAILED if n == 5 else RunState.FINISHED,
            error_tail=f"{HOSTILE} on titan-7" if n == 5 else None,
            summary=metrics,
            attributes={"name": "by-jane", "notes": HOSTILE, "config": {"user": "jane"}},
        )
        client.finish(run.id, ending)
    return created


@pytest.fixture
def document(client, sweep):
    return json.loads(json.dumps(report_document(client, sweep, n_curves=4)))


def embedded(text):
    """The data of a report."""
    packed = re.search(r'id="sweep-data">([^<]*)<', text).group(1)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def modules(text):
    """The text of each module by the name under which it is imported."""
    found = json.loads(re.search(r'<script type="importmap"[^>]*>([^<]*)<', text).group(1))
    return {name: unquote(url.partition(",")[2]) for name, url in found["imports"].items()}


class TestDocument:
    def test_what_it_holds(self, document, sweep):
        table = document["tables"][sweep]
        assert table["fields"]["index"] == list(range(12))
        assert table["whole"] is True
        assert [head["id"] for head in document["sweeps"]] == [sweep]
        assert document["glances"][sweep]["counts"] == {"failed": 1, "finished": 11}
        curves = document["curves"][sweep]
        assert [curve["index"] for curve in curves["loss"]] == [11, 10, 9, 8]
        assert curves["loss"][0]["value"] == [0.416667] * 5
        assert len(curves["acc"]) == len(curves[HOSTILE]) == 1
        assert document["models"][sweep][""]["importance"]
        models = document["models"][sweep]
        names = [entry["name"] for entry in models[""]["importance"]]
        assert len(models) == 1 + 3 * 2
        assert models[f"{names[1]}|{names[0]}"]["contour"]["x"]["name"] == names[1]
        assert document["bands"][sweep]["bands"]
        assert list(document["runs"][sweep]) == ["5"]
        assert document["runs"][sweep]["5"]["error_tail"] == f"{HOSTILE} on titan-7"

    def test_over_http_it_is_the_same(self, client, sweep, document, monkeypatch):
        with LocalServer(client.transport, token="secret") as server:
            monkeypatch.setenv("SWEEP_URL", server.url)
            monkeypatch.setenv("SWEEP_TOKEN", "secret")
            with open_client() as remote:
                found = json.loads(json.dumps(report_document(remote, sweep, n_curves=4)))
        for each in (document, found):
            each.pop("now")
            for name in ("now", "revision"):
                each["tables"][sweep].pop(name)
        assert found == document

    @pytest.mark.parametrize("metric", [None, {"name": "loss"}])
    def test_a_sweep_without_runs(self, client, metric):
        config = {"method": "grid", "parameters": {"a": {"values": [1, 2]}}}
        sweep = client.create_sweep(config if metric is None else {**config, "metric": metric})[
            "id"
        ]
        found = report_document(client, sweep)
        assert found["tables"][sweep]["fields"].get("index", []) == []
        assert embedded(report_file(found, sweep, "empty")) == found


class TestFile:
    def test_it_holds_the_data(self, document, sweep):
        assert embedded(report_file(document, sweep, "title")) == document

    def test_every_module_is_in_it_and_finds_its_imports(self, document, sweep):
        found = modules(report_file(document, sweep, "title"))
        scripts = [name for name in page_files.names() if name.endswith(".js")]
        assert sorted(found) == [f"page/{name}" for name in scripts]
        imported = re.compile(r'(?:^import |\bfrom )"([^"]+)"', re.MULTILINE)
        own = {n: imported.findall(t) for n, t in found.items() if "/vendor/" not in n}
        assert {target for targets in own.values() for target in targets} <= set(found)
        echarts = (page_files.FOLDER / "vendor" / "echarts.js").read_text(encoding="utf-8")
        assert found["page/vendor/echarts.js"] == echarts

    def test_only_its_own_scripts_may_run(self, document, sweep):
        text = report_file(document, sweep, HOSTILE)
        policy = html.unescape(
            re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
        )
        nonce = re.search(r"script-src 'nonce-([^']{22})'", policy).group(1)
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe-eval" not in policy
        assert "http" not in policy
        tags = re.findall(r"<script\b[^>]*>", text)
        assert [f'nonce="{nonce}"' in tag for tag in tags] == [True, False, True]
        assert 'type="text/plain"' in tags[1]
        assert nonce not in report_file(document, sweep, "title")

    def test_names_are_no_markup(self, document, sweep):
        text = report_file(document, sweep, HOSTILE)
        assert "<img" not in text
        assert text.count("</script>") == 3
        assert f"<title>{html.escape(HOSTILE)}</title>" in text

    def test_it_refers_to_nothing_outside(self, document, sweep):
        text = report_file(document, sweep, "title")
        assert not re.search(r'\b(?:src|href|action)="(?!data:)', text)
        assert "@import" not in text
        assert "url(http" not in text


class TestRedaction:
    def test_private_words_are_gone(self, document):
        text = json.dumps(redacted(document))
        assert not [
            w for w in ("titan", "jane", "hunter2", "train-", 'error_tail": "') if w in text
        ]

    def test_names_become_labels_which_keep_apart_what_differs(self, document, sweep):
        table = redacted(document)["tables"][sweep]
        assert table["fields"]["host"][:3] == ["host 1", "host 2", "host 1"]
        assert table["fields"]["agent"][:3] == ["agent 1", "agent 2", "agent 1"]
        assert table["attributes"] == {}
        assert set(table["config"]["host"]) == {"host 1:/data", "linear"}
        assert table["config"]["data"][0] == "~/secret.csv"
        values = table["sweep"]["config"]["parameters"]["host"]["values"]
        assert sorted(values) == ["host 1:/data", "linear"]

    def test_everything_else_stays(self, document, sweep):
        found = redacted(document)
        before, after = (each["tables"][sweep] for each in (document, found))
        for name in ("index", "state", "best", "started_at", "ended_at"):
            assert after["fields"][name] == before["fields"][name]
        assert after["config"]["lr"] == before["config"]["lr"]
        assert after["config"].keys() == before["config"].keys()
        assert found["curves"] == document["curves"]
        assert found["bands"] == document["bands"]

    def test_a_parameter_may_be_called_like_what_is_left_out(self, client):
        names = ("notes", "command", "program", "log", "agent", "attributes", "error_tail")
        parameters = {name: {"values": ["linear", "b"]} for name in names}
        config = {"method": "grid", "metric": {"name": "host"}, "parameters": parameters}
        sweep = client.create_sweep(config)["id"]
        run = client.ask(sweep, "key-of-the-run", "linear", host="host")
        client.finish(run.id, Ending(run.attempt, RunState.FINISHED, summary={"host": 1.0}))
        before = report_document(client, sweep)
        after = redacted(before)
        assert after["tables"][sweep]["config"] == before["tables"][sweep]["config"]
        assert after["tables"][sweep]["summary"] == before["tables"][sweep]["summary"]
        assert after["tables"][sweep]["fields"]["agent"] == ["agent 1"]
        assert after["models"] == before["models"]


class TestView:
    def test_a_frame_that_can_reach_nothing(self, sweep):
        shown = sweep_sdk.view(sweep, height=500, curves=2)
        frame = shown._repr_html_()
        assert re.match(r'<iframe sandbox="allow-scripts allow-downloads" ', frame)
        assert "height: 500px" in frame
        inside = html.unescape(re.search(r'srcdoc="([^"]*)"', frame).group(1))
        assert inside == shown.text
        assert len(embedded(inside)["curves"][sweep]["loss"]) == 2
        assert repr(shown).startswith("<view of a sweep, 1.")

    def test_bad_input(self, sweep):
        with pytest.raises(UsageError, match="is a run"):
            sweep_sdk.view(f"{sweep}-0")
        with pytest.raises(UsageError, match="height is 0 and curves is 0"):
            sweep_sdk.view(sweep, height=0)
        with pytest.raises(NotFound):
            sweep_sdk.view("zzzzzzzz")
