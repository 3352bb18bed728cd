// Pictures hold every point of their data, and nothing that is not in it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { logTicks, niceTicks } from "../../sdk/sweep_sdk/_ui/page/charts/axes.js";
import { bandChart } from "../../sdk/sweep_sdk/_ui/page/charts/bands.js";
import { compareChart, progressOf } from "../../sdk/sweep_sdk/_ui/page/charts/compare.js";
import { edges } from "../../sdk/sweep_sdk/_ui/page/charts/contour.js";
import { curvesChart, pointsOf } from "../../sdk/sweep_sdk/_ui/page/charts/curves.js";
import { forecastChart } from "../../sdk/sweep_sdk/_ui/page/charts/forecast.js";
import { historyChart } from "../../sdk/sweep_sdk/_ui/page/charts/history.js";
import { brushesAfter, parallelChart } from "../../sdk/sweep_sdk/_ui/page/charts/parallel.js";
import { sliceChart } from "../../sdk/sweep_sdk/_ui/page/charts/slice.js";
import { attemptsOf, timelineChart, timeTicks } from "../../sdk/sweep_sdk/_ui/page/charts/timeline.js";
import { scalesOf } from "../../sdk/sweep_sdk/_ui/page/data/space.js";
import { busyShare } from "../../sdk/sweep_sdk/_ui/page/views/timeline.js";
import { hashOf, parse } from "../../sdk/sweep_sdk/_ui/page/router.js";
import { aLook, aRun, aSweep, aTable } from "./samples.js";

const look = aLook();
const config = {
  parameters: { lr: { distribution: "log_uniform_values", min: 0.001, max: 1 }, n: { values: [1, 2, 3] } },
};
const runs = Array.from({ length: 50 }, (_, i) =>
  aRun(i, 1 + Math.sin(i), { config: { lr: 10 ** (-3 + (i % 4)), n: 1 + (i % 3) } }),
);
const table = aTable(runs, { config });
const scales = scalesOf(table.sweep, runs);

/** @param {any} option @param {string} type */
const points = (option, type) => option.series.filter((/** @type {any} */ one) => one.type === type).flatMap((/** @type {any} */ one) => one.data); // prettier-ignore

describe("axes", () => {
  test("ticks are round and within the limits", () => {
    assert.deepEqual(niceTicks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
    assert.deepEqual(niceTicks(3, 3), [3]);
    assert.deepEqual(logTicks(-5, -1), [-5, -4, -3, -2, -1]);
    assert.ok(logTicks(0.1, 0.9).every((tick) => tick >= 0.1 && tick <= 0.9));
  });
});

describe("history and slice", () => {
  test("every run with a value is a point, also one far from the rest", () => {
    const odd = [...runs, aRun(50, 1e300, { config: { lr: 1, n: 2 } }), aRun(51, NaN), aRun(52, null)];
    const found = historyChart(aTable(odd, { config }), odd, [], 0, look);
    const shown = new Set(points(found?.option, "scatter").map((/** @type {any} */ point) => point[2]));
    assert.equal(shown.size, 51);
    assert.match(found?.note ?? "", /2 values far from the rest/);
  });
  test("a slice has a point for each run, side by side where values are equal", () => {
    const option = sliceChart(table, runs, scales[1], undefined, [], 0, look);
    const found = points(option, "scatter");
    assert.equal(found.length, 50);
    assert.equal(new Set(found.map((/** @type {number[]} */ [x, y]) => `${x} ${y}`)).size, 50);
  });
  test("there is no picture without a value", () => {
    assert.equal(historyChart(aTable([]), [], [], 0, look), null);
    assert.equal(sliceChart(aTable([]), [], scales[0], undefined, [], 0, look), null);
  });
});

describe("parallel coordinates", () => {
  test("there is a line for each run, and the best is drawn last", () => {
    const option = /** @type {any} */ (parallelChart(table, scales, look));
    const { data } = option.series[0];
    assert.equal(data.length, 50);
    const best = runs.reduce((a, b) => (Number(a.best) < Number(b.best) ? a : b));
    assert.equal(data[49].name, String(best.index));
    assert.deepEqual(option.parallelAxis.map((/** @type {any} */ axis) => axis.name), ["lr", "n", "loss"]); // prettier-ignore
  });
  test("a brush replaces that of its axis, and an empty one removes it", () => {
    const before = /** @type {any} */ ({ a: [[0, 1]] });
    const both = brushesAfter(before, { parallelAxisId: "b", intervals: [[2, 1]] });
    assert.deepEqual(both, { a: [[0, 1]], b: [[1, 2]] });
    assert.deepEqual(brushesAfter(both, { parallelAxisId: "a", intervals: [] }), { b: [[1, 2]] });
  });
});

describe("curves", () => {
  const options = /** @type {any} */ ({ metric: "loss", x: "step", smoothing: 0, isLogX: false, isLogY: false });
  const curve = { index: 3, attempt: 1, step: [0, 1, 2], at: [10, 11, 12], value: [2, "NaN", 1] };

  test("a point for each finite value", () => {
    assert.deepEqual(pointsOf(curve, options), [[0, 2], [2, 1]]); // prettier-ignore
    assert.deepEqual(pointsOf(curve, { ...options, x: "time" }), [[0, 2], [2, 1]]); // prettier-ignore
    assert.deepEqual(pointsOf({ ...curve, value: [-1, 0, 10] }, { ...options, isLogY: true }), [[2, 1]]);
  });
  test("few curves are lines, many are bundles, and each is there", () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ ...curve, index }));
    const drawn = points(curvesChart(many, new Map([[1, 0.5]]), options, [], look)?.option, "lines");
    assert.deepEqual(new Set(drawn.map((/** @type {any} */ line) => line.index)).size, 100);
    const few = /** @type {any} */ (curvesChart(many.slice(0, 5), new Map(), options, [], look)?.option);
    assert.equal(few.series.length, 5);
  });
  test("curves without a finite value are counted", () => {
    const found = curvesChart([curve, { ...curve, value: ["NaN", "NaN", "NaN"] }], new Map(), options, [], look);
    assert.equal(found?.nHidden, 1);
    assert.equal(curvesChart([], new Map(), options, [], look), null);
  });
});

