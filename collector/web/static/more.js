// Lists that show their first few entries, and all of them on demand.

import { setText, show } from "./dom.js";
import { count, text } from "./words.js";

export function first(name, items, shown, view) {
  const button = document.querySelector(`[data-more="${name}"]`);
  const all = view.all.has(name);
  show(button, items.length > shown);
  button.setAttribute("aria-expanded", String(all));
  setText(button, all ? text("show fewer") : text("show all {number}", { number: count(items.length) }));
  return all ? items : items.slice(0, shown);
}
