"""Writes the fixtures of these tests: the data that a release stores, by its own code.

    python tests/releases/make_release.py tests/releases/0.1.0

The folder holds the release's wheel. Beside it come ``sweeps.db`` (an SQLite file),
``table.json`` (the items of a DynamoDB table) and ``answers.json``, which is what that release
answered to every read over either of them. Both stores go through the same story: sweeps of every
method and in every state, with open and released leases, runs that have ended, been retried and
been deleted, rows, attributes and claims, and requests that died between two of their writes.
Agents of later releases must be able to go on from there.

A folder is written once, when its release is made, and never again.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

#: When the story begins, in seconds since the epoch.
BEGIN = 1_760_000_000.0
ROWS_A_RUN = 3


class Died(BaseException):
    """The process that served a request is gone."""


#: Writes at which a request can die: method of the store, type of the record, whether it is new.
WRITES = {
    "claim of an index": ("claim_index", None, None),
    "new lease": ("save", "Lease", True),
    "extended lease": ("save", "Lease", False),
    "dropped lease": ("delete", None, None),
    "amended run": ("save", "Run", False),
}


class MortalStore:
    """A store whose process dies at a given write, before or after it."""

    def __init__(self, store) -> None:
        self.store = store
        self.dies_at, self.dies_after = None, False

    def __getattr__(self, name):
        method = getattr(self.store, name)
        if self.dies_at is None or WRITES[self.dies_at][0] != name:
            return method
        _, kind, is_new = WRITES[self.dies_at]

        def write(*args, **kwargs):
            if kind is not None and (type(args[2]).__name__, args[1] is None) != (kind, is_new):
                return method(*args, **kwargs)
            if self.dies_after:
                method(*args, **kwargs)
            raise Died

        return write


class Story:
    """Requests to the backend of the release, on a clock that moves a second a request."""

    def __init__(self, store) -> None:
        from sweep_service.operations.services import Services

        self.now = BEGIN
        self.store = MortalStore(store)
        self.services = Services(
            store=self.store, clock=lambda: self.now, rng=random.Random(1), wait_seconds=1.0
        )
        self.n_keys = 0
        self.sweeps, self.holders = {}, []

    def call(self, method, path, body=None, query=None, key=None):
        """The JSON of a successful answer."""
        from sweep_service.access.identity import LOCAL_ADMIN
        from sweep_service.gateway import handle

        self.now += 1.0
        headers = {} if key is None else {"idempotency-key": key}
        raw = b"" if body is None else json.dumps(body).encode()
        answer = handle(
            self.services, method, path, query or {}, headers, raw, identity=LOCAL_ADMIN
        )
        assert answer.status < 300, (method, path, answer)
        return json.loads(answer.body) if answer.body else None

    def key(self, what):
        self.n_keys += 1
        return f"{what}-{self.n_keys:06d}"

    def create(self, name, **config):
        body = {"config": {"name": name, **config}}
        found = self.call("POST", "/v1/sweeps", body, key=self.key("create"))
        self.sweeps[name] = found["id"]
        return found["id"]

    def ask(self, sweep, agent="agent-1"):
        key, body = self.key("ask"), {"agent": agent, "slot": "0", "host": "node-7"}
        found = self.call("POST", f"/v1/sweeps/{sweep}/runs", body, key=key)
        return found | {"path": f"/v1/sweeps/{sweep}/runs/{found['id']}"}

    def report(self, run, value, n_rows=ROWS_A_RUN, offset=0, **more):
        rows = [
            {"step": n, "at": self.now, "metrics": {"loss": value + 1 / (n + 1), "bad": "NaN"}}
            for n in range(offset, offset + n_rows)
        ]
        body = {"attempt": run["attempt"], "key": run["key"], "offset": offset, "rows": rows}
        return self.call("POST", f"{run['path']}/reports", body | more)

    def finish(self, run, value=None, state="finished", **more):
        body = {"attempt": run["attempt"], "key": run["key"], "state": state}
        summary = {} if value is None else {"loss": value, "epoch": ROWS_A_RUN}
        return self.call("POST", f"{run['path']}/finish", body | {"summary": summary} | more)

    def run(self, sweep, value):
        """One run from its ask to its end."""
        run = self.ask(sweep)
        self.report(run, value)
        self.finish(run, value, exit_code=0)
        return run

    def hold(self, run):
        """Leave a run with its holder, for a later release to finish."""
        self.holders.append({name: run[name] for name in ("sweep", "id", "attempt", "key", "path")})

    def cut(self, write, request, *, after=False):
        """Send a request whose process dies at one of its writes; see ``WRITES``."""
        self.store.dies_at, self.store.dies_after = write, after
        with suppress(Died):
            request()
            raise AssertionError(f"the request ended without this write: {write}")
        self.store.dies_at = None


METRIC = {"name": "loss", "goal": "minimize"}


def write_events(story):
    """The whole story."""
    _grid(story)
    _bayes_finite(story)
    _bayes_endless(story)
    _early_termination(story)
    _states(story)
    _interrupted(story)
    _deleted(story)


def _grid(story):
    sweep = story.create(
        "grid",
        method="grid",
        metric=METRIC,
        retry_failed=1,
        parameters={"lr": {"values": [0.1, 0.01, 0.001]}, "layers": {"values": [1, 2, 3]}},
    )
    attributes = {"name": "first", "tags": ["a"], "config": {"seed": 3}, "summary": {"note": "x"}}
    run = story.ask(sweep)
    story.report(run, 0.5, attributes={"notes": "begun"})
    story.finish(run, 0.5, exit_code=0, attributes=attributes, result=0.25)
    run = story.ask(sweep)  # fails, is handed out again by itself, and fails for good
    story.report(run, 2.0)
    story.finish(run, state="failed", exit_code=1, stderr_tail="Traceback\nOSError: disk")
    run = story.ask(sweep)
    story.finish(run, state="failed", exit_code=3, stderr_tail="Traceback\nOSError: disk again")
    doomed = story.run(sweep, 0.75)
    story.call("DELETE", doomed["path"], query={"attempt": str(doomed["attempt"])})
    stopped = story.ask(sweep)
    story.report(stopped, 0.9, attributes={"tags": ["slow"], "notes": "begun"})
    story.call("POST", f"{stopped['path']}/stop")
    story.hold(stopped)
    story.hold(story.ask(sweep, "agent-2"))
    again = story.ask(sweep)  # is killed, and a person has it run again
    story.finish(again, state="killed", signal=9)
    story.call("POST", f"{again['path']}/retry", {"attempt": again["attempt"]})
    preempted = story.ask(sweep)
    story.report(preempted, 0.6, preempting=True)
    story.finish(preempted, state="preempted")


def _bayes_finite(story):
    space = {"x": {"values": [1, 2, 3, 4]}, "kind": {"values": ["a", "b", "c"]}}
    sweep = story.create("bayes-finite", method="bayes", metric=METRIC, parameters=space)
    for number in range(4):
        story.run(sweep, 1.0 - number / 10)
    failed = story.ask(sweep)
    story.report(failed, 5.0)
    story.finish(failed, state="failed", exit_code=1)
    held = story.ask(sweep)
    story.report(held, 0.3, n_rows=2)
    story.hold(held)
    story.cut("new lease", lambda: story.ask(sweep))  # its claims are left behind


def _bayes_endless(story):
    space = {"lr": {"min": 1e-5, "max": 1e-1, "distribution": "log_uniform_values"}}
    config = {"method": "bayes", "metric": METRIC, "run_cap": 14}
    sweep = story.create("bayes-endless", **config, parameters=space)
    elsewhere = [{"config": {"lr": 0.02}, "value": 0.4}, {"config": {"lr": 0.05}, "value": None}]
    story.call("POST", f"/v1/sweeps/{sweep}/results", {"results": elsewhere})
    for number in range(6):
        story.run(sweep, 1.0 + number / 10)
    wider = {"lr": {"min": 1e-6, "max": 1e-1, "distribution": "log_uniform_values"}}
    story.call("PATCH", f"/v1/sweeps/{sweep}", {"config": {**config, "parameters": wider}})
    story.run(sweep, 0.2)
    story.hold(story.ask(sweep))
    prior = {"config": {"name": "bayes-after", **config, "parameters": space}}
    prior["prior_runs"] = [sweep]
    story.sweeps["bayes-after"] = story.call("POST", "/v1/sweeps", prior)["id"]
    story.hold(story.ask(story.sweeps["bayes-after"]))


def _early_termination(story):
    sweep = story.create(
        "hyperband",
        method="random",
        metric=METRIC,
        run_cap=7,
        early_terminate={"type": "hyperband", "min_iter": 1, "eta": 2},
        parameters={"x": {"min": 0.0, "max": 1.0}, "n": {"min": 1, "max": 64}},
    )
    for number in range(4):
        story.run(sweep, number / 4)
    reported = story.ask(sweep)
    assert story.report(reported, 9.0)["reason"] == "early_terminate"
    story.hold(reported)


def _states(story):
    points = {"n": {"values": [1, 2, 3]}}
    for name, state in (("paused", "paused"), ("stopped", "finished"), ("canceled", "canceled")):
        sweep = story.create(name, method="grid", metric=METRIC, parameters=points, project="p")
        story.run(sweep, 0.5)
        story.hold(story.ask(sweep))
        story.call("PATCH", f"/v1/sweeps/{sweep}", {"state": state})
    ended = story.create("ended", method="grid", parameters=points, project="p")
    for _ in range(3):
        story.run(ended, 0.5)
    story.create("untouched", method="grid", parameters=points, project="p")


def _interrupted(story):
    sweep = story.create(
        "interrupted",
        method="grid",
        metric=METRIC,
        parameters={"n": {"values": list(range(8))}},
    )
    story.cut("claim of an index", lambda: story.ask(sweep), after=True)  # a hole
    story.cut("new lease", lambda: story.ask(sweep), after=True)  # a lease without a run
    ended, failed, deleted, held = (story.ask(sweep) for _ in range(4))
    for run, value in ((ended, 0.1), (failed, 0.2), (deleted, 0.3)):
        story.report(run, value)
    story.finish(failed, state="failed", exit_code=1)
    story.finish(deleted, 0.3)
    story.cut("dropped lease", lambda: story.finish(ended, 0.1))  # an ended run with its lease
    # asked for, and not carried out
    retry = (f"{failed['path']}/retry", {"attempt": failed["attempt"]})
    story.cut("amended run", lambda: story.call("POST", *retry))
    query = {"attempt": str(deleted["attempt"])}
    story.cut("amended run", lambda: story.call("DELETE", deleted["path"], query=query))
    story.cut("extended lease", lambda: story.report(held, 0.4))  # rows that were not counted
    story.hold(held)


def _deleted(story):
    sweep = story.create("deleted", method="grid", parameters={"n": {"values": [1, 2]}})
    story.run(sweep, 0.5)
    story.ask(sweep)
    story.call("DELETE", f"/v1/sweeps/{sweep}")


def answers(story):
    """What the release answers to every read, with the story's names and holders."""
    reads = {}

    def read(path):
        reads[path] = story.call("GET", path)
        return reads[path]

    for name, sweep in story.sweeps.items():
        if name == "deleted":
            continue
        read(f"/v1/sweeps/{sweep}")
        for run in read(f"/v1/sweeps/{sweep}/runs")["items"]:
            read(f"/v1/sweeps/{sweep}/runs/{run['id']}")
            read(f"/v1/sweeps/{sweep}/runs/{run['id']}/history")
    read("/v1/sweeps")
    return {
        "now": story.now, "sweeps": story.sweeps, "holders": story.holders, "reads": reads,
    }  # fmt: skip


