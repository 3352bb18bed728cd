"""Small sweep files that are expensive to process, found by fuzzing and code review."""

from __future__ import annotations

import time

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

HEAD = "method: random\nprogram: t.py\nmetric: {name: a}\n"
ONE = f"{HEAD}parameters: {{x: {{values: [1, 2]}}}}\n"
MAP = ",".join(f"k{number:x}: 1" for number in range(250))
MANY_A, MANY_B = (",".join([name] * 440) for name in ("*a", "*b"))
START = ",".join(["{p1: 1}"] * 3000)
#: Far above what an answer takes, and far below what these files took; the machine may be busy.
MOST_CPU_SECONDS = 5.0
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


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_small_file_costs_little(backend, text):
    assert len(text) <= 100_000
    began = time.process_time()
    answer = backend.call("POST", "/v1/sweeps", {"yaml": text})
    if answer.status == 201:
        backend.ask(answer.body["id"])
    assert time.process_time() - began < MOST_CPU_SECONDS
    assert answer.status < 500, answer.body
    assert len(str(answer.body)) < MOST_ANSWER_BYTES


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
