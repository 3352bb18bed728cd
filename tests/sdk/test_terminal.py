from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from sweep_sdk._process.terminal import TerminalFilter, printable, safe_output, safe_text

HARMFUL = [b"\x1b]0;title\x07", b"\x1b[2J", b"\x1bc", b"\x07", b"\x1b[6n", b"\xc2\x9b6n", b"\x00"]


def test_text_of_others_holds_no_control_character():
    assert printable("a\x1b]0;t\x07\x9b\nb") == "a\\x1b]0;t\\x07\\x9b\\nb"


def test_our_own_lines_keep_colours_and_line_feeds():
    assert (
        safe_text("\x1b[1mbold\x1b[0m\nh\x1b]0;t\x07\r") == "\x1b[1mbold\x1b[0m\nh\\x1b]0;t\\x07\\r"
    )


def test_program_output_keeps_colours_and_progress_bars():
    bar = b"\x1b[32m50%\x1b[0m\r\x1b[K\x1b[1A100%\b\t\xc3\xa4\n"
    assert safe_output(bar) == bar
    for harmful in HARMFUL:
        assert safe_output(harmful) == b"".join(
            b"\\x%02x" % byte if byte < 32 or byte > 127 else bytes([byte]) for byte in harmful
        )


@given(
    st.lists(st.sampled_from([*HARMFUL, b"\x1b[1;31m", b"text", b"\n", b"\xe2\x82\xac"])), st.data()
)
def test_it_does_not_matter_where_a_stream_is_cut(pieces, data):
    whole = b"".join(pieces)
    terminal, got, rest = TerminalFilter(), b"", whole
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        got += terminal.safe(rest[:size])
        rest = rest[size:]
    assert got + terminal.end() == safe_output(whole)
