"""Small sweep files that are expensive to process, found by fuzzing and code review."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from contextlib import ExitStack

import boto3
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from moto import mock_aws

from sweep_service.operations.services import Services
from sweep_service.storage.dynamodb.store import DynamoStore

HEAD = "method: random\nprogram: t.py\nmetric: {name: a}\n"
ONE = f"{HEAD}parameters: {{x: {{values: [1, 2]}}}}\n"
MAP = ",".join(f"k{number:x}: 1" for number in range(250))
MANY_A, MANY_B = (",".join([name] * 440) for name in ("*a", "*b"))
START = ",".join(["{p1: 1}"] * 3000)
#: Far above what an answer takes, and far below what these files took; the machine may be busy.
MOST_CPU_SECONDS = 5.0
MOST_MEGABYTES = 100
MOST_ANSWER_BYTES = 500_000


def values(text, number):
    return f"{HEAD}parameters: {{x: {{values: [{text * number}1]}}}}"


def value(text):
    return f"{HEAD}parameters: {{x: {{value: {text}}}}}"


FILES = {
    "merges of merges": f"{ONE}z: &a {{{MAP}}}\ny: &b {{<<: [{MANY_A}]}}\nw: {{<<: [{MANY_B}]}}",
    "numbers": values("1,", 20_000),
    "dates": values("2001-01-01,", 9_000),
    "to the base 60": values("1:1,", 24_000),
    "words for booleans": values("yes,", 24_000),
    "unknown keys": ONE + "".join(f"k{number:x}: 1\n" for number in range(9_000)),
    "the same key": ONE + "a: 1\n" * 18_000,
    "boolean keys": ONE + "no: 1\ny: 1\n" * 9_000,
    "a long key": ONE + "k" * 90_000 + ": 1\n",
    "a long method": f"method: {'grid' * 20_000}\nparameters: {{x: {{value: 1}}}}",
    "deep lists": f"{ONE}z: {'[' * 45_000}{']' * 45_000}",
    "plain numbers": values("1,", 48_000),
    "plain words": values("a,", 48_000),
    "empty maps": values("{},", 32_000),
    "unknown keys in a parameter": f"{HEAD}parameters:\n  x:\n    value: 1\n"
    + "".join(f"    k{number:x}: 1\n" for number in range(7_000)),
    "long unknown keys in a parameter": f"{HEAD}parameters:\n  x:\n    value: 1\n"
    + "".join(f"    {'k' * 900}{number}: 1\n" for number in range(100)),
    "many parameters": f"{HEAD}parameters:\n"
    + "".join(f" p{number}: {{value: 1}}\n" for number in range(5_000)),
    "parameters without anything": f"{HEAD}parameters:\n"
    + "".join(f" p{number}: {{}}\n" for number in range(7_000)),
    "macros": f"{ONE}command: [{chr(39)}{'${x}' * 20_000}{chr(39)}]",
    "many macros": ONE + "command: [" + "'${x}'," * 12_000 + "]",
    "start points": "method: grid\nprogram: t\nparameters:\n"
    + "".join(f" p{number}: {{values: [1,2]}}\n" for number in range(2500))
    + f"start: [{START}]",
    "a long integer": value("9" * 90_000),
    "a long integer to the base 60": value("1" + ":1" * 20_000),
    "a long integer in hexadecimal": value("0x" + "f" * 90_000),
    "a huge exponent": value("1e" + "9" * 9_000),
    "millions of bands": f"{ONE}early_terminate: {{type: hyperband, max_iter: 66124098,"
    " s: 66124098, eta: 1.0000001}",
    "a quantum beyond the floats": "method: bayes\nprogram: t\nmetric: {name: a}\nparameters:"
    " {x: {distribution: q_log_normal, sigma: 204.0, q: 8.98e+307}}",
    "a tag without a value": value('!!int ""'),
    "half a character": value('"\\ud800"'),
    "an endless lease": f"{ONE}lease_seconds: 1{'0' * 300}\n",
}


def create_table(name):
    client = boto3.client("dynamodb")
    keys = {"pk": "HASH", "sk": "RANGE"}
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
    )
    client.close()


@pytest.fixture(params=["SQLite", "DynamoDB"])
def either(request, backend, clock, monkeypatch):
    """A backend over each store."""
    if request.param == "SQLite":
        yield backend
        return
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with ExitStack() as opened:
        opened.enter_context(mock_aws())
        create_table("sweeps")
        store = opened.enter_context(DynamoStore("sweeps"))
        yield type(backend)(Services(store=store, clock=clock, rng=random.Random(7)), clock)


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_small_file_costs_little(either, text):
    assert len(text) <= 100_000
    began = time.process_time()
    answer = either.call("POST", "/v1/sweeps", {"yaml": text})
    if answer.status == 201:
        either.ask(answer.body["id"])
    assert time.process_time() - began < MOST_CPU_SECONDS
    assert answer.status < 500, answer.body
    assert len(str(answer.body)) < MOST_ANSWER_BYTES


#: Sends each file to a backend of its own process and prints how far the memory in use rose.
MEASURE = """
import json, random, re, sys, time
from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.gateway import handle
from sweep_service.operations.services import Services
from sweep_service.storage.sqlite.store import SqliteStore

