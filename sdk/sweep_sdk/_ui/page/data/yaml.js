// A sweep's configuration as YAML, for reading.

/**
 * @param {unknown} value
 * @param {string} [indent]
 * @returns {string} lines, each with its line break
 */
export function yamlOf(value, indent = "") {
  return Object.entries(/** @type {Record<string, unknown>} */ (value))
    .map(([name, item]) => `${indent}${keyOf(name)}:${below(item, indent)}`)
    .join("");
}

/** @param {unknown} item @param {string} indent */
function below(item, indent) {
  if (isMap(item)) {
    const inline = flow(item);
    return inline.length <= 60 && !Object.values(item).some(isMap)
      ? ` ${inline}\n`
      : `\n${yamlOf(item, `${indent}  `)}`;
  }
  if (Array.isArray(item) && flow(item).length > 90)
    return `\n${item.map((one) => `${indent}  - ${flow(one)}\n`).join("")}`;
  return ` ${flow(item)}\n`;
}

/** @param {unknown} item @returns {item is Record<string, unknown>} */
function isMap(item) {
  return (
    item !== null &&
    typeof item === "object" &&
    !Array.isArray(item) &&
    Object.keys(item).length > 0 &&
    !("$number" in item)
  );
}

/** @param {unknown} item @returns {string} */
function flow(item) {
  if (Array.isArray(item)) return `[${item.map(flow).join(", ")}]`;
  if (item !== null && typeof item === "object" && "$number" in item) {
    return (
      /** @type {Record<string, string>} */ ({ NaN: ".nan", Infinity: ".inf", "-Infinity": "-.inf" })[
        String(item.$number)
      ] ?? "null"
    );
  }
  if (isMap(item))
    return `{${Object.entries(item)
      .map(([name, one]) => `${keyOf(name)}: ${flow(one)}`)
      .join(", ")}}`;
  if (typeof item === "string" && isPlain(item)) return item;
  return JSON.stringify(item) ?? "null";
}

/** @param {string} name */
function keyOf(name) {
  return isPlain(name) ? name : JSON.stringify(name);
}

/** Whether YAML reads a text as itself without quotes. */
/** @param {string} text */
function isPlain(text) {
  return (
    /^[A-Za-z_$./][\w.${}/-]*$/.test(text) &&
    !/^(true|false|null|yes|no|on|off|y|n|\.nan|\.inf)$/i.test(text) &&
    !/[{}]/.test(text)
  );
}
