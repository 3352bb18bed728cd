from __future__ import annotations

import io
import sys

import pytest

from sweep_sdk._agent.view.events import AgentEnded, Notice, Output
from sweep_sdk._agent.view.plain import show

OUTPUT = Output("k3v9x2ab-0", "é\n".encode(), is_stderr=False)


def test_what_the_encoding_lacks_is_escaped(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    show(OUTPUT)
    assert stream.buffer.getvalue() == b"\\xe9\n"


def test_a_stream_without_encoding(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    show(OUTPUT)
    assert sys.stdout.getvalue() == "é\n"


@pytest.mark.parametrize("event", [OUTPUT, Notice("a word")])
def test_without_streams_nothing_is_shown(monkeypatch, event):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    show(event)


def test_an_option_has_its_name_in_python(capsys):
    show(AgentEnded(1, "gave up: 5 runs failed", 5, 5, None, "max_failures"))
    reported = "".join(capsys.readouterr())
    assert "gave up: 5 runs failed (AgentOptions.max_failures); 5 runs here, 5 failed" in reported
    assert "--" not in reported
