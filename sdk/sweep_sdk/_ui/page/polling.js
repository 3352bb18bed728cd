// Asking for news, only while the page is visible.

import { useEffect, useRef, useState } from "./vendor/preact-htm.js";

const SECONDS = 2.5;

/**
 * What `ask` answers: once, and again every few seconds while the page is visible and `isLive`.
 * An error leaves the last answer in place.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {unknown[]} inputs       ask afresh when one of them changes
 * @param {{isLive: boolean, seconds?: number}} options
 * @returns {{answer: T | null, error: Error | null, again: () => void}}
 */
export function usePolled(ask, inputs, { isLive, seconds = SECONDS }) {
  const [state, setState] = useState(
    /** @type {{answer: T | null, error: Error | null}} */ ({ answer: null, error: null }),
  );
  const kick = useRef(() => {});
  useEffect(() => {
    let isGone = false;
    let isAsking = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const next = () => {
      clearTimeout(timer);
      if (!isGone && isLive && document.visibilityState === "visible") timer = setTimeout(run, seconds * 1000);
    };
    const run = async () => {
      if (isAsking || isGone) return;
      isAsking = true;
      try {
        const answer = await ask();
        if (!isGone) setState((last) => (last.answer === answer && !last.error ? last : { answer, error: null }));
      } catch (error) {
        if (!isGone) setState((last) => ({ ...last, error: /** @type {Error} */ (error) }));
      }
      isAsking = false;
      next();
    };
    const onVisible = () => (document.visibilityState === "visible" ? run() : clearTimeout(timer));
    setState({ answer: null, error: null });
    run();
    kick.current = run;
    if (isLive) document.addEventListener("visibilitychange", onVisible);
    return () => {
      isGone = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, inputs);
  return { ...state, again: () => kick.current() };
}

/**
 * @template T
 * @param {() => Promise<T>} ask
 * @param {unknown[]} inputs
 * @returns {{answer: T | null, error: Error | null, again: () => void}}
 */
export function useAsked(ask, inputs) {
  return usePolled(ask, inputs, { isLive: false });
}