def write_sqlite(folder):
    """The file; returns the answers over it."""
    from sweep_service.storage.sqlite.store import SqliteStore

    path = folder / "sweeps.db"
    path.unlink(missing_ok=True)
    store = SqliteStore(path)
    story = Story(store)
    write_events(story)
    found = answers(story)
    store.close()
    path.chmod(0o644)
    return found


def write_dynamodb(folder):
    """The items of the table; returns the answers over them."""
    import boto3
    from moto import mock_aws

    from sweep_service.storage.dynamodb.store import DynamoStore

    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    os.environ.update(dict.fromkeys(names, "test"), AWS_DEFAULT_REGION="eu-central-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(**TABLE)
        with DynamoStore("sweeps", keep_rows_seconds=None, clock=lambda: BEGIN) as store:
            story = Story(store)
            write_events(story)
            found = answers(story)
        pages = client.get_paginator("scan").paginate(TableName="sweeps")
        items = [item for page in pages for item in page["Items"]]
    items.sort(key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
    lines = ",\n".join(json.dumps(item, default=_base64, sort_keys=True) for item in items)
    (folder / "table.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return found


#: The table as the template declares it.
TABLE = {
    "TableName": "sweeps",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ],
}


def _base64(value):
    import base64

    return base64.b64encode(value).decode()


def main(folder):
    """Run the part below again, in a process that imports the release instead of this checkout."""
    (wheel,) = folder.glob("*.whl")
    with TemporaryDirectory() as site:
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(site)
        env = {**os.environ, "PYTHONPATH": site, "SWEEP_RELEASE_SITE": site}
        subprocess.run([sys.executable, __file__, folder], env=env, check=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    if "SWEEP_RELEASE_SITE" not in os.environ:
        main(target)
    else:
        import sweep_service

        assert sweep_service.__file__.startswith(os.environ["SWEEP_RELEASE_SITE"])
        found = write_sqlite(target)
        assert write_dynamodb(target) == found, "the stores answer differently"
        text = json.dumps(found, indent=1, sort_keys=True)
        (target / "answers.json").write_text(f"{text}\n", encoding="utf-8")
