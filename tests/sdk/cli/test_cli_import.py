"""``sweep-sdk import`` and ``sweep_sdk.import_results``."""

from __future__ import annotations

import pytest

import sweep_sdk

GRID = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"a": {"values": [1, 2]}, "b": {"values": ["x", "y"]}},
}
TABLE = "a,b,loss\n1,x,0.5\n2,y,0.25\n7,y,0.25\n"


@pytest.fixture
def sweep(cli):
    return sweep_sdk.sweep(GRID)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(TABLE)
    return str(path)


def test_a_file_twice(cli, sweep, file):
    first = cli("import", sweep, file)
    assert first.code == 0
    assert first.out.splitlines() == [
        f"sweep {sweep} knows 3 results: 2 points done, 1 result left out"
    ]
    assert f"{file}: row 4 is left out: parameter 'a'" in first.err
    second = cli("import", sweep, file)
    assert "2 results known before" in second.out
    assert sweep_sdk.get_sweep(sweep).config["method"] == "grid"


def test_a_dry_run_shows_what_is_taken(cli, sweep, file):
    result = cli("import", sweep, file, "--dry-run")
    assert result.out.splitlines() == [
        "  a=1 b=x -> loss=0.5",
        "  a=2 b=y -> loss=0.25",
        "  a=7 b=y -> loss=0.25",
        f"sweep {sweep} would know 3 results: 2 points done, 1 result left out",
        "this was a dry run: nothing was stored",
    ]


def test_json(cli, sweep, file):
    assert cli("import", sweep, file, "--json").json["done"] == 2


def test_unknown_columns_name_the_options(cli, sweep, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b,val_loss\n1,x,0.5\n")
    result = cli("import", sweep, str(path))
    assert result.code == 2
    assert "--metric loss=val_loss if it is the metric, or --ignore val_loss" in result.err
    assert cli("import", sweep, str(path), "--metric", "loss=val_loss").code == 0


@pytest.mark.parametrize("words", [("loss",), ("=x",), ("loss=",)])
def test_a_metric_option_that_is_no_pair(cli, sweep, file, words):
    result = cli("import", sweep, file, "--metric", *words)
    assert result.code == 2
    assert "expected NAME=COLUMN" in result.err


def test_import_results_in_python(sweep, capfd):
    rows = [{"a": 1, "b": "x", "loss": 0.5}, {"a": 3, "b": "x", "loss": 0.5}]
    reported = sweep_sdk.import_results(sweep, rows)
    assert (reported["done"], reported["n_left_out"]) == (1, 1)
    assert "result 2 is left out: parameter 'a'" in capfd.readouterr().err
    again = sweep_sdk.get_sweep(sweep).import_results(rows[:1])
    assert (again["done"], again["known"]) == (0, 1)
    with pytest.raises(sweep_sdk.UsageError, match=r"ignore=\['c'\]"):
        sweep_sdk.import_results(sweep, [{"a": 1, "b": "x", "c": 1}])


def test_a_sweep_as_prior_runs(cli, sweep):
    """The runs of another sweep, by its id alone, in any form."""
    run = sweep_sdk.ask(sweep)
    run.tell({"loss": 0.5})
    for reference in (sweep, f"entity/project/{sweep}"):
        second = sweep_sdk.sweep(GRID, prior_runs=[reference])
        assert sweep_sdk.ask(second).config != run.config
