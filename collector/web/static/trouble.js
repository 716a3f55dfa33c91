// What somebody may have to act on: stuck workflows and cron workflows that did not run; and one quiet line for the rest.

import { byId, keep, make, named, part, say, setAge, setDue, show } from "./dom.js";
import { first } from "./more.js";
import { count, NOT_KNOWN, plural, reason } from "./words.js";

const SHOWN = 5;

export function drawTrouble(live, view) {
  const late = live.crons.filter((cron) => cron.problem || cron.missed);
  show(byId("stuck-section"), live.stuck.length > 0);
  keep(byId("stuck"), first("stuck", live.stuck, SHOWN, view), (s) => JSON.stringify([s.cluster, s.uid]), makeStuck, updateStuck);
  show(byId("crons-section"), late.length > 0);
  keep(byId("crons"), first("crons", live.crons, Math.min(late.length, SHOWN), view), (c) => JSON.stringify([c.cluster, c.namespace, c.name]), makeCron, updateCron);
  const words = quiet(live, late.length);
  say(byId("quiet"), words);
  show(byId("quiet"), live.clusters.length > 0 && words !== "");
}

function quiet({ totals, stuck, locks, slots }, late) {
  const words = [
    stuck.length ? "" : "Nothing is stuck.",
    locks.length ? "" : totals.locks ? `${plural(totals.locks, "lock", "locks")} held, nobody waits for one.` : "No lock is waited for.",
    slots.length ? "" : "No parallelism limit is known.",
    totals.crons && !late ? `${plural(totals.crons, "cron workflow", "cron workflows")}, none missed a run.` : "",
  ];
  return words.filter(Boolean).join(" ");
}

function makeStuck() {
  const who = make("div", "who", named("name", "b"), named("where", "small"));
  const why = make("div", "why-stuck", named("cause", "b"), named("words", "span"), named("advice", "small"));
  return make("li", "", who, why, named("age", "div", "number when"));
}

function updateStuck(item, { cluster, namespace, name, cause, words, advice, age_ms: age }) {
  say(part(item, "name"), name);
  say(part(item, "where"), `${cluster} · ${namespace}`);
  say(part(item, "cause"), reason(cause));
  say(part(item, "words"), words);
  say(part(item, "advice"), advice);
  setAge(part(item, "age"), age);
}

function makeCron() {
  const who = make("div", "who", named("name", "b"), named("where", "small"));
  const when = make("small", "", named("schedule", "code"), " ", named("zone", "span"));
  const why = make("div", "why-stuck", named("cause", "b"), named("words", "span"), when);
  const last = make("small", "", named("last", "span"), named("ago", "span"));
  return make("li", "", who, why, make("div", "number when", named("due", "span"), last));
}

function updateCron(item, cron) {
  say(part(item, "name"), cron.name);
  say(part(item, "where"), `${cron.cluster} · ${cron.namespace}`);
  say(part(item, "cause"), cronCause(cron));
  say(part(item, "words"), cron.problem || cronWords(cron));
  say(part(item, "schedule"), cron.schedule);
  say(part(item, "zone"), cron.timezone);
  setDue(part(item, "due"), cron.due_in_ms, cron.suspended ? "suspended" : NOT_KNOWN);
  setAge(part(item, "last"), cron.last_age_ms, "no run yet");
  say(part(item, "ago"), cron.last_age_ms === null ? "" : " since its last");
}

function cronCause({ problem, missed }) {
  return missed ? `${plural(missed, "run", "runs")} missed` : problem ? "cannot be judged" : "";
}

function cronWords({ missed, skipped, active }) {
  const words = [
    missed ? "they were due, nothing forbade them and nothing ran" : "",
    skipped ? `${count(skipped)} skipped by its own policy` : "",
    active ? `${count(active)} running now` : "",
  ];
  return words.filter(Boolean).join("; ");
}
