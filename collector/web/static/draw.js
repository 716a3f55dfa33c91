// Draws one answer of /api/v1/live into the page. What it is given, it shows; it adds nothing up.

import { drawControllers, makeControllers } from "./controllers.js";
import { byId, keep, make, named, part, say, setAge, show, stack } from "./dom.js";
import { drawLimits } from "./limits.js";
import { first } from "./more.js";
import { drawTrouble } from "./trouble.js";
import { bytes, count, drain, money, NOT_KNOWN, plural, queueName, reason, share } from "./words.js";

const SHOWN_QUEUES = 20;
const MOST_QUEUES = 300;
const SHOWN_DEPARTMENTS = 12;
const NOTHING_WAITS = "Nothing waits. Every workflow that was submitted has begun.";

export function draw(live, view) {
  drawProblems(live.problems.filter((problem) => !problem.optional));
  drawTotals(live);
  drawClusters(live.clusters);
  drawTrouble(live, view);
  drawQueues(live, view);
  drawLimits(live, view);
  drawBegun(live.begun);
  if (live.money) drawMoney(live.money);
  drawWatches(live.clusters);
  drawStore(live.store);
}

function drawProblems(problems) {
  const list = byId("problems");
  show(list, problems.length > 0);
  keep(
    list,
    problems,
    (p) => JSON.stringify([p.subject, p.cluster, p.kind]),
    () => make("li", "", named("where", "b"), named("reason", "span"), named("remedy", "span", "muted")),
    (item, p) => {
      item.classList.toggle("blocking", p.blocking);
      say(part(item, "where"), [p.cluster ?? p.subject, p.kind].filter(Boolean).join(" · "));
      say(part(item, "reason"), p.reason);
      say(part(item, "remedy"), p.remedy);
    },
  );
}

function drawTotals({ totals, clusters, money: spent }) {
  say(byId("scope"), clusters.length ? plural(clusters.length, "cluster", "clusters") : "");
  say(byId("total-waiting"), count(totals.waiting));
  say(byId("total-queues"), totals.queues ? `in ${plural(totals.queues, "queue", "queues")}` : "no queue");
  say(byId("total-running"), count(totals.running));
  say(byId("total-begun"), count(totals.begun));
  say(byId("total-stuck"), `${count(totals.stuck)} of them stuck`);
  show(byId("total-stuck"), totals.stuck > 0);
  show(byId("begun-meaning"), totals.stuck === 0);
  setAge(byId("total-oldest"), totals.oldest_age_ms, "none");
  const place = totals.oldest_in;
  say(byId("total-oldest-in"), place ? `${place.cluster} · ${queueName(place)}` : "nothing waits");
  if (spent) drawSpent(spent);
  const bar = byId("fleet-bar");
  stack(bar, totals.reasons, 1);
  show(bar, totals.waiting > 0);
  for (const item of document.querySelectorAll(".legend [data-reason]")) {
    const found = totals.reasons.find((group) => group.reason === item.dataset.reason);
    item.classList.toggle("none", !found);
    say(item.querySelector(".count"), count(found ? found.workflows : 0));
  }
}

function drawSpent(spent) {
  const rows = spent.known ? spent.totals : [{ currency: "", cost: null, accruing: false, unpriced_pods: 0 }];
  keep(
    byId("total-spent"),
    rows.length ? rows : [{ currency: "nothing charged yet", cost: NOT_KNOWN, accruing: false }],
    (total) => total.currency,
    () => make("span", "amount", named("cost", "b"), named("currency", "small")),
    (node, total) => {
      say(part(node, "cost"), total.cost === NOT_KNOWN ? NOT_KNOWN : money(total.cost));
      say(part(node, "currency"), total.accruing ? `${total.currency}, accruing` : total.currency);
      node.classList.toggle("unknown", total.cost === null);
    },
  );
}

function drawClusters(clusters) {
  show(byId("no-clusters"), clusters.length === 0);
  keep(byId("clusters"), clusters, (cluster) => cluster.name, makeCard, updateCard);
}

