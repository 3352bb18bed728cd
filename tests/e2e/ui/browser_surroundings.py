"""People and their data: hostile names, odd sweeps, phones, keyboards, eyes."""

from __future__ import annotations

import itertools
import math

import pytest
from browser_overview import AXIS_PLACES, count
from surroundings import TABS

from conftest import ROOT
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

HOSTILE = '</script><img src=x onerror="window.hacked = true">'


def run_all(client, sweep, values, **ending):
    """Hand out a run for each list of values, log them as its loss, and end it."""
    for number, rows in enumerate(values):
        run = client.ask(sweep, f"key-of-the-test-{number}", f"agent {HOSTILE}", host=HOSTILE)
        metrics = [
            {"step": step, "at": 1e9 + step, "metrics": {"loss": value, HOSTILE: step}}
            for step, value in enumerate(rows)
        ]
        client.report(run.id, 1, 0, metrics)
        client.finish(run.id, Ending(1, ending.get("state", RunState.FINISHED), exit_code=1,
                                     error_tail=HOSTILE))  # fmt: skip


def test_names_and_values_from_programs_are_never_markup(dashboard):
    config = {
        "method": "random",
        "metric": {"name": "loss"},
        "program": "train.py",
        "parameters": {HOSTILE: {"values": [HOSTILE, "b"]}, "lr": {"min": 0.0, "max": 1.0}},
    }
    sweep = dashboard.client.create_sweep(config, name=HOSTILE, project=HOSTILE)["id"]
    dashboard.client.change_sweep(sweep, labels={"notes": HOSTILE, "tags": [HOSTILE]})
    run_all(dashboard.client, sweep, [[1.0], [2.0], [3.0]], state=RunState.FAILED)
    page = dashboard.open_page()
    views = [f"#/s/{sweep}/{tab}" for tab in (*TABS, "0")]
    places = ["#/", *views, f"#/compare?ids={sweep}"]
    for place in places:
        page.go(place)
        charts = page.page.locator(".chart")
        for chart in range(min(charts.count(), 3)):
            box = charts.nth(chart).bounding_box()
            for x in (0.3, 0.5, 0.7):
                page.page.mouse.move(box["x"] + x * box["width"], box["y"] + 0.5 * box["height"])
        assert page.page.evaluate("() => window.hacked") is None
        assert page.page.locator("img").count() == 0
    assert HOSTILE in page.text()
    page.expect_no_problems()


def loss_config(**more):
    parameters = {"lr": {"min": 0.0, "max": 1.0}, "n": {"values": [1, 2, 3]}}
    return {"method": "random", "metric": {"name": "loss"}, "program": "train.py",
            "parameters": parameters, **more}  # fmt: skip


ODD = {
    "no runs": (loss_config(), []),
    "one run": (loss_config(), [[0.5, 0.4]]),
    "no metric": ({k: v for k, v in loss_config().items() if k != "metric"}, [[0.5], [0.6]]),
    "maximize": (loss_config(metric={"name": "loss", "goal": "maximize"}), [[1.0], [3.0], [2.0]]),
    "not a number": (loss_config(), [["NaN"], ["Infinity", 1.0], ["-Infinity"], [0.5]]),
    "huge": (loss_config(), [[1e300], [-1e300], [1e-300], [0.0]]),
    "equal": (loss_config(), [[1.0], [1.0], [1.0]]),
    "many parameters": (
        loss_config(parameters={f"p{n}": {"min": 0.0, "max": 1.0} for n in range(60)}),
        [[float(n)] for n in range(5)],
    ),
    "nested": (
        loss_config(parameters={"model": {"parameters": {"depth": {"values": [1, 2]}}}}),
        [[1.0], [2.0]],
    ),
    "one value": (loss_config(parameters={"lr": {"value": 1}}), [[1.0]]),
    "conditional": (
        loss_config(
            parameters={
                "optimizer": {"values": ["sgd", "adam"]},
                "momentum": {"min": 0.0, "max": 0.9, "when": {"optimizer": "sgd"}},
            },
            seed=1,
        ),
        [[float(n)] for n in range(8)],
    ),
    "zipped": (
        loss_config(
            parameters={"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y", "z"]}},
            zip=[["a", "b"]],
        ),
        [[1.0], [2.0], [3.0]],
    ),
    "lists": (loss_config(parameters={"layers": {"values": [[1, 2], [3], None]}}), [[1.0], [2.0]]),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_sweeps_are_shown_whole(dashboard, name):
    config, values = ODD[name]
    sweep = dashboard.client.create_sweep(config)["id"]
    run_all(dashboard.client, sweep, values)
    page = dashboard.open_page()
    page.go("#/")
    for tab in TABS:
        page.follow(f"#/s/{sweep}/{tab}")
        if tab == "overview":
            assert count(page) == len(values)
    if values:
        page.follow(f"#/s/{sweep}/0")
        assert "Run 0" in page.text()
    page.follow(f"#/compare?ids={sweep}")
    page.expect_no_problems()


def test_prior_runs_and_several_versions_of_a_config(dashboard):
    client = dashboard.client
    first = client.create_sweep(loss_config())["id"]
    run_all(client, first, [[1.0], [2.0], [3.0]])
    config = loss_config(method="bayes")
    sweep = client.create_sweep(config, prior_runs=[first])["id"]
    run_all(client, sweep, [[1.5], [2.5]])
    wider = {**config["parameters"], "lr": {"min": 0.0, "max": 2.0}, "new": {"value": 1}}
    client.change_sweep(sweep, config={**config, "parameters": wider})
    for number in range(2):
        run = client.ask(sweep, f"key-after-the-change-{number}", "agent")
        client.report(run.id, 1, 0, [{"step": 0, "at": 1e9, "metrics": {"loss": 0.5 + number}}])
        client.finish(run.id, Ending(1, RunState.FINISHED, exit_code=0))
    page = dashboard.open_page()
    for tab in TABS:
        page.go(f"#/s/{sweep}/{tab}")
        if tab == "overview":
            assert count(page) == 4
    page.go(f"#/s/{sweep}/3")
    assert "Run 3" in page.text()
    page.go(f"#/compare?ids={first},{sweep}")
    page.expect_no_problems()


