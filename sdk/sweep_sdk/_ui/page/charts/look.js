// Colours and sizes of charts, from the page's style sheet.

/**
 * @typedef {object} Look
 * @property {string} text
 * @property {string} muted
 * @property {string} line
 * @property {string} surface
 * @property {string} accent
 * @property {string} faint
 * @property {string} font
 * @property {boolean} isDark
 * @property {boolean} isNarrow
 * @property {(name: string) => string} color    of a CSS variable
 */

/** @returns {Look} */
export function currentLook() {
  const style = getComputedStyle(document.documentElement);
  const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    text: color("--text"),
    muted: color("--muted"),
    line: color("--line"),
    surface: color("--surface"),
    accent: color("--accent"),
    faint: color("--faint"),
    font: color("--font"),
    isDark: color("--scheme") === "dark",
    isNarrow: innerWidth < 640,
    color,
  };
}

// viridis, without its two ends, which are hard to see on white and on black.
const VIRIDIS = [
  "#482173",
  "#433e85",
  "#38588c",
  "#2d708e",
  "#25858e",
  "#1e9b8a",
  "#2ab07f",
  "#52c569",
  "#86d549",
  "#c2df23",
];

/** The colour of goodness, from 0 (worst) to 1 (best). */
/** @param {number | undefined} share @param {Look} look */
export function goodnessColor(share, look) {
  if (share === undefined) return look.faint;
  // on white the best ones must be dark, on black light
  const place = look.isDark ? share : 1 - share;
  return VIRIDIS[Math.min(VIRIDIS.length - 1, Math.max(0, Math.floor(place * VIRIDIS.length)))];
}

/** The colours of a scale from bad to good. */
/** @param {Look} look */
export function goodnessRamp(look) {
  return look.isDark ? VIRIDIS : [...VIRIDIS].reverse();
}

/** For series that are distinguished by more than their colour. */
/** @param {number} place @param {Look} look */
export function seriesColor(place, look) {
  const colors = look.isDark
    ? ["#6ea8ff", "#f0b541", "#3ccf9f", "#d08bea", "#58c6d8", "#ff8f7d", "#b9c4d0"]
    : ["#2f6fde", "#b87400", "#0a8f6c", "#8b3fa8", "#0f7f92", "#c8372d", "#4b5563"];
  return colors[place % colors.length];
}
