// Polls the server every few seconds and counts ages in between. If the server does not answer, the page shows since when
// and stops counting, because the ages would no longer be known.

import { byId, setText } from "./dom.js";
import { draw } from "./draw.js";
import { age, clock, count, plural, text, until } from "./words.js";

const POLL_MS = Number(document.body.dataset.pollMs);
const PATIENCE_MS = 10_000;
const SPOKEN_EVERY_MS = 15_000;

const view = { filter: "", sort: "depth", descending: true, all: new Set() };
let newest = null;
let answeredAt = 0;
let answeredOn = null;
let stale = false;
let spokenAt = -Infinity;

async function refresh() {
  try {
    const response = await fetch(`/api/v1/live?sentences=${document.documentElement.lang}`, { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
    if (!response.ok) throw new Error(text("the server answers {status}", { status: response.status }));
    newest = await response.json();
  } catch (error) {
    showStale(error);
    return;
  }
  answeredAt = performance.now();
  answeredOn = new Date();
  stale = false;
  redraw();
}

function redraw() {
  draw(newest, view);
  tick();
  speak();
  showLive();
}

function tick() {
  if (newest === null || stale) return;
  const since = performance.now() - answeredAt;
  for (const node of document.querySelectorAll("[data-age-ms]")) setText(node, node.dataset.sentence.replace("{age}", age(Number(node.dataset.ageMs) + since)));
  for (const node of document.querySelectorAll("[data-due-ms]")) setText(node, until(Number(node.dataset.dueMs) - since));
}

function showLive() {
  if (stale) return;
  document.body.classList.remove("stale");
  const pulse = byId("pulse");
  const problems = newest.problems.filter((problem) => !problem.optional).length;
  pulse.dataset.state = newest.ready ? "live" : "troubled";
  pulse.title = "";
  setText(pulse, problems ? plural("live, {number} problem", "live, {number} problems", problems) : text("live"));
  setTitle(text("{number} waiting", { number: count(newest.totals.waiting) }));
}

function setTitle(words) {
  document.title = `${words} · Lynceus`;
}

function showStale(error) {
  stale = true;
  document.body.classList.add("stale");
  const pulse = byId("pulse");
  pulse.dataset.state = "stale";
  setText(pulse, answeredOn === null ? text("no answer yet") : text("stale since {clock}", { clock: clock(answeredOn) }));
  pulse.title = String(error.message ?? error);
  setTitle(text("stale"));
}

// Screen readers hear the totals when they changed, and not more often than a person would want to.
function speak() {
  if (performance.now() - spokenAt < SPOKEN_EVERY_MS) return;
  const { waiting, running, begun } = newest.totals;
  const words = text("{waiting} waiting, {running} running, {begun} begun and not running.", { waiting: count(waiting), running: count(running), begun: count(begun) });
  if (byId("summary").textContent === words) return;
  setText(byId("summary"), words);
  spokenAt = performance.now();
}

function sortBy(header) {
  const column = header.dataset.sort;
  view.descending = view.sort === column ? !view.descending : true;
  view.sort = column;
  for (const other of document.querySelectorAll("[data-sort]")) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", view.descending ? "descending" : "ascending");
  if (newest) redraw();
}

async function poll() {
  try {
    if (!document.hidden) await refresh();
  } finally {
    setTimeout(poll, POLL_MS);
  }
}

byId("filter").addEventListener("input", (event) => {
  view.filter = event.target.value.trim().toLowerCase();
  if (newest) redraw();
});
for (const header of document.querySelectorAll("[data-sort]")) {
  header.querySelector("button").addEventListener("click", () => sortBy(header));
}
for (const button of document.querySelectorAll("[data-more]")) {
  button.addEventListener("click", () => {
    if (!view.all.delete(button.dataset.more)) view.all.add(button.dataset.more);
    redraw();
  });
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
setInterval(tick, 1000);
poll();
