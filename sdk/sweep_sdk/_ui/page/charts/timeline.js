// When agents worked on what: a lane for each agent, a bar for each attempt.

import { clock, duration } from "../data/format.js";
import { isAtWork, RUN_STATES, shownState } from "../data/states.js";
import { axisStyle, niceTicks } from "./axes.js";
import { tip, tooltip } from "./tip.js";

/**
 * @typedef {object} Attempt
 * @property {number} index
 * @property {number} attempt
 * @property {string} agent
 * @property {string} state
 * @property {number} from
 * @property {number} to        the end, or when an attempt without one was last heard from
 */

/**
 * Every attempt of every run.
 * @param {import("../data/table.js").Run[]} runs
 * @param {number} now
 * @returns {Attempt[]}
 */
export function attemptsOf(runs, now) {
  return withoutOverlap(everyAttempt(runs, now));
}

/**
 * An agent that was lost has not worked on a run any more once it had another one, although the
 * lease went on for a while.
 * @param {Attempt[]} attempts
 */
function withoutOverlap(attempts) {
  /** @type {Map<string, number[]>} */
  const beginnings = new Map();
  for (const { agent, from } of attempts) beginnings.get(agent)?.push(from) ?? beginnings.set(agent, [from]);
  return attempts.map((attempt) => {
    if (attempt.state !== "crashed") return attempt;
    const next = (beginnings.get(attempt.agent) ?? []).filter((from) => from > attempt.from && from < attempt.to);
    return { ...attempt, to: next.reduce((a, b) => Math.min(a, b), attempt.to) };
  });
}

/** @param {import("../data/table.js").Run[]} runs @param {number} now @returns {Attempt[]} */
function everyAttempt(runs, now) {
  return runs.flatMap((run) => {
    const earlier = (run.attempts ?? []).flatMap((/** @type {any} */ entry) =>
      typeof entry.started_at === "number"
        ? [
            {
              index: run.index,
              attempt: entry.attempt,
              agent: entry.agent || entry.host || "unknown",
              state: entry.state,
              from: entry.started_at,
              to: Math.max(entry.started_at, entry.ended_at ?? entry.started_at),
            },
          ]
        : [],
    );
    const from = /** @type {any} */ (run).attempt_started_at ?? run.started_at;
    if (typeof from !== "number" || run.state === "pending") return earlier;
    return [
      ...earlier,
      {
        index: run.index,
        attempt: run.attempt,
        agent: run.agent || run.host || "unknown",
        state: shownState(run),
        from,
        to: Math.max(from, lastWord(run, now)),
      },
    ];
  });
}

/** The end of a run, or when it was last heard from. */
/** @param {import("../data/table.js").Run} run @param {number} now */
function lastWord(run, now) {
  if (run.ended_at !== null && run.ended_at !== undefined) return run.ended_at;
  if (isAtWork(run.state)) return now;
  return Math.min(now, run.heard_at ?? run.lease_end ?? 0); // 0: not known; the bar is a mere mark
}

const LANE = 22;
const MOST_LANES = 60;

/**
 * @param {Attempt[]} attempts
 * @param {number} now
 * @param {import("./look.js").Look} look
 */
export function timelineChart(attempts, now, look) {
  if (attempts.length === 0) return null;
  const firstOf = new Map();
  for (const { agent, from } of attempts) firstOf.set(agent, Math.min(firstOf.get(agent) ?? Infinity, from));
  const agents = [...firstOf.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const shown = agents.slice(0, MOST_LANES);
  const lane = new Map(shown.map((agent, place) => [agent, place]));
  const bars = attempts.filter(({ agent }) => lane.has(agent));
  const from = bars.reduce((least, bar) => Math.min(least, bar.from), Infinity);
  const to = bars.reduce((most, bar) => Math.max(most, bar.to), -Infinity);
  const span = Math.max(to - from, 1);
  const style = axisStyle(look);
  return {
    height: shown.length * LANE + 70,
    nLeftOut: agents.length - shown.length,
    option: {
      grid: { left: look.isNarrow ? 92 : 150, right: 18, top: 10, bottom: 52 },
      xAxis: {
        ...style,
        type: "value",
        min: from - span * 0.005,
        max: to + span * 0.005,
        name: "time",
        nameGap: 28,
        axisLabel: {
          ...style.axisLabel,
          customValues: timeTicks(from, to, look.isNarrow ? 3 : 7),
          formatter: (/** @type {number} */ at) => clock(at, now),
        },
        axisTick: { show: false, customValues: timeTicks(from, to, look.isNarrow ? 3 : 7) },
      },
      yAxis: {
        type: "category",
        inverse: true,
        data: shown.map((agent) => (agent.length > 20 ? `${agent.slice(0, 19)}…` : agent)),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: look.muted, fontSize: 11, fontFamily: look.font, interval: 0 },
        splitLine: { show: true, lineStyle: { color: look.line } },
      },
      dataZoom: [{ type: "inside", filterMode: "weakFilter", zoomOnMouseWheel: "ctrl" }],
      tooltip: tooltip((event) => {
        const bar = bars[event.dataIndex];
        if (!bar) return null;
        return tip(
          `Run ${bar.index}, attempt ${bar.attempt}`,
          [
            ["agent", bar.agent],
            ["state", RUN_STATES[bar.state]?.label ?? bar.state],
            ["from", clock(bar.from, now)],
            ["for", duration(bar.to - bar.from)],
          ],
          "Click to open",
        );
      }),
      series: [
        {
          type: "custom",
          progressive: 0,
          clip: true,
          encode: { x: [0, 1], y: 2 },
          data: bars.map((bar) => ({ value: [bar.from, bar.to, lane.get(bar.agent)], index: bar.index })),
          renderItem: (/** @type {any} */ params, /** @type {any} */ api) =>
            barShape(bars[params.dataIndex], api, look),
        },
      ],
    },
  };
}

/** A bar whose left end has the mark of its state: shapes distinguish states where colours do not. */
/** @param {Attempt} bar @param {any} api @param {import("./look.js").Look} look */
function barShape(bar, api, look) {
  const [left, y] = api.coord([api.value(0), api.value(2)]);
  const right = api.coord([api.value(1), api.value(2)])[0];
  const width = Math.max(right - left - 0.5, 1);
  const kind = RUN_STATES[bar.state] ?? RUN_STATES.finished;
  const height = 14;
  const fill = look.color(kind.color);
  const children = [
    {
      type: "rect",
      shape: { x: left, y: y - height / 2, width, height, r: Math.min(3, width / 2) },
      style: { fill, opacity: bar.state === "running" ? 0.75 : 1 },
    },
  ];
  if (width > 16) {
    children.push(
      /** @type {any} */ ({
        type: "path",
        shape: { pathData: kind.path, x: left + 4, y: y - 4, width: 8, height: 8 },
        style: { fill: look.surface, opacity: 0.9 },
      }),
    );
  }
  return { type: "group", children };
}

const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
];

/** Round times of day. */
/** @param {number} from @param {number} to @param {number} n */
export function timeTicks(from, to, n) {
  const step = STEPS.find((seconds) => (to - from) / seconds <= n);
  if (step === undefined) return niceTicks(from, to, n);
  const shift = new Date(from * 1000).getTimezoneOffset() * 60;
  const ticks = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) ticks.push(at);
  return ticks;
}