function makeCard() {
  const card = make("li", "card");
  const name = make("h3", "", named("name", "span"), named("state", "span", "state"));
  const bar = make("div", "track", named("bar", "div", "bar"));
  bar.setAttribute("aria-hidden", "true");
  const figures = make("dl", "figures");
  for (const [key, label] of [["waiting", "waiting"], ["oldest", "oldest"], ["running", "running"], ["begun", "begun"]]) {
    figures.append(make("div", "", make("dt", "", label), named(key, "dd")));
  }
  const incidents = make("p", "incidents", named("oom", "span"), named("restarts", "span"));
  figures.setAttribute("title", "waiting and oldest: work has not begun; begun: no main container runs");
  card.append(name, named("detail", "p", "detail"), figures, bar, make("p", "caveat", "figures are incomplete"), incidents, makeControllers());
  return card;
}

function updateCard(card, cluster) {
  card.classList.toggle("bad", !cluster.ready);
  // A kind that was never listed in full makes every figure that needs it too small.
  card.classList.toggle("incomplete", cluster.watches.some((watch) => watch.needed && !watch.synced));
  say(part(card, "name"), cluster.name);
  say(part(card, "state"), cluster.ready ? "ready" : "not ready");
  say(part(card, "detail"), cluster.detail || (cluster.ready ? "" : "no reason was given"));
  show(part(card, "detail"), Boolean(cluster.detail) || !cluster.ready);
  say(part(card, "waiting"), count(cluster.waiting));
  say(part(card, "running"), count(cluster.running));
  say(part(card, "begun"), count(cluster.begun));
  setAge(part(card, "oldest"), cluster.oldest_age_ms);
  stack(part(card, "bar"), cluster.reasons, cluster.waiting ? 1 : 0);
  const { controller_oom_kills: kills, controller_restarts: restarts } = cluster;
  const unseen = cluster.controllers.length ? "" : "controller not seen";
  say(part(card, "oom"), kills === null ? unseen : `controller: ${plural(kills, "OOM kill", "OOM kills")}`);
  say(part(card, "restarts"), restarts === null ? "" : plural(restarts, "restart", "restarts"));
  part(card, "oom").classList.toggle("alarm", kills > 0);
  drawControllers(card, cluster.controllers);
}

function drawQueues({ queues, clusters }, view) {
  const { filter, sort, descending } = view;
  const wanted = queues.filter((q) => `${q.cluster} ${q.namespace}/${q.queue}`.toLowerCase().includes(filter));
  // The server sends the oldest first and breaks ties by name; a stable sort keeps that among equals.
  wanted.sort((a, b) => (descending ? b[sort] - a[sort] : a[sort] - b[sort]));
  const shown = first("queues", wanted.slice(0, MOST_QUEUES), SHOWN_QUEUES, view);
  const deepest = Math.max(1, ...wanted.map((q) => q.depth));
  show(byId("no-queues"), queues.length === 0);
  say(byId("no-queues"), clusters.length ? NOTHING_WAITS : "No cluster is watched, so no queue is known.");
  show(byId("queues"), queues.length > 0);
  say(byId("queues-shown"), shownWords(queues.length, wanted.length, shown.length));
  keep(
    byId("queue-rows"),
    shown,
    (q) => JSON.stringify([q.cluster, q.namespace, q.queue]),
    makeQueue,
    (row, queue) => updateQueue(row, queue, deepest),
  );
}

function shownWords(all, wanted, shown) {
  if (shown < wanted) return `${count(shown)} of ${count(wanted)} shown`;
  return wanted < all ? `${count(wanted)} of ${count(all)}` : "";
}

