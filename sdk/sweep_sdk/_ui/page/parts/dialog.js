// A question before something is changed: it says what will happen.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text        what will happen
 * @property {string} button
 * @property {boolean=} isDanger
 * @property {Record<string, unknown>} request
 */

/**
 * @param {object} props
 * @param {Question | null} props.question
 * @param {(request: Record<string, unknown>) => Promise<string>} props.act
 * @param {(done: string | null) => void} props.onClose
 */
export function Dialog({ question, act, onClose }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    setProblem("");
    if (question && !box.current?.open) box.current?.showModal();
    if (!question && box.current?.open) box.current.close();
  }, [question]);
  const run = async () => {
    if (!question) return;
    setBusy(true);
    try {
      onClose(await act(question.request));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  return html`<dialog ref=${box} onClose=${() => question && onClose(null)} aria-labelledby="dialog-title">
    ${
      question
        ? html`<h2 id="dialog-title">${question.title}</h2>
            <p>${question.text}</p>
            ${problem ? html`<p class="failure" role="alert">${problem}</p>` : null}
            <div class="buttons">
              <button onClick=${() => onClose(null)}>Leave it as it is</button>
              <button class=${question.isDanger ? "danger" : "primary"} disabled=${isBusy} onClick=${run}>
                ${isBusy ? "Working…" : question.button}
              </button>
            </div>`
        : null
    }
  </dialog>`;
}
