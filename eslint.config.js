// The rules for the dashboard's page: what the recommended ones say, and the layers of its folders.

import js from "@eslint/js";
import globals from "globals";

/** @param {string[]} folders that may not be imported */
const without = (folders) => ({
  "no-restricted-imports": ["error", { patterns: folders.map((name) => `**/${name}/*`) }],
});

const page = "sdk/sweep_sdk/_ui/page";

export default [
  { ignores: ["**/vendor/**"] },
  js.configs.recommended,
  {
    files: [`${page}/**/*.js`],
    languageOptions: { globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-console": "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "dangerouslySetInnerHTML"].map((property) => ({
          property,
          message: "Data is never markup: use text.",
        })),
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "Literal[value='dangerouslySetInnerHTML']", message: "Data is never markup." },
      ],
    },
  },
  { files: [`${page}/data/*.js`], rules: without(["source", "charts", "parts", "views", "vendor"]) },
  { files: [`${page}/source/*.js`], rules: without(["charts", "parts", "views", "vendor"]) },
  { files: [`${page}/charts/*.js`], rules: without(["source", "parts", "views"]) },
  { files: [`${page}/parts/*.js`], rules: without(["views"]) },
  {
    files: [`${page}/charts/*.js`],
    ignores: [`${page}/charts/chart.js`],
    rules: without(["source", "parts", "views", "vendor"]),
  },
  { files: ["tests/page/*.js", "eslint.config.js"], languageOptions: { globals: globals.node } },
];