def test_a_sweep_whose_runs_have_all_failed(dashboard):
    sweep = dashboard.client.create_sweep(loss_config())["id"]
    run_all(dashboard.client, sweep, [[1.0], [2.0]], state=RunState.FAILED)
    page = dashboard.open_page()
    page.go(f"#/s/{sweep}")
    assert "No run has a value yet" in page.text()
    page.page.get_by_role("button", name="2 failed").click()
    page.settle()
    assert count(page) == 2
    assert page.page.get_by_role("searchbox").input_value() == "state=failed"
    page.shot("all-failed-light")


def test_a_sweep_and_a_run_that_are_not_there_are_said_in_words(dashboard):
    page = dashboard.open_page()
    page.go("#/s/zzzzzzzz")
    assert "zzzzzzzz" in page.text()
    sweep = dashboard.client.create_sweep(loss_config())["id"]
    page.go(f"#/s/{sweep}/7")
    assert "has no run 7" in page.text()


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_a_phone_shows_everything_within_its_width(past, played):
    page = past.open_page(**PHONE, color_scheme="dark")
    places = ["#/", *(f"#/s/{played.search}/{tab}" for tab in TABS), f"#/s/{played.search}/5",
              f"#/compare?ids={played.search},{played.twelve}"]  # fmt: skip
    for number, place in enumerate(places):
        page.go(place)
        assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), place
        page.shot(f"phone-{number}-dark")
    page.expect_no_problems()


def test_a_finger_brushes_too(past, played):
    page = past.open_page(**PHONE)
    page.go(f"#/s/{played.search}")
    page.page.locator("#parallel").scroll_into_view_if_needed()
    box = page.page.locator("#parallel .chart").bounding_box()
    axes = page.page.evaluate(AXIS_PLACES)
    x, top = box["x"] + axes["xs"][-1], box["y"] + axes["top"]
    touch = page.page.context.new_cdp_session(page.page)

    def send(kind, y):
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", top + 0.55 * axes["height"])
    for share in (0.6, 0.7, 0.8, 0.9, 0.99):
        send("touchMove", top + share * axes["height"])
    send("touchEnd", 0)
    page.settle()
    assert 0 < count(page) < 60


def test_the_keyboard_alone_reaches_a_run_and_comes_back(past, played):
    page = past.open_page()
    page.go()
    keyboard = page.page.keyboard
    link = page.page.get_by_role("link", name="twelve", exact=True)
    for _ in range(60):
        keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    keyboard.press("Enter")
    page.page.locator("#runs").wait_for()
    page.settle()
    grid = page.page.locator(".grid")
    for _ in range(60):
        keyboard.press("Tab")
        if grid.evaluate("grid => grid === document.activeElement"):
            break
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    wanted = page.page.locator(".gridrow.active a").inner_text()
    keyboard.press("Enter")
    page.page.get_by_role("heading", name=f"Run {wanted}", exact=True).wait_for()
    page.settle()
    keyboard.press("Escape")
    page.page.locator("#runs").wait_for()
    keyboard.press("]")
    page.page.locator("a[aria-current=page]", has_text="Curves").wait_for()
    keyboard.press("?")
    page.page.get_by_role("dialog", name="Keys").wait_for()
    keyboard.press("Escape")
    page.page.get_by_role("dialog", name="Keys").wait_for(state="detached")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(past, played, theme):
    axe = (ROOT / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    page = past.open_page(color_scheme=theme, bypass_csp=True)
    places = ["#/", *(f"#/s/{played.search}/{tab}" for tab in TABS), f"#/s/{played.search}/5"]
    for place in places:
        page.go(place)
        page.page.evaluate(axe)
        found = page.page.evaluate("() => axe.run(document)")
        serious = [
            (place, problem["id"], [node["html"][:200] for node in problem["nodes"]])
            for problem in found["violations"]
            if problem["impact"] in ("serious", "critical")
        ]
        assert serious == []


STATES = ("finished", "running", "stopped", "failed", "crashed", "killed", "preempted", "pending")
#: Of linear RGB for people without one kind of cone (Viénot, Brettel and Mollon, 1999).
VISIONS = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": (
        (0.29275, 0.70725, 0.0),
        (0.29275, 0.70725, 0.0),
        (-0.02234, 0.02234, 1.0),
    ),
}


def lab(color, matrix):
    """CIE L*a*b* of ``#rrggbb`` as it is seen."""
    raw = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in raw]
    r, g, b = (min(1.0, max(0.0, math.sumprod(row, linear))) if hasattr(math, "sumprod") else
               min(1.0, max(0.0, sum(x * y for x, y in zip(row, linear, strict=True))))
               for row in matrix)  # fmt: skip
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_states_that_are_side_by_side_differ_in_colour(past, theme, vision):
    page = past.open_page(color_scheme=theme)
    page.go()
    colors = page.page.evaluate(
        "names => names.map(n => getComputedStyle(document.documentElement)"
        ".getPropertyValue(`--${n}`).trim())",
        STATES,
    )
    places = {name: lab(color, VISIONS[vision]) for name, color in zip(STATES, colors, strict=True)}
    near = {
        (a, b): round(math.dist(places[a], places[b]), 1)
        for a, b in itertools.combinations(STATES[:5], 2)
        if math.dist(places[a], places[b]) < 18
    }
    assert near == {}
