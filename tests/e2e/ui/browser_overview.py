"""The overview: it is quick, its brushes select, and a link shows the same thing."""

from __future__ import annotations

import csv
import io

import pytest
from played import play
from surroundings import TABS

from sweep_sdk.cli.run_columns import write_csv

#: Bytes that may be sent, and requests, until the overview of 1,000 runs is drawn.
MOST_BYTES, MOST_REQUESTS = 600_000, 15


def test_a_thousand_runs_arrive_in_few_bytes_and_requests_for_data(past, played):
    page = past.open_page()
    page.requests.clear()
    page.go(f"#/s/{played.thousand}")
    sent = page.page.evaluate(
        "() => performance.getEntriesByType('resource').concat("
        "performance.getEntriesByType('navigation')).reduce((n, e) => n + e.encodedBodySize, 0)"
    )
    assert 100_000 < sent <= MOST_BYTES
    requests = [url for url in page.requests if url.startswith(page.base)]
    assert len(requests) <= MOST_REQUESTS
    data = [url for url in requests if url.startswith(f"{page.base}/data/")]
    assert len(data) <= 5
    assert page.page.locator("#runs [data-count]").get_attribute("data-count") == "1000"
    page.expect_no_problems()


@pytest.mark.parametrize("name", ["twelve", "search", "hyperband", "thousand"])
def test_every_view_is_drawn_without_an_error(past, played, name):
    page = past.open_page()
    for tab in TABS:
        page.go(f"#/s/{getattr(played, name)}/{tab}")
        assert "internal error" not in page.text()
        page.shot(f"{name}-{tab}-light")
    page.go(f"#/s/{getattr(played, name)}/3")
    page.shot(f"{name}-run-light")
    page.expect_no_problems()


def test_ten_thousand_runs(serve, tmp_path):
    sweep = play(tmp_path / "sweeps.db", 10_000, 1, seed=5, name="ten thousand", n_agents=32)
    page = serve(tmp_path / "sweeps.db").open_page(color_scheme="dark")
    page.go(f"#/s/{sweep}")
    assert page.page.locator("#runs [data-count]").get_attribute("data-count") == "10000"
    assert page.page.locator(".gridrow").count() < 60
    page.shot("ten-thousand-overview-dark")
    page.go(f"#/s/{sweep}/timeline")
    page.shot("ten-thousand-timeline-dark")
    page.expect_no_problems()


def brush(page, axis, begin, end):
    """Drag along an axis of the parallel coordinates; shares of its length, from the top."""
    box = page.page.locator("#parallel .chart").bounding_box()
    option = page.page.evaluate(AXIS_PLACES)
    x = box["x"] + option["xs"][axis]
    top, height = box["y"] + option["top"], option["height"]
    page.page.mouse.move(x, top + begin * height)
    page.page.mouse.down()
    page.page.mouse.move(x, top + (begin + end) / 2 * height, steps=5)
    page.page.mouse.move(x, top + end * height, steps=5)
    page.page.mouse.up()
    page.settle()


#: Where the axes are, as ``charts/parallel.js`` lays them out.
AXIS_PLACES = """() => {
  const chart = document.querySelector('#parallel .chart');
  const n = chart.getAttribute('aria-label').match(/(\\d+) axes/)[1];
  const isNarrow = innerWidth < 640;
  const [left, right] = isNarrow ? [30, 40] : [56, 70];
  const step = (chart.clientWidth - left - right) / (n - 1);
  return {
    xs: Array.from({length: n}, (_, i) => left + i * step),
    top: 40,
    height: chart.clientHeight - 40 - 18,
  };
}"""


def count(page):
    return int(page.page.locator("#runs [data-count]").get_attribute("data-count"))


def test_a_brush_selects_what_the_data_says_and_the_address_restores_it(past, played):
    page = past.open_page()
    page.go(f"#/s/{played.thousand}")
    page.page.locator("#parallel").scroll_into_view_if_needed()
    brush(page, 0, 0.25, 0.5)  # of lr from 1e-1 at the top to 1e-5 at the bottom
    address = page.page.url
    found = [run["config"]["lr"] for run in past.client.list_runs(played.thousand)]
    low, high = brushed_range(page)
    assert low == pytest.approx(-3, abs=0.1)
    assert high == pytest.approx(-2, abs=0.1)
    expected = sum(10**low <= lr <= 10**high for lr in found)
    assert 0 < expected < 1000
    assert count(page) == expected
    page.page.reload()
    page.settle()
    assert page.page.url == address
    assert count(page) == expected
    page.shot("thousand-brushed-light")
    page.page.keyboard.press("Escape")
    page.settle()
    assert count(page) == 1000
    assert "brush" not in page.page.url
    page.expect_no_problems()


def brushed_range(page):
    return page.page.evaluate(
        "() => new URLSearchParams(location.hash.split('?')[1]).get('brush')"
        ".split(':')[1].split('..').map(Number)"
    )


def test_the_csv_is_the_selection_as_the_command_line_writes_it(past, played):
    page = past.open_page()
    page.go(f"#/s/{played.thousand}?filter=optimizer%3Dadam+layers%3C3")
    with page.page.expect_download() as waiting:
        page.page.get_by_role("button", name="Download CSV").click()
    with open(waiting.value.path(), encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    runs = [
        run
        for run in past.client.list_runs(played.thousand)
        if run["config"]["optimizer"] == "adam" and run["config"]["layers"] < 3
    ]
    stream = io.StringIO()
    write_csv(stream, runs)
    expected = list(csv.reader(io.StringIO(stream.getvalue())))
    assert len(expected) > 10
    assert found == expected


def test_the_best_value_of_every_run_is_on_its_curve(past, played):
    page = past.open_page()
    runs = [run for run in past.client.list_runs(played.search) if run["best"] is not None]
    indices = ",".join(str(run["index"]) for run in runs)
    curves = page.page.evaluate(
        "path => fetch(path).then(answer => answer.json())",
        f"data/sweeps/{played.search}/curves?metric=loss&points=10&index={indices}",
    )["runs"]
    drawn = {
        curve["index"]: min(v for v in curve["value"] if isinstance(v, float)) for curve in curves
    }
    assert {run["index"]: run["best"] for run in runs} == pytest.approx(drawn)


def test_the_coverage_is_that_of_the_stored_suggestions(past, played):
    page = past.open_page()
    page.go(f"#/s/{played.search}/model")
    inside = [
        abs(run["best"] - run["suggestion"]["mean"]) <= 1.96 * run["suggestion"]["std"]
        for run in past.client.list_runs(played.search)
        if run["state"] == "finished" and run["best"] is not None and "std" in run["suggestion"]
    ]
    share = round(100 * sum(inside) / len(inside))
    assert f"{share} % of {len(inside)} outcomes" in page.text()
    page.go(f"#/s/{played.twelve}/model")
    assert "too few to judge the forecasts" in page.text() or "No run was chosen" in page.text()


def test_the_comparison_has_every_sweep(past, played):
    page = past.open_page()
    page.go()
    for name in ("search", "thousand"):
        row = page.page.locator("tr", has_text=name)
        row.get_by_role("checkbox").check()
    page.page.get_by_role("link", name="Compare 2").click()
    page.settle()
    assert "2 sweeps side by side" in page.text()
    page.shot("comparison-light")
    page.expect_no_problems()