describe("forecasts", () => {
  test("each outcome is inside or outside the band as it is drawn", () => {
    const forecasts = [
      { index: 0, mean: 1, std: 0.1, value: 1.1 },
      { index: 1, mean: 1, std: 0.1, value: 1.3 },
      { index: 2, mean: 1, std: 0.1, value: null },
    ];
    const counts = (/** @type {number} */ scale) => {
      const option = /** @type {any} */ (forecastChart(aSweep(), forecasts, scale, look));
      return option.series.slice(1).map((/** @type {any} */ one) => one.data.length);
    };
    assert.deepEqual(counts(1), [1, 1]);
    assert.deepEqual(counts(2), [2, 0]);
  });
});

describe("the audit of early termination", () => {
  test("runs lie on the side of the threshold that decides about them", () => {
    const band = { step: 3, threshold: 1, kept: 1, stopped: 1, rank_correlation: 1, best_kept: 1, pairs: /** @type {any} */ ([[0.5, 0.4, 0], [2, 1.9, 1]]) }; // prettier-ignore
    const sizes = (/** @type {any} */ sweep) => /** @type {any} */ (bandChart(sweep, band, look)).series.map((/** @type {any} */ one) => one.data[0][2]); // prettier-ignore
    assert.deepEqual(sizes(aSweep()), [0, 1]);
    assert.deepEqual(sizes(aSweep({ metric: { name: "acc", goal: "maximize" } })), [1, 0]);
  });
});

describe("the timeline", () => {
  const earlier = [{ attempt: 1, agent: "a", host: "h", state: "preempted", started_at: 0, ended_at: 10 }];
  const some = [
    aRun(0, 1, { started_at: 20, ended_at: 30, agent: "a", attempt: 2, attempts: earlier }),
    aRun(1, null, { state: "crashed", started_at: 5, agent: "b", heard_at: 12, lease_end: 40 }),
    aRun(2, null, { state: "running", started_at: 50, agent: "b" }),
    aRun(3, null, { state: "pending" }),
  ];
  test("every attempt is a bar, none past its last word", () => {
    const found = attemptsOf(some, 100).map(({ index, attempt, from, to }) => [index, attempt, from, to]);
    assert.deepEqual(found, [[0, 1, 0, 10], [0, 2, 20, 30], [1, 1, 5, 12], [2, 1, 50, 100]]); // prettier-ignore
    const chart = timelineChart(attemptsOf(some, 100), 100, look);
    assert.equal(points(chart?.option, "custom").length, 4);
    assert.equal(timelineChart([], 0, look), null);
  });
  test("a lost attempt ends where its agent began another one", () => {
    const lost = aRun(4, null, { state: "crashed", started_at: 5, agent: "b", heard_at: 60 });
    const found = attemptsOf([lost, some[2]], 100).map(({ index, to }) => [index, to]);
    assert.deepEqual(found, [[4, 50], [2, 100]]); // prettier-ignore
  });
  test("gaps count as idle", () => assert.equal(busyShare(attemptsOf(some.slice(0, 1), 100)), 20 / 30));
  test("times are round", () => assert.equal(timeTicks(0, 3600, 7).length, 7));
});

describe("comparison", () => {
  test("the best so far is over runs that have ended, or over hours", () => {
    const some = aTable([aRun(0, 3, { started_at: 0, ended_at: 3600 }), aRun(1, 1, { started_at: 0, ended_at: 7200 })]);
    assert.deepEqual(progressOf(some, "runs"), [[1, 3], [2, 1]]); // prettier-ignore
    assert.deepEqual(progressOf(some, "hours"), [[1, 3], [2, 1]]); // prettier-ignore
    assert.ok(compareChart([some], "runs", look));
    assert.equal(compareChart([aTable([])], "runs", look), null);
  });
});

test("the cells of a contour cover it without gaps", () => {
  assert.deepEqual(edges([0, 1, 3], scales[0]), [0, 0.5, 2, 3]);
  const categorical = { ...scales[0], kind: /** @type {const} */ ("categorical") };
  assert.deepEqual(edges([0, 1], categorical), [-0.5, 0.5, 1.5]);
});

describe("addresses", () => {
  for (const hash of ["#/", "#/s/abc", "#/s/abc/curves?metric=a%26b", "#/s/abc/12", "#/compare?ids=a%2Cb"]) {
    test(`${hash} leads back to itself`, () => assert.equal(hashOf(parse(hash)), hash));
  }
  test("an address that makes no sense is the list", () => {
    for (const hash of ["", "#", "#/nowhere/x", "#/s/"]) assert.equal(parse(hash).view, "list");
    assert.equal(parse("#/s/%E0%A4%A/1").view, "run");
  });
});