def megabytes(name):
    with open("/proc/self/status") as file:
        return int(re.search(name + r":\\s+(\\d+)", file.read())[1]) / 1024

services = Services(SqliteStore(sys.argv[1]), time.time, random.Random(7))
def call(*request):
    return handle(services, "POST", *request, identity=LOCAL_ADMIN)

rises = {}
for name, text in json.load(sys.stdin).items():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak begins again
    before = megabytes("VmRSS")
    answer = call("/v1/sweeps", {}, {}, json.dumps({"yaml": text}).encode())
    if answer.status == 201:
        sweep = json.loads(answer.body)["id"]
        asked = json.dumps({"agent": "a", "host": "h"}).encode()
        call(f"/v1/sweeps/{sweep}/runs", {}, {"idempotency-key": name}, asked)
    rises[name] = megabytes("VmHWM") - before
print(json.dumps(rises))
"""


def test_a_small_file_takes_little_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "sweeps.db")],
        input=json.dumps(FILES), capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    rises = json.loads(done.stdout)
    assert set(rises) == set(FILES)
    assert max(rises.values()) < MOST_MEGABYTES, rises


def test_few_of_many_errors_are_listed(backend):
    answer = backend.call("POST", "/v1/sweeps", {"yaml": FILES["parameters without anything"]})
    assert len(answer.body["errors"]) == 201
    assert re.search(r"there are [\d,]+ more errors", answer.body["errors"][-1]["message"])


def test_a_file_holds_a_bounded_number_of_values(backend):
    answer = backend.call("POST", "/v1/sweeps", {"yaml": FILES["plain numbers"]})
    assert answer.status == 422
    assert "holds more than 30,000 keys and values; give ranges" in str(answer.body)


PIECES = ["{", "[", "]", "&a ", "*a", "<<: ", "!!int ", "!!set ", "\t", "\n", "- ", ": ", "?"]


@settings(suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(text[:400] for text in FILES.values())), st.data())
def test_no_change_of_a_file_is_a_server_error(backend, text, data):
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        new = data.draw(st.sampled_from(PIECES) | st.text(max_size=3))
        text = text[:at] + new + text[at + data.draw(st.integers(0, 3)) :]
    answer = backend.call("POST", "/v1/sweeps", {"yaml": text}, {"dry_run": "true"})
    assert answer.status < 500, answer.body


def test_bayes_is_not_asked_for_more_than_it_can_search(backend):
    section = "".join(f" p{number}: {{min: 0.0, max: 1.0}}\n" for number in range(1001))
    text = f"method: bayes\nprogram: t\nmetric: {{name: a}}\nparameters:\n{section}"
    answer = backend.call("POST", "/v1/sweeps", {"yaml": text})
    assert answer.status == 422
    assert "1,001 of them are searched; bayes takes at most 1,000" in str(answer.body)
