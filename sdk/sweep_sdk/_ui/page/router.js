// The page's place, which is its address after the `#`: everything that is shown has one.

import { useEffect, useState } from "./vendor/preact-htm.js";

/**
 * @typedef {object} Route
 * @property {"list" | "sweep" | "run" | "compare"} view
 * @property {string} sweep
 * @property {string} tab
 * @property {number} index
 * @property {Record<string, string>} query
 */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, search = ""] = hash.replace(/^#/, "").split("?", 2);
  const [first, sweep = "", third = ""] = path.split("/").filter(Boolean).map(decoded);
  const query = Object.fromEntries(new URLSearchParams(search));
  if (first === "compare") return { view: "compare", sweep: "", tab: "", index: -1, query };
  if (first !== "s" || !sweep) return { view: "list", sweep: "", tab: "", index: -1, query };
  if (/^\d+$/.test(third)) return { view: "run", sweep, tab: "", index: Number(third), query };
  return { view: "sweep", sweep, tab: third || "overview", index: -1, query };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {Partial<Route>} route */
export function hashOf(route) {
  const known = Object.entries(route.query ?? {}).filter(([, value]) => value !== "");
  const search = new URLSearchParams(known).toString();
  const path =
    route.view === "compare"
      ? "compare"
      : route.view === "run"
        ? `s/${encodeURIComponent(route.sweep ?? "")}/${route.index}`
        : route.view === "sweep"
          ? `s/${encodeURIComponent(route.sweep ?? "")}${route.tab && route.tab !== "overview" ? `/${route.tab}` : ""}`
          : "";
  return `#/${path}${search ? `?${search}` : ""}`;
}

/** @type {Set<() => void>} */
const listeners = new Set();
let current = "";

/**
 * Go to a place. In a notebook's frame the address cannot be changed, so it is kept here as well.
 * @param {string} hash
 * @param {boolean} [isReplacing]   whether the Back button passes this step over
 */
export function navigate(hash, isReplacing = false) {
  if (hash === current) return;
  current = hash;
  try {
    history[isReplacing ? "replaceState" : "pushState"](null, "", hash);
  } catch {
    // a frame without an address of its own
  }
  for (const listener of listeners) listener();
}

/**
 * Start to follow the address.
 * @param {string} [home]   the place to show where the address names none
 */
export function start(home = "#/") {
  const read = () => {
    current = location.hash || home;
    for (const listener of listeners) listener();
  };
  read();
  addEventListener("hashchange", read);
  addEventListener("popstate", read);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href^='#/']") : null;
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
      return;
    event.preventDefault();
    navigate(link.getAttribute("href") ?? "#/");
    scrollTo(0, 0);
  });
}

/** @returns {Route} */
export function useRoute() {
  const [hash, setHash] = useState(current);
  useEffect(() => {
    const listener = () => setHash(current);
    listeners.add(listener);
    listener();
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return parse(hash);
}

/**
 * Change some of the values behind the `?`, without a step for the Back button.
 * @param {Record<string, string>} values   "" removes one
 */
export function setQuery(values) {
  const route = parse(current);
  navigate(hashOf({ ...route, query: { ...route.query, ...values } }), true);
}
