// The controllers of a cluster, in its card: the leader, their state, and their memory against its limit.

import { el, named, part, reconcile, setText, show } from "./dom.js";
import { bytes, NOT_KNOWN, plural, share, text } from "./words.js";

const NEAR_THE_LIMIT = 0.85;

export function makeControllers() {
  return named("controllers", "ul", "controllers");
}

export function drawControllers(card, controllers) {
  const list = part(card, "controllers");
  show(list, controllers.length > 0);
  reconcile(list, controllers, (c) => c.pod, makeController, updateController);
}

function makeController() {
  const track = el("div", "track", named("bar", "div", "bar"));
  track.setAttribute("aria-hidden", "true");
  return el("li", "", named("role", "span", "role"), named("memory", "span", "number"), track);
}

function updateController(item, controller) {
  const { pod, leader, ready, crash_loop: crashes, memory_share: part_of, detail } = controller;
  // One that is down does not lead, and what it will be is not known.
  setText(part(item, "role"), crashes ? looping(controller) : roleOf(leader, ready));
  item.classList.toggle("bad", crashes || !ready);
  item.classList.toggle("near", part_of !== null && part_of >= NEAR_THE_LIMIT);
  setText(part(item, "memory"), memory(controller));
  show(item.querySelector(".track"), part_of !== null);
  part(item, "bar").style.width = `${Math.min(100, (part_of ?? 0) * 100)}%`;
  item.title = [pod, detail].filter(Boolean).join(": ");
}

function roleOf(leader, ready) {
  if (!ready) return leader ? text("leader not ready") : text("controller not ready");
  return leader ? text("leader ready") : leader === null ? text("controller ready") : text("standby ready");
}

// A controller in a crash loop is neither leader nor standby, even if it still holds the Lease.
function looping({ restarts: n }) {
  if (!n) return text("controller in a crash loop");
  return plural("controller in a crash loop, {number} restart", "controller in a crash loop, {number} restarts", n);
}

function memory({ memory_bytes: used, memory_limit_bytes: limit, memory_share: part_of }) {
  if (used === null) return limit === null ? NOT_KNOWN : text("{part} of {whole}", { part: NOT_KNOWN, whole: bytes(limit) });
  if (limit === null) return text("{bytes}, no limit", { bytes: bytes(used) });
  return text("{part} of {whole}", { part: share(part_of), whole: bytes(limit) });
}
