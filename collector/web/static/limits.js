// Parallelism limits and locks: they keep workflows waiting although nothing is broken.

import { byId, el, leadTo, named, part, reconcile, setAge, setText, show, stack } from "./dom.js";
import { first } from "./more.js";
import { count, listed, NOT_KNOWN, plural, share, text } from "./words.js";

const SHOWN = 6;
const SOURCES = { namespace_label: text("limit from the namespace's label"), configmap: text("limit from the controller's ConfigMap") };

export function drawLimits({ slots, locks }, view) {
  show(byId("slots-section"), slots.length > 0);
  reconcile(byId("slots"), first("slots", slots, SHOWN, view), (s) => JSON.stringify([s.cluster, s.namespace]), makeMeter, updateSlots);
  show(byId("locks-section"), locks.length > 0);
  reconcile(byId("locks"), first("locks", locks, SHOWN, view), (l) => JSON.stringify([l.cluster, l.name]), makeMeter, updateLock);
}

function makeMeter() {
  const head = el("div", "head", named("name", "b"), named("where", "small"), named("figure", "span", "number"));
  const track = el("div", "track", named("bar", "div", "bar"));
  track.setAttribute("aria-hidden", "true");
  return el("li", "", head, track, el("div", "foot", el("small", "", named("words", "span"), named("holders", "span")), named("aside", "small", "number")));
}

function updateSlots(item, slots) {
  const known = slots.limit !== null;
  setText(part(item, "name"), slots.namespace || text("whole installation"));
  setText(part(item, "where"), slots.cluster);
  setText(part(item, "figure"), known ? text("{part} of {whole}", { part: count(slots.used), whole: count(slots.limit) }) : text("limit not known"));
  part(item, "figure").classList.toggle("unknown", !known);
  const parts = [["running", slots.running], ["suspended", slots.suspended], ["lock", slots.lock_waiting]];
  const groups = parts.filter(([, n]) => n > 0).map(([reason, workflows]) => ({ reason, workflows }));
  stack(part(item, "bar"), groups, Math.min(1, slots.share ?? 0));
  show(item.querySelector(".track"), known);
  setText(part(item, "words"), slotWords(slots));
  setText(part(item, "aside"), known ? share(slots.share) : "");
  item.title = known ? (SOURCES[slots.source] ?? slots.source) : text("the right to read the controller's ConfigMap is missing");
}

// Names the workflows that occupy a slot without running, because no other part of the page does.
function slotWords({ suspended, lock_waiting: locked, throttled }) {
  const held = listed([
    locked ? text("{number} waiting for a lock", { number: count(locked) }) : "",
    suspended ? text("{number} suspended", { number: count(suspended) }) : "",
  ]);
  const words = throttled ? text("{number} throttled", { number: count(throttled) }) : text("none throttled");
  return held ? text("includes {held}; {throttled}", { held, throttled: words }) : words;
}

function updateLock(item, lock) {
  const words = lock.name.split("/");
  const namespace = words.length > 2 ? words[0] : "";
  setText(part(item, "name"), namespace ? words.slice(words[1] === "ConfigMap" ? 2 : 1).join("/") : lock.name);
  setText(part(item, "where"), [lock.cluster, namespace].filter(Boolean).join(" · "));
  setText(part(item, "figure"), text("{number} wait", { number: count(lock.waiting) }));
  const known = lock.limit > 0;
  stack(part(item, "bar"), [{ reason: "lock", workflows: 1 }], known ? Math.min(1, lock.held / lock.limit) : 0);
  show(item.querySelector(".track"), known);
  setText(part(item, "words"), lockWords(lock));
  drawHolders(part(item, "holders"), lock);
  setAge(part(item, "aside"), lock.oldest_age_ms, NOT_KNOWN);
  item.title = lock.name;
}

function lockWords(lock) {
  const by = lock.holders.length ? text("held by ") : "";
  return [lockUse(lock), lock.idle ? idlers(lock) : "", by].filter(Boolean).join(text("; "));
}

function lockUse({ kind: name, limit, held: n }) {
  const [kind, held] = [text(name), count(n)];
  if (limit !== null) return text("{kind}, {held} of {limit} held", { kind, held, limit: count(limit) });
  return n ? text("{kind}, limit not known, {held} held", { kind, held }) : text("{kind}, limit not known, no holder known", { kind });
}

function idlers({ held, idle }) {
  if (idle === held) return text("no holder runs");
  return plural("{number} holder runs nothing", "{number} holders run nothing", idle);
}

// Holders are `namespace/workflow`, or `namespace/workflow/step`; each leads to its workflow.
function drawHolders(list, { cluster, holders, held }) {
  const more = held - holders.length;
  const shown = holders.map((holder) => ({ holder, last: holder === holders.at(-1) }));
  reconcile(list, shown, ({ holder }) => holder, () => el("span", "", named("link", "a"), named("rest", "span")), updateHolder);

  function updateHolder(item, { holder, last }) {
    const [namespace, name] = holder.split("/");
    setText(part(item, "link"), holder);
    leadTo(part(item, "link"), { cluster, namespace, name: name ?? "" });
    setText(part(item, "rest"), last ? (more > 0 && holders.length ? text(" and {number} more", { number: count(more) }) : "") : text(", "));
  }
}
