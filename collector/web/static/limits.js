// Parallelism limits and locks: they keep workflows waiting although nothing is broken.

import { byId, el, leadTo, named, part, reconcile, setAge, setText, show, stack } from "./dom.js";
import { first } from "./more.js";
import { count, NOT_KNOWN, plural, share } from "./words.js";

const SHOWN = 6;
const SOURCES = { namespace_label: "the namespace's label", configmap: "the controller's ConfigMap" };

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
  setText(part(item, "name"), slots.namespace || "whole installation");
  setText(part(item, "where"), slots.cluster);
  setText(part(item, "figure"), known ? `${count(slots.used)} of ${count(slots.limit)}` : "limit not known");
  part(item, "figure").classList.toggle("unknown", !known);
  const parts = [["running", slots.running], ["suspended", slots.suspended], ["lock", slots.lock_waiting]];
  const groups = parts.filter(([, n]) => n > 0).map(([reason, workflows]) => ({ reason, workflows }));
  stack(part(item, "bar"), groups, Math.min(1, slots.share ?? 0));
  show(item.querySelector(".track"), known);
  setText(part(item, "words"), slotWords(slots));
  setText(part(item, "aside"), known ? share(slots.share) : "");
  item.title = known ? `limit from ${SOURCES[slots.source] ?? slots.source}` : "the right to read the controller's ConfigMap is missing";
}

// Names the workflows that occupy a slot without running, because no other part of the page does.
function slotWords({ suspended, lock_waiting: locked, throttled }) {
  const idle = [locked ? `${count(locked)} waiting for a lock` : "", suspended ? `${count(suspended)} suspended` : ""];
  const held = idle.filter(Boolean).join(", ");
  return [held ? `includes ${held}` : "", throttled ? `${count(throttled)} throttled` : "none throttled"].filter(Boolean).join("; ");
}

function updateLock(item, lock) {
  const words = lock.name.split("/");
  const namespace = words.length > 2 ? words[0] : "";
  setText(part(item, "name"), namespace ? words.slice(words[1] === "ConfigMap" ? 2 : 1).join("/") : lock.name);
  setText(part(item, "where"), [lock.cluster, namespace].filter(Boolean).join(" · "));
  setText(part(item, "figure"), `${count(lock.waiting)} wait`);
  const known = lock.limit > 0;
  stack(part(item, "bar"), [{ reason: "lock", workflows: 1 }], known ? Math.min(1, lock.held / lock.limit) : 0);
  show(item.querySelector(".track"), known);
  setText(part(item, "words"), lockWords(lock));
  drawHolders(part(item, "holders"), lock);
  setAge(part(item, "aside"), lock.oldest_age_ms, NOT_KNOWN);
  item.title = lock.name;
}

function lockWords({ kind, limit, held, holders, idle }) {
  const idlers = idle === held ? "; no holder runs" : `; ${plural(idle, "holder runs", "holders run")} nothing`;
  const words = (idle ? idlers : "") + (holders.length ? "; held by " : "");
  if (limit !== null) return `${kind}, ${count(held)} of ${count(limit)} held${words}`;
  return `${kind}, limit not known, ${held ? `${count(held)} held${words}` : "no holder known"}`;
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
    setText(part(item, "rest"), last ? (more > 0 && holders.length ? ` and ${count(more)} more` : "") : ", ");
  }
}
