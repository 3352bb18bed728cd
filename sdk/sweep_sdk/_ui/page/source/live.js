// The data of a running server, asked for over HTTP.

/** An answer that says why there is no data; its text is for people. */
export class Problem extends Error {
  /**
   * @param {string} text
   * @param {number} status
   */
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

/** @param {Response} answer */
async function read(answer) {
  const document = await answer.json().catch(() => null);
  if (answer.ok && document !== null) return document;
  throw new Problem(document?.problem ?? `The dashboard's server answers ${answer.status}.`, answer.status);
}

/** @param {string} path @param {Record<string, string | undefined>} [query] */
async function get(path, query = {}) {
  const known = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(/** @type {[string, string][]} */ (known)).toString();
  return read(await reach(`data/${path}${search ? `?${search}` : ""}`));
}

/** @param {string} address @param {RequestInit} [options] */
async function reach(address, options) {
  try {
    return await fetch(address, { credentials: "same-origin", ...options });
  } catch {
    throw new Problem("The dashboard's server does not answer: 'sweep-sdk ui' may have ended.", 0);
  }
}

/**
 * @param {boolean} canAct
 * @returns {import("./types.js").Source}
 */
export function liveSource(canAct) {
  const of = (/** @type {string} */ id) => `sweeps/${encodeURIComponent(id)}`;
  return {
    isLive: true,
    canAct,
    title: "",
    sweeps: () => get("sweeps"),
    glances: (ids) => get("glances", { ids: ids.join(",") }),
    table: (id, since) => get(`${of(id)}/table`, { since }),
    curves: (id, metric, indices, points) =>
      get(`${of(id)}/curves`, { metric, index: indices.join(","), points: String(points) }),
    model: (id, x, y) => get(`${of(id)}/model`, { x, y }),
    bands: (id) => get(`${of(id)}/bands`),
    run: (id, index) => get(`${of(id)}/runs/${index}`),
    events: (id) => get(`${of(id)}/events`),
    act: async (request) => {
      const headers = { "content-type": "application/json" };
      const answer = await reach("do", { method: "POST", headers, body: JSON.stringify(request) });
      return (await read(answer)).done;
    },
  };
}

/** @returns {Promise<import("./types.js").Source>} */
export async function connect() {
  const about = await get("about");
  return liveSource(!about.read_only);
}
