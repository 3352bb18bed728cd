// Tooltips, made of nodes with text: names and values come from programs, and none is ever markup.

/**
 * @param {string} title
 * @param {[string, string][]} pairs
 * @param {string} [foot]
 */
export function tip(title, pairs, foot = "") {
  const box = document.createElement("div");
  box.className = "tip";
  box.append(element("strong", title));
  const list = element("dl", "");
  for (const [name, value] of pairs) list.append(element("dt", name), element("dd", value));
  box.append(list);
  if (foot) box.append(element("p", foot));
  return box;
}

/** @param {string} kind @param {string} text */
function element(kind, text) {
  const found = document.createElement(kind);
  found.textContent = text;
  return found;
}

/** Settings of the library's tooltip, whose content is what `content` makes of an event. */
/** @param {(event: any) => HTMLElement | null} content @param {Record<string, unknown>} [more] */
export function tooltip(content, more = {}) {
  return {
    show: true,
    trigger: "item",
    confine: true,
    transitionDuration: 0,
    backgroundColor: "transparent",
    borderWidth: 0,
    padding: 0,
    extraCssText: "box-shadow:none",
    formatter: (/** @type {any} */ event) => content(event) ?? "",
    ...more,
  };
}
