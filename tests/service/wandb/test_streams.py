"""Streams and buckets as sent by wandb's clients, and malformed ones."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.wandb.operations import decode_operation
from sweep_service.wandb.streams import (
    Malformed,
    Row,
    decode_bucket,
    decode_config,
    decode_stream,
    encode_config,
)


def body(*lines: str, offset=0, **more):
    history = {"offset": offset, "content": list(lines)}
    return json.dumps({"files": {"wandb-history.jsonl": history}, **more}).encode()


def test_history_lines_become_rows_with_step_and_time():
    line = '{"loss":0.5,"_step":3,"_timestamp":1700000000.25,"_runtime":1.5}'
    stream = decode_stream(body(line, offset=3))
    assert stream.offset == 3
    assert stream.rows == (Row(3, 1700000000.25, {"loss": 0.5}),)


def test_nested_maps_become_dotted_names_and_numbers_of_all_kinds_are_kept():
    line = (
        '{"train":{"loss":1,"deep":{"acc":0.5,"_private":2}},"ok":true,"a":NaN,"b":-Infinity,'
        f'"c":"Infinity","big":{10**30},"_step":0}}'
    )
    (row,) = decode_stream(body(line)).rows
    assert math.isnan(row.metrics["a"])
    assert {name: value for name, value in row.metrics.items() if name != "a"} == {
        "train.loss": 1,
        "train.deep.acc": 0.5,
        "train.deep._private": 2,
        "ok": True,
        "b": -math.inf,
        "c": math.inf,
        "big": 1e30,
    }


def test_media_lists_texts_and_nulls_are_no_metrics_and_their_kinds_are_named():
    line = (
        '{"loss":1,"image":{"_type":"image-file","path":"a.png"},"list":[1,2],"text":"hello",'
        '"none":null,"inner":{"table":{"_type":"table-file","nrows":3}},"_step":1}'
    )
    stream = decode_stream(body(line))
    assert stream.rows == (Row(1, None, {"loss": 1}),)
    assert stream.left_out == {"image-file", "list", "text", "table-file"}


@pytest.mark.parametrize("line", ["{", "[1]", "", '{"a":' * 5000, f'{{"a":{"1" * 5000}}}'])
def test_a_line_that_cannot_be_read_is_an_empty_row_and_the_others_keep_their_numbers(line):
    stream = decode_stream(body('{"a":1,"_step":0}', line, '{"a":2,"_step":2}'))
    assert stream.rows == (Row(0, None, {"a": 1}), Row(), Row(2, None, {"a": 2}))


def test_repeated_rows_are_not_new():
    stream = decode_stream(
        body(*(f'{{"a":{step},"_step":{step}}}' for step in (4, 5, 6)), offset=4)
    )
    assert [row.step for row in stream.rows_from(0)] == [4, 5, 6]
    assert [row.step for row in stream.rows_from(6)] == [6]
    assert stream.rows_from(7) == stream.rows_from(100) == ()


def test_summary_end_and_preemption():
    document = {
        "files": {
            "wandb-summary.json": {
                "offset": 0,
                "content": ['{"loss":{"min":0.25},"path":"best.pt","_step":9,"n":NaN}'],
            }
        },
        "complete": True,
        "exitcode": 255,
        "preempting": True,
    }
    stream = decode_stream(json.dumps(document).encode())
    assert stream.summary is not None
    assert stream.summary["loss.min"] == 0.25
    assert math.isnan(stream.summary["n"])
    assert stream.texts == {"path": "best.pt"}
    assert stream.is_complete
    assert stream.is_preempting
    assert stream.exit_code == 255


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_idle_request_says_nothing(body):
    stream = decode_stream(body)
    assert stream.rows == ()
    assert stream.summary is None
    assert not stream.is_complete
    assert stream.exit_code is None


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"files": [1]}', b"\xff", b"[" * 9000])
def test_a_body_of_another_shape_is_malformed(body):
    with pytest.raises(Malformed):
        decode_stream(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values, json_values, json_values, json_values)
def test_whatever_json_arrives_is_either_rows_of_numbers_or_malformed(offset, content, line, code):
    lines = [json.dumps(line), *(content if isinstance(content, list) else [])]
    history = {"offset": offset, "content": lines}
    files = {"wandb-history.jsonl": history, "wandb-summary.json": {"content": content}}
    stream = decode_stream(json.dumps({"files": files, "exitcode": code}).encode())
    assert stream.offset >= 0
    assert len(stream.rows) == len(lines)
    values = [value for row in stream.rows for value in row.metrics.values()]
    assert all(isinstance(value, (int, float)) for value in values)


@given(json_values)
def test_variables_of_any_kind_are_a_bucket_or_malformed(value):
    names = ("project", "config", "tags", "summaryMetrics", "sweep", "displayName")
    bucket = decode_bucket({"name": "abc", **dict.fromkeys(names, value)})
    assert bucket.name == "abc"
    with pytest.raises(Malformed):
        decode_bucket({"project": value})


def test_a_bucket_says_whose_run_it_is_and_what_the_program_was_configured_with():
    bucket = decode_bucket(
        {
            "name": "1a2b3c",
            "project": "vision",
            "entity": "me",
            "displayName": "calm-sea-1",
            "sweep": None,
            "groupName": "g",
            "jobType": "train",
            "tags": ["x", "y"],
            "config": '{"lr":{"value":0.1},"_wandb":{"value":{}},"model":{"value":{"depth":3}}}',
            "summaryMetrics": '{"loss":0.5,"_step":3}',
        }
    )
    assert (bucket.name, bucket.project, bucket.entity) == ("1a2b3c", "vision", "me")
    assert (bucket.display_name, bucket.group, bucket.job_type) == ("calm-sea-1", "g", "train")
    assert bucket.tags == ("x", "y")
    assert bucket.config == {"lr": 0.1, "model": {"depth": 3}}
    assert bucket.summary == {"loss": 0.5}
    assert bucket.sweep is None


def test_a_configuration_survives_the_way_to_a_client_and_back():
    config = {"lr": 0.1, "layers": [1, 2], "nested": {"a": None}}
    assert decode_config(encode_config(config)) == config
    assert decode_config(None) is None


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"operationName": "UpsertBucket", "query": "mutation Other { a }"}, "UpsertBucket"),
        ({"operationName": "", "query": "query Viewer {\n viewer { id } }"}, "Viewer"),
        ({"query": "mutation UpsertSweep($id: ID) { upsertSweep }"}, "UpsertSweep"),
        ({"query": "{viewer{id}}"}, "viewer"),
        ({"query": "query { viewer { id } }"}, "viewer"),
        ({"query": "#graphql\n    # why\n  query Runs($p: String) { a }"}, "Runs"),
        ({"query": 7, "operationName": None, "variables": []}, ""),
        ({}, ""),
    ],
)
def test_operations_are_known_by_name(document, name):
    operation = decode_operation(json.dumps(document).encode())
    assert operation.name == name
    assert operation.variables == {}


def test_a_request_that_is_no_object_is_malformed():
    with pytest.raises(Malformed):
        decode_operation(b"[]")
