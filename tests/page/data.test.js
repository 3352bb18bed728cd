// The pure parts of the page: texts, statistics, filters, tables.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { csvOf } from "../../sdk/sweep_sdk/_ui/page/data/csv.js";
import { factsOf, planned } from "../../sdk/sweep_sdk/_ui/page/data/facts.js";
import { brushed, brushText, filtered, METRIC_AXIS, parseBrushes } from "../../sdk/sweep_sdk/_ui/page/data/filter.js";
import * as format from "../../sdk/sweep_sdk/_ui/page/data/format.js";
import { scalesOf, searched } from "../../sdk/sweep_sdk/_ui/page/data/space.js";
import { quantile, rankCorrelation, ranks, smoothed } from "../../sdk/sweep_sdk/_ui/page/data/stats.js";
import { merged } from "../../sdk/sweep_sdk/_ui/page/data/table.js";
import * as values from "../../sdk/sweep_sdk/_ui/page/data/values.js";
import { yamlOf } from "../../sdk/sweep_sdk/_ui/page/data/yaml.js";
import { aRun, aSweep, aTable } from "./samples.js";

describe("texts", () => {
  const numbers = /** @type {[number, string][]} */ ([
    [0, "0"],
    [0.1, "0.1"],
    [0.26369123, "0.2637"],
    [1163.4, "1,163"],
    [10000, "10,000"],
    [1234567.8, "1.23e6"],
    [1e300, "1e300"],
    [0.00001, "1e-5"],
    [-0.5, "−0.5"],
    [NaN, "NaN"],
    [Infinity, "∞"],
    [-Infinity, "−∞"],
  ]);
  for (const [value, text] of numbers) test(`${value} is ${text}`, () => assert.equal(format.number(value), text));

  test("durations have two units at most", () => {
    const found = [0.2, 3.21, 45, 61, 3600, 3 * 86400 + 7200].map((seconds) => format.duration(seconds));
    assert.deepEqual(found, ["200 ms", "3.2 s", "45 s", "1 min 1 s", "1 h", "3 d 2 h"]);
    assert.equal(format.duration(null), "–");
    assert.equal(format.duration(59.9), "60 s");
  });

  test("texts of JSON for numbers that it lacks are numbers", () => {
    assert.ok(Number.isNaN(format.toNumber("NaN")));
    assert.equal(format.toNumber("-Infinity"), -Infinity);
    assert.equal(format.toNumber("7"), null);
    assert.equal(format.toNumber(null), null);
  });

  test("a configuration becomes arguments that a shell reads as they are", () => {
    const config = { lr: 0.1, name: "it's a $HOME", layers: [1, 2], flag: true };
    assert.equal(format.asArguments(config), `--lr=0.1 --name='it'\\''s a $HOME' --layers='[1,2]' --flag=true`);
  });

  test("a configuration becomes YAML", () => {
    assert.equal(format.asYaml({ lr: 0.1, "a b": "yes" }), 'lr: 0.1\n"a b": "yes"\n');
    const config = { method: "bayes", metric: { name: "loss" }, command: ["a", "${env}"], odd: "no" };
    assert.equal(yamlOf(config), 'method: bayes\nmetric: {name: loss}\ncommand: [a, "${env}"]\nodd: "no"\n');
    assert.equal(yamlOf({ max: { $number: "Infinity" } }), "max: .inf\n");
  });
});

describe("statistics", () => {
  test("quantiles lie between the values", () => assert.equal(quantile([4, 1, 2, 3, NaN], 0.5), 2.5));
  test("equal values share a rank", () => assert.deepEqual(ranks([5, 1, 5]), [2.5, 1, 2.5]));
  test("the rank correlation is that of the ranks", () => {
    assert.equal(rankCorrelation([1, 2, 3], [10, 100, 1000]), 1);
    assert.equal(rankCorrelation([1, 2, 3], [3, 2, 1]), -1);
    assert.equal(rankCorrelation([1, 1, 1], [3, 2, 1]), null);
  });
  test("smoothing starts at the first value and passes gaps over", () => {
    assert.deepEqual(smoothed([4, 4, NaN, 4], 0.9), [4, 4, NaN, 4]);
    assert.equal(smoothed([0, 1], 0.5)[1], 0.5 / 0.75);
  });
});

