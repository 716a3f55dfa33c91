// What a person may have to act on: stuck workflows and cron workflows that missed runs; one line for the absence of both.

import { byId, el, leadTo, named, part, reconcile, setAge, setDue, setText, show } from "./dom.js";
import { first } from "./more.js";
import { count, NOT_KNOWN, plural, reason, text } from "./words.js";

const SHOWN = 5;

export function drawTrouble(live, view) {
  const late = live.crons.filter((cron) => cron.problem || cron.missed);
  show(byId("stuck-section"), live.stuck.length > 0);
  reconcile(byId("stuck"), first("stuck", live.stuck, SHOWN, view), (s) => JSON.stringify([s.cluster, s.uid]), makeStuck, updateStuck);
  show(byId("crons-section"), late.length > 0);
  reconcile(byId("crons"), first("crons", live.crons, Math.min(late.length, SHOWN), view), (c) => JSON.stringify([c.cluster, c.namespace, c.name]), makeCron, updateCron);
  const words = quiet(live, late.length);
  setText(byId("quiet"), words);
  show(byId("quiet"), live.clusters.length > 0 && words !== "");
}

function quiet({ totals, stuck, locks, slots }, late) {
  const words = [
    stuck.length ? "" : text("No workflow is stuck."),
    locks.length ? "" : totals.locks ? plural("{number} lock held, no workflow waits for one.", "{number} locks held, no workflow waits for one.", totals.locks) : text("No workflow waits for a lock."),
    slots.length ? "" : text("No parallelism limit is known."),
    totals.crons && !late ? plural("{number} cron workflow, none missed a run.", "{number} cron workflows, none missed a run.", totals.crons) : "",
  ];
  return words.filter(Boolean).join(" ");
}

function makeStuck() {
  const who = el("div", "who", named("name", "a"), named("where", "small"));
  const why = el("div", "why-stuck", named("cause", "b"), named("words", "span"), named("advice", "small"));
  return el("li", "", who, why, named("age", "div", "number when"));
}

function updateStuck(item, { cluster, namespace, name, uid, cause, words, advice, age_ms: age }) {
  setText(part(item, "name"), name);
  leadTo(part(item, "name"), { cluster, namespace, name, uid });
  setText(part(item, "where"), `${cluster} · ${namespace}`);
  setText(part(item, "cause"), reason(cause));
  setText(part(item, "words"), words);
  setText(part(item, "advice"), advice);
  setAge(part(item, "age"), age);
}

function makeCron() {
  const who = el("div", "who", named("name", "b"), named("where", "small"));
  const when = el("small", "", named("schedule", "code"), " ", named("zone", "span"));
  const why = el("div", "why-stuck", named("cause", "b"), named("words", "span"), when);
  return el("li", "", who, why, el("div", "number when", named("due", "span"), named("last", "small")));
}

function updateCron(item, cron) {
  setText(part(item, "name"), cron.name);
  setText(part(item, "where"), `${cron.cluster} · ${cron.namespace}`);
  setText(part(item, "cause"), cronCause(cron));
  setText(part(item, "words"), cron.problem || cronWords(cron));
  setText(part(item, "schedule"), cron.schedule);
  setText(part(item, "zone"), cron.timezone);
  setDue(part(item, "due"), cron.due_in_ms, cron.suspended ? text("suspended") : NOT_KNOWN);
  setAge(part(item, "last"), cron.last_age_ms, text("no run yet"), text("{age} since the last run"));
}

function cronCause({ problem, missed }) {
  return missed ? plural("{number} run missed", "{number} runs missed", missed) : problem ? text("cannot be checked") : "";
}

function cronWords({ missed, skipped, active }) {
  const words = [
    missed ? text("due and allowed, but not started") : "",
    skipped ? text("{number} skipped by its concurrency policy", { number: count(skipped) }) : "",
    active ? text("{number} running now", { number: count(active) }) : "",
  ];
  return words.filter(Boolean).join(text("; "));
}
