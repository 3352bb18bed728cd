import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.errors import InvalidConfig
from sweep_service.model.language.fields import PlainNumber
from sweep_service.model.language.sweep_config import parse_text
from sweep_service.model.language.yaml_text import read_yaml


def document(text):
    return read_yaml(text).document


def warnings(text):
    return [str(problem) for problem in read_yaml(text).report.warnings]


def refusal(text):
    with pytest.raises(InvalidConfig) as caught:
        read_yaml(text)
    (problem,) = caught.value.problems
    return problem


plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain_json)
def test_what_the_reference_reads_is_read_the_same(value):
    text = yaml.safe_dump(value, allow_unicode=True)
    assert document(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: {<<: {x: 1, y: 2}, x: 3}",
        "base: &b {x: 1}\nother: &o {x: 2, z: 3}\na:\n  <<: [*b, *o]\n  z: 9",
        "a: &v [1, 2]\nb: *v",
        "a: 010\nb: 1:30\nc: 0x1F\nd: 1_000\ne: 0b11\nf: +1.5e+3",
        "a: yes\nb: Off\nc: ~\nd:\ne: ''\nf: 'yes'\ng: !!str yes\nh: !!float 1e-4\ni: !!int '3'",
        "a: |\n  x\n  y\nb: >\n  x\n  y\n",
        "{a: 1, b: [1, 2,], 'c': {}}",
        "a: !!seq [1]\nb: !!map {x: 1}\nc: ! x\nd: !!null x\ne: !!bool no",
        "=: 1",
        "---\na: 1\n...\n",
        "# comment\r\na: 1\r\n",
        "\ufeffa: 1",
    ],
)
def test_yaml_features_mean_what_they_mean_there(text):
    assert document(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("1e-4", PlainNumber("1e-4")),
        ("1e5", PlainNumber("1e5")),
        (".5e3", PlainNumber(".5e3")),
        ("-2E-3", PlainNumber("-2E-3")),
        ("08", PlainNumber("08")),
        ("'1e-4'", "1e-4"),
        ('"1e-4"', "1e-4"),
        ("!!str 1e-4", "1e-4"),
        ("|\n  1e-4", "1e-4"),
        ("2**-21", "2**-21"),
        ("None", "None"),
        ("<class 'int'>", "<class 'int'>"),
        ("1e400", "1e400"),
        ("e5", "e5"),
        ("1.0e-4", 1.0e-4),
    ],
)
def test_unquoted_numbers_are_marked(scalar, value):
    found = document(f"a: {scalar}")["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("name", ["off", "on", "yes", "no", "y", "n", "true", "12", "1.5", "~"])
def test_names_stay_what_the_author_wrote(name):
    text = f"x:\n  {name}: 1\n"
    assert document(text) == {"x": {name: 1}}
    reported = warnings(text)
    assert len(reported) == (0 if name in "yn" else 1)
    assert all(line.startswith(f"line 2: x.{name}: YAML reads the key as") for line in reported)


def test_duplicate_keys_are_reported_with_both_lines():
    text = "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n  c: 4\na: 5\n"
    assert document(text) == {"a": 5, "b": {"c": 4, "d": 2}}
    assert warnings(text) == [
        "line 5: b.c: is given twice, on lines 3 and 5; the last one counts",
        "line 6: b.c: is given twice, on lines 5 and 6; the last one counts",
        "line 7: a: is given twice, on lines 1 and 7; the last one counts",
    ]


def test_overriding_a_merged_key_is_no_duplicate():
    assert warnings("b: &b {x: 1}\na:\n  <<: *b\n  x: 2\n") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-01-01", "2020-01-01"),
        ("2020-13-45", "2020-13-45"),  # no date at all: the reference ends in a traceback
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("!!binary aGVs bG8=", "aGVsbG8="),
        ("!!set {x, y}", ["x", "y"]),
        ("!!omap [x: 1]", [{"x": 1}]),
    ],
)
def test_what_json_cannot_hold_stays_as_written(text, value):
    assert document(f"a: {text}") == {"a": value}
    assert len(warnings(f"a: {text}")) == 1


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i}\n  <<: [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)
)
#: Each merge copies 250 keys, and the two levels of merges 48 million.
WIDE_MERGES = (
    f"a: &a {{{', '.join(f'k{i}: 1' for i in range(250))}}}\n"
    f"b: &b {{<<: [{', '.join(['*a'] * 440)}]}}\n"
    f"c: {{<<: [{', '.join(['*b'] * 440)}]}}\n"
)
CHAIN = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i}\n  <<: *a{i - 1}\n" for i in range(1, 300))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n\tb: 1", 2, "tab; indent with spaces"),
        ("a: 1\n b: 2", 2, "check the indentation"),
        ("a: 'x\nb: 1", 2, "unexpected end of stream"),
        ("a: [1, 2\nb: 3", 2, "expected ',' or ']'"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: 1\n---\n", 2, "second document"),
        ("x: 1\na: !!python/object/apply:os.system [ls]", 2, "!!python/object/apply:os.system"),
        ("a: !!python/tuple [1, 2]", 1, "!!python/tuple"),
        ("a: !mine {x: 1}", 1, "!mine"),
        ("a: !mine x", 1, "!mine"),
        ("a: !!set [x]", 1, "!!set"),
        ("a: !!int x", 1, "cannot be read as !!int"),
        ("a: !!int", 1, "cannot be read as !!int"),
        ("a: !!int ''", 1, "cannot be read as !!int"),
        ("a: !!float", 1, "cannot be read as !!float"),
        ("a: !!bool", 1, "cannot be read as !!bool"),
        (f"a: {'9' * 5000}", 1, "cannot be read as !!int"),
        ("? [a, b]\n: 1", 1, "cannot be a key"),
        ("a: {<<: 3}", 1, "takes a map"),
        ("x: 1\na: &a [*a]", 2, "contains itself"),
        ("x: 1\na: &a {<<: *a}", 2, "contains itself"),
        ("x: 1\na: *b", 2, "names no anchor"),
        ("x: 1\na: &a [&a [*a]]", 2, "contains itself"),
        (BOMB, 1, "aliases make it larger"),
        (MERGE_BOMB, 4, "aliases make it larger"),
        (WIDE_MERGES, 1, "aliases make it larger"),
        (CHAIN, 1, "aliases make it larger"),
        ("a: " + "[" * 3000, 1, "nested more than 100 levels"),
        ("".join(" " * i + "a:\n" for i in range(300)), 101, "nested more than 100 levels"),
        ("a: 1\nb: '\x07'", 2, "U+0007"),
        ("a: 1\nb: '\udcff'", 2, "U+DCFF"),
        ("sweep_config = {\n  'method': 'grid',\n}", 2, "looks like Python"),
    ],
)
def test_what_is_no_sweep_file_is_refused_with_its_line(text, line, words):
    problem = refusal(text)
    assert words in problem.message
    assert problem.line == line
    assert "\n" not in problem.message
    assert len(problem.message) < 250


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("a",), 1),
        (("a", "b"), 2),
        (("a", "b", 0), 3),
        (("a", "b", 1, "y"), 4),
        (("a", "b", 1, "missing"), 4),
        (("a", "missing"), 1),
        (("missing",), None),
    ],
)
def test_places_have_the_line_of_what_encloses_them(place, line):
    assert read_yaml("a:\n  b:\n    - x\n    - y: 1\n").report.line_of(place) == line