describe("tables", () => {
  const document = (/** @type {any} */ more) => ({
    sweep: aSweep(), revision: "a.1", whole: true, now: 10, trouble: null,
    fields: { index: [0, 1], state: ["finished", "running"], best: [1, "NaN"] },
    config: { lr: [0.1, null], cap: [{ $number: "Infinity" }, null] }, summary: { loss: [1, "NaN"] }, attributes: {},
    ...more,
  }); // prettier-ignore

  test("runs have what the columns hold", () => {
    const { runs } = merged(null, document({}));
    assert.deepEqual(runs[0].config, { lr: 0.1, cap: Infinity });
    assert.deepEqual(runs[1].config, {});
    assert.ok(Number.isNaN(runs[1].best));
  });

  test("no news leave the same table, so that nothing is drawn again", () => {
    const table = merged(null, document({}));
    assert.equal(merged(table, document({ whole: false, fields: {}, config: {}, summary: {} })), table);
  });

  test("news replace runs and add new ones in the order of the index", () => {
    const table = merged(null, document({}));
    const fields = { index: [2, 1], state: ["running", "finished"], best: [null, 3] };
    const next = merged(
      table,
      document({ whole: false, revision: "a.2", fields, config: { depth: [1, 2] }, summary: {} }),
    );
    assert.deepEqual(next.runs.map((run) => [run.index, run.state]), [[0, "finished"], [1, "finished"], [2, "running"]]); // prettier-ignore
    assert.deepEqual(next.names, ["lr", "cap", "depth"]);
    assert.equal(next.revision, "a.2");
  });

  test("a whole table takes the place of what was known", () => {
    const next = merged(
      merged(null, document({})),
      document({ fields: { index: [5], state: ["failed"] }, config: {}, summary: {} }),
    );
    assert.deepEqual(next.runs.map((run) => run.index), [5]); // prettier-ignore
  });
});

describe("values", () => {
  const runs = [
    aRun(0, 3),
    aRun(1, 1, { state: "failed" }),
    aRun(2, 2),
    aRun(3, NaN),
    aRun(4, null, { state: "pending" }),
  ];

  test("failed, waiting and diverged runs are not the best", () => {
    assert.equal(values.bestRun(runs, aSweep())?.index, 2);
    assert.equal(values.bestRun(runs, aSweep({ metric: { name: "loss", goal: "maximize" } }))?.index, 0);
    assert.equal(values.bestRun([], aSweep()), null);
  });

  test("the best so far never gets worse", () => {
    const found = values.bestSoFar([aRun(0, 3), aRun(1, 5), aRun(2, 2)], aSweep());
    assert.deepEqual(found, [[0, 3], [1, 3], [2, 2]]); // prettier-ignore
  });

  test("goodness is by rank, from 0 to 1", () => {
    const found = values.goodness([aRun(0, 1), aRun(1, 1e300), aRun(2, 2)], aSweep());
    assert.deepEqual([0, 1, 2].map((index) => found.get(index)), [1, 0, 0.5]); // prettier-ignore
  });

  test("a few diverged runs do not flatten an axis, and are counted", () => {
    const many = Array.from({ length: 100 }, (_, i) => i / 100);
    const found = values.limits([...many, 1e6, NaN, Infinity], aSweep());
    assert.ok(found && found.max < 10);
    assert.equal(found?.nOutside, 3);
    assert.equal(values.limits([NaN], aSweep()), null);
  });

  test("the limits hold all values where there are few or one", () => {
    const found = values.limits([5], aSweep());
    assert.ok(found && found.min < 5 && found.max > 5);
  });
});

describe("facts", () => {
  test("the number of runs is the smallest bound", () => {
    assert.equal(planned(aSweep({ run_cap: 20, grid_points: 12 })), 12);
    assert.equal(planned(aSweep()), null);
  });

  test("the pace gives the time that is left", () => {
    const runs = [0, 1, 2, 3].map((i) => aRun(i, 10 - i, { started_at: i * 60, ended_at: (i + 1) * 60 }));
    const facts = factsOf(aTable(runs, { run_cap: 6, state: "running" }), 240);
    assert.equal(facts.runsPerHour, 60);
    assert.equal(facts.secondsLeft, 120);
    assert.equal(facts.secondsPerRun, 60);
    assert.equal(facts.bestAge, 0);
    assert.equal(facts.recentImprovements, 4);
  });

  test("nothing is foretold of a sweep without ends or without a bound", () => {
    assert.equal(factsOf(aTable([]), 0).secondsLeft, null);
    assert.equal(factsOf(aTable([]), 0).bestAge, null);
  });
});

