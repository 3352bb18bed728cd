// Dark or light: as the system has it, or as the user has chosen.

import { useEffect, useState } from "./vendor/preact-htm.js";
import { currentLook } from "./charts/look.js";

const KEY = "sweep-sdk-theme";
const changed = new Event("themechange");

/** @returns {"" | "dark" | "light"} */
function chosen() {
  try {
    const found = localStorage.getItem(KEY);
    return found === "dark" || found === "light" ? found : "";
  } catch {
    return ""; // a frame without storage
  }
}

export function applyTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const set = () => {
    document.documentElement.dataset.theme = chosen() || (system.matches ? "dark" : "light");
    dispatchEvent(changed);
  };
  system.addEventListener("change", set);
  set();
}

export function toggleTheme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // it lasts until the frame is closed
  }
  document.documentElement.dataset.theme = next;
  dispatchEvent(changed);
}

/** The colours of charts, again after the theme or the width has changed. */
export function useLook() {
  const [look, setLook] = useState(currentLook);
  useEffect(() => {
    const update = () => setLook(currentLook());
    const narrow = matchMedia("(max-width: 639px)");
    addEventListener("themechange", update);
    narrow.addEventListener("change", update);
    return () => {
      removeEventListener("themechange", update);
      narrow.removeEventListener("change", update);
    };
  }, []);
  return look;
}