def reads_or_explains(text):
    try:
        return read_yaml(text) is not None
    except InvalidConfig as error:
        return all(problem.message for problem in error.problems)


@given(st.text(max_size=60))
def test_no_text_ends_in_a_traceback(text):
    assert reads_or_explains(text)


@given(st.text(alphabet="ab:-[]{}&*!?|>'\"#,% \n\t<=~1e.", max_size=60))
def test_no_yaml_like_text_ends_in_a_traceback(text):
    assert reads_or_explains(text)


@pytest.mark.parametrize("indent", [2, "\t"])
def test_json_may_be_indented_with_tabs(indent):
    sweep = {"method": "grid", "parameters": {"a": {"values": [1, 0.001, "x\ty", None]}}}
    read = read_yaml(json.dumps(sweep, indent=indent))
    assert read.document == sweep
    assert read.report.line_of(("parameters", "a", "values")) == 5


def test_a_tab_in_yaml_is_still_reported():
    with pytest.raises(InvalidConfig, match="tab"):
        read_yaml("{method: grid,\n\tparameters: {a: {value: 1}}}\n\tb: 1")


@pytest.mark.parametrize(
    ("text", "value", "read_as"),
    [
        ("010", 8, "the octal number 8"),
        ("007", 7, "the number 7"),
        ("-017", -15, "the octal number -15"),
        ("0b11", 3, "the binary number 3"),
        ("0x1F", 31, "the hexadecimal number 31"),
        ("1_000", 1000, "the number 1000"),
        ("24:00:00", 86400, "the number 86400 (base 60)"),
        ("1:30", 90, "the number 90 (base 60)"),
        ("1:30.5", 90.5, "the number 90.5 (base 60)"),
        ("off", False, "the boolean false"),
        ("On", True, "the boolean true"),
    ],
)
def test_what_yaml_makes_of_a_value_is_reported(text, value, read_as):
    (warning,) = warnings(f"a: {{value: {text}}}")
    assert document(f"a: {{value: {text}}}") == {"a": {"value": value}}
    quoted = f"quote it ('{text}') to keep the text"
    assert warning == f"line 1: a.value: YAML reads {text} as {read_as}; {quoted}"
    assert warnings(f"a: {{value: '{text}'}}") == []