describe("the search space", () => {
  const config = {
    parameters: {
      lr: { distribution: "log_uniform_values", min: 1e-5, max: 1e-1 },
      layers: { distribution: "int_uniform", min: 1, max: 4 },
      optimizer: { distribution: "categorical", values: ["sgd", "adam"] },
      batch: { distribution: "categorical", values: [64, 16, 32] },
      seed: { value: 3 },
      model: { parameters: { depth: { distribution: "uniform", min: 0, max: 1 } } },
    },
  };
  const scales = scalesOf(aSweep({ config }), [aRun(0, 1, { config: { optimizer: "odd" } })]);
  const scale = (/** @type {string} */ name) => {
    const found = scales.find((other) => other.name === name);
    assert.ok(found);
    return found;
  };

  test("fixed values are no parameters, nested ones have dotted names", () => {
    assert.deepEqual(searched(config).map(({ name }) => name), ["lr", "layers", "optimizer", "batch", "model.depth"]); // prettier-ignore
  });
  test("the law of the sweep decides the scale", () => {
    assert.deepEqual(["lr", "layers", "optimizer", "model.depth"].map((name) => scale(name).kind), ["log", "integer", "categorical", "linear"]); // prettier-ignore
    assert.deepEqual([scale("lr").min, scale("lr").max], [-5, -1]);
  });
  test("listed numbers are in order of size, and values from elsewhere have a place too", () => {
    assert.deepEqual(scale("batch").categories, [16, 32, 64]);
    assert.deepEqual(scale("optimizer").categories, ["sgd", "adam", "odd"]);
  });
  test("positions lead back to values", () => {
    assert.ok(Math.abs(Number(scale("lr").valueAt(scale("lr").place(0.003))) - 0.003) < 1e-12);
    assert.equal(scale("optimizer").valueAt(scale("optimizer").place("adam")), "adam");
    assert.ok(Number.isNaN(scale("lr").place("text")));
    assert.ok(Number.isNaN(scale("optimizer").place("unknown")));
  });
});

describe("filters", () => {
  const config = {
    parameters: { lr: { distribution: "log_uniform_values", min: 0.001, max: 1 }, opt: { values: ["a", "b"] } },
  };
  const runs = [
    aRun(0, 3, { config: { lr: 0.01, opt: "a" } }),
    aRun(1, 1, { config: { lr: 0.1, opt: "b" }, state: "failed" }),
    aRun(12, 2, { config: { lr: 1, opt: "b" }, stopped_early: true }),
  ];
  const sweep = aSweep({ config });
  const indices = (/** @type {any[]} */ found) => found.map((run) => run.index);
  const cases = /** @type {[string, number[]][]} */ ([
    ["", [0, 1, 12]],
    ["failed", [1]],
    ["12", [12]],
    ["lr<0.1", [0]],
    ["lr<=0.1 opt=b", [1]],
    ["opt!=a", [1, 12]],
    ["state=stopped", [12]],
    ["loss>1", [0, 12]],
    ["nothing=1", []],
  ]);
  for (const [text, wanted] of cases) {
    test(`'${text}' finds ${wanted.length}`, () => assert.deepEqual(indices(filtered(runs, text, sweep)), wanted));
  }

  test("brushes select by position, of the metric too", () => {
    const scales = scalesOf(sweep, runs);
    assert.deepEqual(indices(brushed(runs, { lr: [[-2.5, -0.5]] }, scales, sweep)), [0, 1]);
    assert.deepEqual(indices(brushed(runs, { lr: [[-2.5, -0.5]], [METRIC_AXIS]: [[0, 2]] }, scales, sweep)), [1]);
    assert.deepEqual(indices(brushed(runs, { gone: [[0, 1]] }, scales, sweep)), []);
  });

  test("brushes survive the address", () => {
    const brushes = /** @type {any} */ ({ "a:b;c|d": [[0.5, 1.25], [2, 3]], [METRIC_AXIS]: [[-1e-7, 1e300]] }); // prettier-ignore
    assert.deepEqual(parseBrushes(brushText(brushes)), brushes);
    assert.deepEqual(parseBrushes("lr:x..y;%E0:1..2;;lr"), { "%E0": [[1, 2]] });
  });
});

describe("CSV", () => {
  test("it is what the command line writes", () => {
    const run = aRun(0, 0.5, {
      config: { lr: 1e-5, name: 'a "b", c' },
      summary: { loss: 0.5 },
      started_at: 1.5,
      ended_at: 2,
    });
    const [head, line] = csvOf([run], aTable([run]))
      .trimEnd()
      .split("\n");
    assert.equal(head, "id,index,state,sweep,attempt,exit_code,signal,stopped_early,best,agent,host,created_at,started_at,ended_at,config.lr,config.name,summary.loss"); // prettier-ignore
    assert.equal(line, 's1-0,0,finished,s1,1,,,False,0.5,,,,1970-01-01T00:00:01.500+00:00,1970-01-01T00:00:02.000+00:00,1e-05,"a ""b"", c",0.5'); // prettier-ignore
  });
});