function makeQueue() {
  const queue = make("td", "c-queue", make("div", "clamp", named("namespace", "span", "namespace"), named("queue", "b")));
  const bar = make("div", "track", named("bar", "div", "bar"));
  bar.setAttribute("aria-hidden", "true");
  const why = make("td", "c-why", bar, named("why", "ul", "why"));
  const row = make("tr", "", named("cluster", "td", "c-cluster"), queue, named("depth", "td", "c-depth number"), why);
  row.append(make("td", "c-flow", named("drain", "b"), " ", named("flow", "small")), named("oldest", "td", "c-oldest number"));
  return row;
}

function updateQueue(row, queue, deepest) {
  say(part(row, "cluster"), queue.cluster);
  part(row, "cluster").title = queue.cluster;
  say(part(row, "namespace"), queue.namespace === queue.queue ? "" : `${queue.namespace} / `);
  say(part(row, "queue"), queue.queue);
  row.querySelector(".c-queue").title = `${queue.namespace} / ${queue.queue}`;
  say(part(row, "depth"), count(queue.depth));
  stack(part(row, "bar"), queue.reasons, queue.depth / deepest);
  setAge(part(row, "oldest"), queue.oldest_age_ms);
  const moves = drain(queue.flow);
  say(part(row, "drain"), moves.words);
  say(part(row, "flow"), moves.counts);
  row.querySelector(".c-flow").dataset.state = queue.flow?.state ?? "unknown";
  row.querySelector(".c-flow").title = moves.meaning;
  keep(
    part(row, "why"),
    queue.reasons,
    (group) => group.reason,
    (group) => make("li", "", make("i", `swatch r-${group.reason}`), named("text", "span")),
    (item, group) => say(part(item, "text"), `${count(group.workflows)} ${reason(group.reason)}`),
  );
}

function drawBegun(begun) {
  show(byId("begun-section"), begun.length > 0);
  const most = Math.max(1, ...begun.map((group) => group.workflows));
  keep(
    byId("begun"),
    begun,
    (group) => group.reason,
    (group) => {
      const head = make("div", "head", make("b", "", reason(group.reason)), named("count", "span", "number"));
      const track = make("div", "track", named("bar", "div", "bar"));
      track.setAttribute("aria-hidden", "true");
      return make("li", "", head, track, make("div", "foot", meaning(group.reason), named("oldest", "small", "number")));
    },
    (item, group) => {
      say(part(item, "count"), count(group.workflows));
      stack(part(item, "bar"), [group], group.workflows / most);
      setAge(part(item, "oldest"), group.oldest_age_ms);
      item.title = `longest in ${group.oldest_in.cluster} · ${queueName(group.oldest_in)}`;
    },
  );
}

function meaning(name) {
  const told = byId("begun-words").querySelector(`[data-reason="${CSS.escape(name)}"]`);
  return make("small", "", told ? told.textContent : "");
}

function drawMoney(spent) {
  const unknown = byId("money-unknown");
  show(unknown, !spent.known || Boolean(spent.detail));
  say(unknown, spent.known ? spent.detail : `Unknown: ${spent.detail}.`);
  say(byId("money-day"), spent.day ?? "");
  show(byId("money-running"), spent.running.length > 0);
  say(byId("money-running"), spent.running.map(anHour).join("; "));
  show(byId("no-money"), spent.known && spent.totals.length === 0);
  keep(
    byId("money"),
    spent.totals,
    (total) => total.currency,
    () => make("div", "", make("h3", "", named("title", "span"), " ", named("notes", "small")), named("rows", "ul", "meters")),
    (block, total) => {
      say(part(block, "title"), `${money(total.cost)} ${total.currency}`);
      say(part(block, "notes"), moneyNotes(total));
      drawDepartments(part(block, "rows"), spent.departments.filter((d) => d.currency === total.currency));
    },
  );
}

function anHour({ currency, per_hour: cost, pods, unpriced_pods: unpriced }) {
  const lacking = unpriced ? `, ${count(unpriced)} of them unpriced` : "";
  return `now ${money(cost)} ${currency} an hour, ${plural(pods, "pod", "pods")}${lacking}`;
}

