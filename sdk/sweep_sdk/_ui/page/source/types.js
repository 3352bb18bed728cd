// What the page asks for and what it gets; the one description of both data sources.
// Documents are plain JSON, as sweep_sdk/_ui/keeper.py describes them.

/**
 * @typedef {object} Metric
 * @property {string} name
 * @property {"minimize" | "maximize"} goal
 * @property {number=} target
 */

/**
 * A sweep as the backend lists it; `config` only where one sweep was asked for.
 * @typedef {object} Sweep
 * @property {string} id
 * @property {string | null} project
 * @property {string | null} name
 * @property {string} state
 * @property {string} method
 * @property {Metric | null} metric
 * @property {number | null} grid_points
 * @property {number | null} run_cap
 * @property {number | null} limit
 * @property {number} n_handed_out
 * @property {number} created_at
 * @property {Record<string, any>=} config
 * @property {number=} config_version
 * @property {string[]=} tags
 * @property {string=} notes
 * @property {{counts: Record<string, number>, best: any} | null=} final
 */

/**
 * @typedef {object} Glance
 * @property {string} state
 * @property {Record<string, number>} counts
 * @property {{id: string, index: number, best: number} | null} best
 */

/**
 * Runs in columns: all of them, or those that have changed since an earlier revision.
 * @typedef {object} TableDocument
 * @property {Sweep} sweep
 * @property {string} revision
 * @property {boolean} whole
 * @property {number} now            seconds since the epoch
 * @property {{since: number, text: string} | null} trouble
 * @property {Record<string, any[]>} fields
 * @property {Record<string, any[]>} config
 * @property {Record<string, any[]>} summary
 * @property {Record<string, any[]>} attributes
 */

/**
 * @typedef {object} Curve
 * @property {number} index
 * @property {number | null} attempt
 * @property {(number | null)[]} step
 * @property {(number | null)[]} at
 * @property {(number | string)[]} value
 */

/**
 * @typedef {object} Slice
 * @property {string} name
 * @property {"linear" | "log" | "integer" | "categorical"} scale
 * @property {any[]} x
 * @property {number[]} mean
 * @property {number[]} low
 * @property {number[]} high
 */

/**
 * @typedef {object} ModelDocument
 * @property {number} runs
 * @property {{name: string, importance: number, correlation: number | null}[]} importance
 * @property {Slice[]} slices
 * @property {{x: {name: string, values: any[]}, y: {name: string, values: any[]}, mean: number[][]} | null} contour
 * @property {{config: Record<string, any>, mean: number, low: number, high: number} | null} suggested
 * @property {{index: number, mean: number, std: number, value: number, reason?: string}[]} forecasts
 * @property {{n: number, inside: number, scale: number} | null} coverage
 * @property {string | null=} reason_missing
 */

/**
 * @typedef {object} Band
 * @property {number} step
 * @property {number | null} threshold
 * @property {number} kept
 * @property {number} stopped
 * @property {number | null} rank_correlation
 * @property {number | null} best_kept
 * @property {[number, number, number][]} pairs
 */

/**
 * @typedef {object} BandsDocument
 * @property {Band[]} bands
 * @property {number | null} steps_run
 * @property {number | null} steps_saved
 */

/**
 * Where the page's data comes from: the server of `sweep-sdk ui`, or the report that holds the page.
 * @typedef {object} Source
 * @property {boolean} isLive        whether there may be news
 * @property {boolean} canAct        whether actions are possible
 * @property {string} title          what this is, if it is no dashboard
 * @property {() => Promise<{items: Sweep[], now: number}>} sweeps
 * @property {(ids: string[]) => Promise<Record<string, Glance>>} glances
 * @property {(id: string, since?: string) => Promise<TableDocument>} table
 * @property {(id: string, metric: string, indices: number[], points: number) => Promise<{runs: Curve[]}>} curves
 * @property {(id: string, x?: string, y?: string) => Promise<ModelDocument>} model
 * @property {(id: string) => Promise<BandsDocument>} bands
 * @property {(id: string, index: number) => Promise<any>} run
 * @property {(id: string) => Promise<{items: any[]}>} events
 * @property {(request: Record<string, unknown>) => Promise<string>} act
 */

export {};