@pytest.mark.parametrize(
    "text", ["0", "10", "-3", "0.5", "1.0e-3", "true", "False", "null", "~", ".inf", "'010'", "8"]
)
def test_what_is_meant_as_it_is_read_is_not_reported(text):
    assert warnings(f"a: {{value: {text}}}") == []


def test_yes_and_no_are_reported_among_texts_alone():
    assert len(warnings("a: [yes, no, maybe]")) == 2
    assert warnings("a: [yes, no]") == []


def test_each_value_of_a_list_is_reported_with_its_line():
    assert [warning.split(":")[0] for warning in warnings("a:\n- 007\n- 10\n- 011\n")] == [
        "line 2",
        "line 4",
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[67217e15, a3f0c9d1, 12345678]", ["67217e15", "a3f0c9d1", "12345678"]),
        ("[00000001, deadbeef]", ["00000001", "deadbeef"]),
    ],
)
def test_hashes_that_look_like_numbers_stay_texts(text, values):
    assert document(f"a: {text}") == {"a": values}
    (warning,) = warnings(f"a: {text}")
    assert "kept as texts" in warning
    assert not any(type(value) is not str for value in document(f"a: {text}")["a"])


@pytest.mark.parametrize("text", ["[123456, 654321]", "[1e-4, adam]", "[100000, abc]", "[1e5]"])
def test_numbers_are_no_hashes(text):
    assert not any("kept as texts" in warning for warning in warnings(f"a: {text}"))


def test_warnings_are_reported_with_errors():
    with pytest.raises(InvalidConfig) as caught:
        parse_text("method: grid\nparameters:\n  a: {values: [010]}\n  b: {min: 3, max: 1}\n")
    assert any("octal" in str(warning) for warning in caught.value.warnings)
    assert caught.value.problems


@pytest.mark.parametrize("text", ["'name: loss'", "'{name: loss'", "'name: loss, goal: minimize'"])
def test_a_metric_that_was_meant_as_a_map_is_an_error(text):
    with pytest.raises(InvalidConfig, match="needs a map"):
        parse_text(f"method: grid\nmetric: {text}\nparameters: {{a: {{value: 1}}}}\n")
