// The controllers of a cluster, in its card: who leads, whether it is well, and how near its memory limit it is.

import { keep, make, named, part, say, show } from "./dom.js";
import { bytes, NOT_KNOWN, plural, share } from "./words.js";

const NEAR_THE_LIMIT = 0.85;

export function makeControllers() {
  return named("controllers", "ul", "controllers");
}

export function drawControllers(card, controllers) {
  const list = part(card, "controllers");
  show(list, controllers.length > 0);
  keep(list, controllers, (c) => c.pod, makeController, updateController);
}

function makeController() {
  const track = make("div", "track", named("bar", "div", "bar"));
  track.setAttribute("aria-hidden", "true");
  return make("li", "", named("role", "span", "role"), named("memory", "span", "number"), track);
}

function updateController(item, controller) {
  const { pod, leader, ready, crash_loop: crashes, memory_share: part_of, detail } = controller;
  const role = leader === null ? "controller" : leader ? "leader" : "standby";
  say(part(item, "role"), crashes ? looping(controller) : `${role} ${ready ? "ready" : "not ready"}`);
  item.classList.toggle("bad", crashes || !ready);
  item.classList.toggle("near", part_of !== null && part_of >= NEAR_THE_LIMIT);
  say(part(item, "memory"), memory(controller));
  show(item.querySelector(".track"), part_of !== null);
  part(item, "bar").style.width = `${Math.min(100, (part_of ?? 0) * 100)}%`;
  item.title = [pod, detail].filter(Boolean).join(": ");
}

// One that crashes leads nobody and stands by for nobody, whatever a Lease it cannot give back says.
function looping({ restarts: n }) {
  return `controller in a crash loop${n ? `, ${plural(n, "restart", "restarts")}` : ""}`;
}

function memory({ memory_bytes: used, memory_limit_bytes: limit, memory_share: part_of }) {
  if (used === null) return limit === null ? NOT_KNOWN : `${NOT_KNOWN} of ${bytes(limit)}`;
  return limit === null ? `${bytes(used)}, no limit` : `${share(part_of)} of ${bytes(limit)}`;
}
