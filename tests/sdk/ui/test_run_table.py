"""Runs as columns."""

from __future__ import annotations

import json
import math

from sweep_sdk._ui.run_table import columns_of


def test_nested_values_have_dotted_names_and_missing_ones_are_null():
    table = columns_of(
        [
            {"index": 0, "config": {"model": {"depth": 3}}, "summary": {}, "attributes": None},
            {"index": 1, "config": {"lr": 0.1}, "summary": {"loss": 1.0}, "attributes": {}},
        ]
    )
    assert table["fields"]["index"] == [0, 1]
    assert table["config"] == {"model.depth": [3, None], "lr": [None, 0.1]}
    assert table["summary"] == {"loss": [None, 1.0]}


def test_fields_without_any_value_are_left_out():
    assert set(columns_of([{"index": 0, "best": None}])["fields"]) == {"index"}


def test_numbers_that_json_lacks_are_written_so_that_no_text_is_taken_for_one():
    table = columns_of(
        [{"index": 0, "best": math.inf, "config": {"a": math.nan, "b": "NaN"},
          "summary": {"loss": -math.inf}, "attributes": {}}]
    )  # fmt: skip
    assert table["fields"]["best"] == ["Infinity"]
    assert table["config"] == {"a": [{"$number": "NaN"}], "b": ["NaN"]}
    assert table["summary"] == {"loss": ["-Infinity"]}
    json.dumps(table, allow_nan=False)


def test_no_runs_make_an_empty_table():
    assert columns_of([]) == {"fields": {}, "config": {}, "summary": {}, "attributes": {}}