function drawDepartments(list, departments) {
  // What nobody owns is shown however little it is.
  const shown = departments.filter((d, place) => place < SHOWN_DEPARTMENTS || d.department === "unallocated");
  const rest = departments.length - shown.length;
  const rows = rest > 0 ? [...shown, { department: `${count(rest)} more departments`, more: true }] : shown;
  keep(list, rows, (d) => d.department, makeDepartment, updateDepartment);
}

function makeDepartment() {
  const head = make("div", "head", named("name", "b"), named("notes", "small", "muted"), named("cost", "span", "number"));
  const track = make("div", "track", named("bar", "div", "bar"));
  track.append(named("share", "small", "number muted"));
  return make("li", "department", head, track);
}

function updateDepartment(item, department) {
  item.classList.toggle("unallocated", department.department === "unallocated");
  say(part(item, "name"), department.department);
  show(item.querySelector(".track"), !department.more);
  if (department.more) return;
  say(part(item, "notes"), moneyNotes(department));
  say(part(item, "cost"), money(department.cost));
  part(item, "cost").classList.toggle("unknown", department.cost === null);
  part(item, "bar").style.width = `${Math.min(100, Math.max(0, (department.share ?? 0) * 100))}%`;
  show(part(item, "bar"), department.share > 0);
  say(part(item, "share"), share(department.share));
}

function moneyNotes({ accruing, unpriced_pods: unpriced }) {
  return [accruing ? "accruing" : "", unpriced ? `${plural(unpriced, "pod", "pods")} unpriced` : ""].filter(Boolean).join(", ");
}

function drawWatches(clusters) {
  const kinds = [...new Set(clusters.flatMap((cluster) => cluster.watches.map((watch) => watch.kind)))];
  keep(
    byId("watch-kinds"),
    ["cluster", ...kinds],
    (kind) => kind,
    () => Object.assign(make("th"), { scope: "col" }),
    (cell, kind) => say(cell, kind === "cluster" ? "Cluster" : kind),
  );
  keep(
    byId("watch-rows"),
    clusters.map((cluster) => ({ cluster, kinds })),
    (row) => row.cluster.name,
    () => make("tr", "", Object.assign(named("name", "th"), { scope: "row" })),
    updateWatches,
  );
}

function updateWatches(row, { cluster, kinds }) {
  const name = part(row, "name");
  say(name, cluster.name);
  const cells = [{ kind: "name" }, ...kinds.map((kind) => cluster.watches.find((watch) => watch.kind === kind) ?? { kind })];
  name.dataset.key = "name";
  keep(
    row,
    cells,
    (cell) => cell.kind,
    () => make("td", "watch", named("state", "span", "state"), named("objects", "span"), named("heard", "small", "muted")),
    updateWatch,
  );
}

function updateWatch(cell, watch) {
  if (watch.kind === "name") return;
  const fine = watch.state === "watching" && watch.synced;
  cell.classList.toggle("bad", Boolean(watch.state) && !fine && (watch.needed || watch.state === "retrying"));
  cell.classList.toggle("fine", fine);
  say(part(cell, "state"), watch.state ? (fine ? "" : watch.state === "absent" ? "not served" : watch.state) : NOT_KNOWN);
  say(part(cell, "objects"), watch.state && (watch.needed || fine) ? plural(watch.objects, "object", "objects") : "");
  setAge(part(cell, "heard"), watch.last_event_age_ms);
  cell.title = watch.detail ?? "";
}

function drawStore(store) {
  const line = byId("store");
  line.classList.toggle("bad", !store.reachable);
  if (!part(line, "state")) {
    line.append(named("state", "b", "state"), named("detail", "span"), named("spool", "span"), "last insert ", named("insert", "span"));
  }
  say(part(line, "state"), store.reachable ? "store reachable" : "store unreachable");
  say(part(line, "detail"), store.detail);
  say(part(line, "spool"), `${plural(store.spooled_rows, "row", "rows")} in the spool (${bytes(store.spooled_bytes)})`);
  setAge(part(line, "insert"), store.last_insert_age_ms, "never");
}
