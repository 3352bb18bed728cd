"""Importing tables of results: the meaning of columns and cells."""

from __future__ import annotations

import math

import pytest

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.importing import Columns, read_table, results_of
from sweep_service.model.language.sweep_config import parse_object

CONFIG = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "parameters": {
        "lr": {"min": 0.0, "max": 1.0},
        "opt": {"parameters": {"name": {"values": ["adam", "1", None, True, [1, 2]]}}},
        "n": {"values": [1, 2]},
        "seed": {"value": 3},
    },
}
SWEEP = {"config": parse_object(CONFIG).config.document, "metric": {"name": "loss"}}


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "results.csv"
        path.write_text(text, encoding="utf-8")
        return read_table(path)

    return write


def understood(rows, **columns):
    return results_of(rows, SWEEP, Columns(**{"metrics": {}, **columns}))


@pytest.mark.parametrize(
    ("cell", "value"),
    [("adam", "adam"), ("1", "1"), ("null", None), ("None", None), ("true", True), ("True", True),
     ('"[1, 2]"', [1, 2])],
)  # fmt: skip
def test_cells_mean_what_the_parameter_takes(table, cell, value):
    rows = table(f"lr,opt.name,n,loss\n0.5,{cell},1,0.25\n")
    (result,) = understood(rows)
    assert result == {"config": {"lr": 0.5, "opt": {"name": value}, "n": 1}, "value": 0.25}
    assert type(result["config"]["opt"]["name"]) is type(value)


@pytest.mark.parametrize(("cell", "value"), [("nan", math.nan), ("inf", math.inf), ("", None)])
def test_values_of_the_metric(table, cell, value):
    (result,) = understood(table(f"lr,opt.name,n,loss\n1e-3,adam,2,{cell}\n"))
    assert repr(result["value"]) == repr(value)


def test_a_metric_of_another_name_and_columns_to_pass_over(table):
    rows = table("date,lr,opt.name,n,val loss\nmonday,0.5,adam,1,0.25\n")
    (result,) = understood(rows, metrics={"loss": "val loss"}, ignored=["date"])
    assert result["value"] == 0.25


def test_rows_of_a_program_may_nest():
    rows = [{"lr": 0.5, "opt": {"name": [1, 2]}, "n": 2, "loss": 1, "seed": 3}]
    (result,) = understood(rows)
    assert result["config"] == {"lr": 0.5, "opt": {"name": [1, 2]}, "n": 2, "seed": 3}


@pytest.mark.parametrize(
    ("header", "columns", "words"),
    [
        ("lr,opt.name,n,loss,id", {}, "column 'id' is neither a parameter nor"),
        ("lr,opt.name,loss", {}, "no column for the parameter 'n'"),
        ("lr,opt.name,n,loss", {"ignored": ["id"]}, "no column 'id'"),
        ("lr,opt.name,n,loss", {"metrics": {"loss": "x"}}, "no column 'x'"),
        ("lr,opt.name,n,loss", {"metrics": {"acc": "loss"}}, "its metric is loss"),
    ],
)
def test_columns_that_are_not_understood(table, header, columns, words):
    rows = table(f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    with pytest.raises(UsageError, match=words):
        understood(rows, **columns)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no results"),
        ("lr,n\n", "no results"),
        ("lr,n\n1\n", "line 2: it has not as many cells"),
        ("lr,n\n1,2,3\n", "line 2: it has not as many cells"),
        ("lr\n" + "1\n" * 5001, "at most 5,000"),
    ],
)
def test_files_that_are_no_tables(table, text, words):
    with pytest.raises(UsageError, match=words):
        table(text)


def test_a_value_that_is_no_number(table):
    rows = table("lr,opt.name,n,loss\n0.5,adam,1,low\n")
    with pytest.raises(UsageError, match="row 1, column 'loss': found 'low'"):
        understood(rows)


def test_a_file_that_is_missing_or_no_text(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_table(tmp_path / "missing.csv")
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="no CSV file in UTF-8"):
        read_table(tmp_path / "odd.csv")
