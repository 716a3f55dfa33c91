// Draws one answer of /api/v1/live into the page. Computes no figure of its own.

import { drawControllers, makeControllers } from "./controllers.js";
import { byId, el, leadToQueue, named, part, reconcile, setAge, setText, show, stack } from "./dom.js";
import { drawLimits } from "./limits.js";
import { first } from "./more.js";
import { drawTrouble } from "./trouble.js";
import { bytes, count, drain, listed, money, NOT_KNOWN, plural, queueName, reason, share, text } from "./words.js";

const SHOWN_QUEUES = 20;
const MOST_QUEUES = 300;
const SHOWN_DEPARTMENTS = 12;
const NOTHING_WAITS = text("No workflow is waiting. All submitted workflows have begun.");
const UNALLOCATED = "unallocated";

export function draw(live, view) {
  drawProblems(live.problems.filter((problem) => !problem.optional));
  drawTotals(live);
  drawClusters(live.clusters, live.replica);
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
  reconcile(
    list,
    problems,
    (p) => JSON.stringify([p.subject, p.cluster, p.kind]),
    () => el("li", "", named("where", "b"), named("reason", "span"), named("remedy", "span", "muted")),
    (item, p) => {
      item.classList.toggle("blocking", p.blocking);
      setText(part(item, "where"), [p.cluster ?? p.subject, p.kind].filter(Boolean).join(" · "));
      setText(part(item, "reason"), p.reason);
      setText(part(item, "remedy"), p.remedy);
    },
  );
}

function drawTotals({ totals, clusters, money: spent }) {
  setText(byId("scope"), clusters.length ? plural("{number} cluster", "{number} clusters", clusters.length) : "");
  setText(byId("total-waiting"), count(totals.waiting));
  setText(byId("total-queues"), totals.queues ? plural("in {number} queue", "in {number} queues", totals.queues) : text("no queue"));
  setText(byId("total-running"), count(totals.running));
  setText(byId("total-begun"), count(totals.begun));
  setText(byId("total-stuck"), text("{number} of them stuck", { number: count(totals.stuck) }));
  show(byId("total-stuck"), totals.stuck > 0);
  show(byId("begun-meaning"), totals.stuck === 0);
  setAge(byId("total-oldest"), totals.oldest_age_ms, text("none"));
  const place = totals.oldest_in;
  leadToQueue(byId("total-oldest-in"), place);
  setText(byId("total-oldest-in"), place ? `${place.cluster} · ${queueName(place)}` : text("no workflow is waiting"));
  if (spent) drawSpent(spent);
  const bar = byId("fleet-bar");
  stack(bar, totals.reasons, 1);
  show(bar, totals.waiting > 0);
  for (const item of document.querySelectorAll(".legend [data-reason]")) {
    const found = totals.reasons.find((group) => group.reason === item.dataset.reason);
    item.classList.toggle("none", !found);
    setText(item.querySelector(".count"), count(found ? found.workflows : 0));
  }
}

function drawSpent(spent) {
  const rows = spent.known ? spent.totals : [{ currency: "", cost: null, accruing: false, unpriced_pods: 0 }];
  reconcile(
    byId("total-spent"),
    rows.length ? rows : [{ currency: text("nothing charged yet"), cost: NOT_KNOWN, accruing: false }],
    (total) => total.currency,
    () => el("span", "amount", named("cost", "b"), named("currency", "small")),
    (node, total) => {
      setText(part(node, "cost"), total.cost === NOT_KNOWN ? NOT_KNOWN : money(total.cost));
      setText(part(node, "currency"), listed([total.currency, total.accruing ? text("accruing") : ""]));
      node.classList.toggle("unknown", total.cost === null);
    },
  );
}

function drawClusters(clusters, replica) {
  show(byId("no-clusters"), clusters.length === 0 && !replica);
  show(byId("replica"), Boolean(replica));
  setText(byId("replica"), replica);
  reconcile(byId("clusters"), clusters, (cluster) => cluster.name, makeCard, updateCard);
}

function makeCard() {
  const card = el("li", "card");
  const name = el("h3", "", named("name", "span"), named("state", "span", "state"));
  const bar = el("div", "track", named("bar", "div", "bar"));
  bar.setAttribute("aria-hidden", "true");
  const figures = el("dl", "figures");
  for (const [key, label] of [["waiting", text("waiting")], ["oldest", text("oldest")], ["running", text("running")], ["begun", text("begun")]]) {
    figures.append(el("div", "", el("dt", "", label), named(key, "dd")));
  }
  const incidents = el("p", "incidents", named("oom", "span"), named("restarts", "span"));
  figures.setAttribute("title", text("waiting, oldest: workflows whose work has not begun; begun: work began, but no main container runs"));
  card.append(name, named("detail", "p", "detail"), figures, bar, el("p", "caveat", text("figures are incomplete")), incidents, makeControllers());
  return card;
}

function updateCard(card, cluster) {
  card.classList.toggle("bad", !cluster.ready);
  // Figures that need a kind which was not yet listed in full are too small.
  card.classList.toggle("incomplete", cluster.watches.some((watch) => watch.needed && !watch.synced));
  setText(part(card, "name"), cluster.name);
  setText(part(card, "state"), cluster.ready ? text("ready") : text("not ready"));
  setText(part(card, "detail"), cluster.detail || (cluster.ready ? "" : text("no reason is known")));
  show(part(card, "detail"), Boolean(cluster.detail) || !cluster.ready);
  setText(part(card, "waiting"), count(cluster.waiting));
  setText(part(card, "running"), count(cluster.running));
  setText(part(card, "begun"), count(cluster.begun));
  setAge(part(card, "oldest"), cluster.oldest_age_ms);
  stack(part(card, "bar"), cluster.reasons, cluster.waiting ? 1 : 0);
  const { controller_oom_kills: kills, controller_restarts: restarts } = cluster;
  const unseen = cluster.controllers.length ? "" : text("controller not seen");
  setText(part(card, "oom"), kills === null ? unseen : plural("controller: {number} OOM kill", "controller: {number} OOM kills", kills));
  setText(part(card, "restarts"), restarts === null ? "" : plural("{number} restart", "{number} restarts", restarts));
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
  setText(byId("no-queues"), clusters.length ? NOTHING_WAITS : text("No cluster is watched here yet, so no queue is known."));
  show(byId("queues"), queues.length > 0);
  setText(byId("queues-shown"), shownWords(queues.length, wanted.length, shown.length));
  reconcile(
    byId("queue-rows"),
    shown,
    (q) => JSON.stringify([q.cluster, q.namespace, q.queue]),
    makeQueue,
    (row, queue) => updateQueue(row, queue, deepest),
  );
}

function shownWords(all, wanted, shown) {
  if (shown < wanted) return text("{part} of {whole} shown", { part: count(shown), whole: count(wanted) });
  return wanted < all ? text("{part} of {whole}", { part: count(wanted), whole: count(all) }) : "";
}

function makeQueue() {
  const queue = el("td", "c-queue", el("div", "clamp", named("namespace", "span", "namespace"), named("queue", "a")));
  const bar = el("div", "track", named("bar", "div", "bar"));
  bar.setAttribute("aria-hidden", "true");
  const why = el("td", "c-why", bar, named("why", "ul", "why"));
  const row = el("tr", "", named("cluster", "td", "c-cluster"), queue, named("depth", "td", "c-depth number"), why);
  row.append(el("td", "c-flow", named("drain", "b"), " ", named("flow", "small")), named("oldest", "td", "c-oldest number"));
  return row;
}

function updateQueue(row, queue, deepest) {
  setText(part(row, "cluster"), queue.cluster);
  part(row, "cluster").title = queue.cluster;
  setText(part(row, "namespace"), queue.namespace === queue.queue ? "" : `${queue.namespace} / `);
  setText(part(row, "queue"), queue.queue);
  leadToQueue(part(row, "queue"), queue);
  row.querySelector(".c-queue").title = `${queue.namespace} / ${queue.queue}`;
  setText(part(row, "depth"), count(queue.depth));
  stack(part(row, "bar"), queue.reasons, queue.depth / deepest);
  setAge(part(row, "oldest"), queue.oldest_age_ms);
  const moves = drain(queue.flow);
  setText(part(row, "drain"), moves.words);
  setText(part(row, "flow"), moves.counts);
  row.querySelector(".c-flow").dataset.state = queue.flow?.state ?? "unknown";
  row.querySelector(".c-flow").title = moves.meaning;
  reconcile(
    part(row, "why"),
    queue.reasons,
    (group) => group.reason,
    (group) => el("li", "", el("i", `swatch r-${group.reason}`), named("text", "span")),
    (item, group) => setText(part(item, "text"), `${count(group.workflows)} ${reason(group.reason)}`),
  );
}

function drawBegun(begun) {
  show(byId("begun-section"), begun.length > 0);
  const most = Math.max(1, ...begun.map((group) => group.workflows));
  reconcile(
    byId("begun"),
    begun,
    (group) => group.reason,
    (group) => {
      const head = el("div", "head", el("b", "", reason(group.reason)), named("count", "span", "number"));
      const track = el("div", "track", named("bar", "div", "bar"));
      track.setAttribute("aria-hidden", "true");
      return el("li", "", head, track, el("div", "foot", meaning(group.reason), named("oldest", "small", "number")));
    },
    (item, group) => {
      setText(part(item, "count"), count(group.workflows));
      stack(part(item, "bar"), [group], group.workflows / most);
      setAge(part(item, "oldest"), group.oldest_age_ms);
      item.title = text("longest in {place}", { place: `${group.oldest_in.cluster} · ${queueName(group.oldest_in)}` });
    },
  );
}

function meaning(name) {
  const found = byId("begun-words").querySelector(`[data-reason="${CSS.escape(name)}"]`);
  return el("small", "", found ? found.textContent : "");
}

function drawMoney(spent) {
  const unknown = byId("money-unknown");
  show(unknown, !spent.known || Boolean(spent.detail));
  setText(unknown, spent.known ? spent.detail : text("Unknown: {why}.", { why: spent.detail }));
  setText(byId("money-day"), spent.day ?? "");
  show(byId("money-running"), spent.running.length > 0);
  setText(byId("money-running"), spent.running.map(anHour).join(text("; ")));
  show(byId("no-money"), spent.known && spent.totals.length === 0);
  reconcile(
    byId("money"),
    spent.totals,
    (total) => total.currency,
    () => el("div", "", el("h3", "", named("title", "span"), " ", named("notes", "small")), named("rows", "ul", "meters")),
    (block, total) => {
      setText(part(block, "title"), `${money(total.cost)} ${total.currency}`);
      setText(part(block, "notes"), moneyNotes(total));
      drawDepartments(part(block, "rows"), spent.departments.filter((d) => d.currency === total.currency));
    },
  );
}

function anHour({ currency, per_hour: cost, pods, unpriced_pods: unpriced }) {
  const amount = plural("running now: {cost} per hour, {number} pod", "running now: {cost} per hour, {number} pods", pods, { cost: `${money(cost)} ${currency}` });
  return listed([amount, unpriced ? text("{number} of them without a price", { number: count(unpriced) }) : ""]);
}

function drawDepartments(list, departments) {
  // Unallocated cost is always shown, however small.
  const shown = departments.filter((d, place) => place < SHOWN_DEPARTMENTS || d.department === UNALLOCATED);
  const rest = departments.length - shown.length;
  const rows = rest > 0 ? [...shown, { department: plural("{number} more department", "{number} more departments", rest), more: true }] : shown;
  reconcile(list, rows, (d) => d.department, makeDepartment, updateDepartment);
}

function makeDepartment() {
  const head = el("div", "head", named("name", "b"), named("notes", "small", "muted"), named("cost", "span", "number"));
  const track = el("div", "track", named("bar", "div", "bar"));
  track.append(named("share", "small", "number muted"));
  return el("li", "department", head, track);
}

function updateDepartment(item, department) {
  item.classList.toggle("unallocated", department.department === UNALLOCATED);
  setText(part(item, "name"), department.department === UNALLOCATED ? text(UNALLOCATED) : department.department);
  show(item.querySelector(".track"), !department.more);
  if (department.more) return;
  setText(part(item, "notes"), moneyNotes(department));
  setText(part(item, "cost"), money(department.cost));
  part(item, "cost").classList.toggle("unknown", department.cost === null);
  part(item, "bar").style.width = `${Math.min(100, Math.max(0, (department.share ?? 0) * 100))}%`;
  show(part(item, "bar"), department.share > 0);
  setText(part(item, "share"), share(department.share));
}

function moneyNotes({ accruing, unpriced_pods: unpriced }) {
  return listed([accruing ? text("accruing") : "", unpriced ? plural("{number} pod without a price", "{number} pods without a price", unpriced) : ""]);
}

function drawWatches(clusters) {
  const kinds = [...new Set(clusters.flatMap((cluster) => cluster.watches.map((watch) => watch.kind)))];
  reconcile(
    byId("watch-kinds"),
    ["cluster", ...kinds],
    (kind) => kind,
    () => Object.assign(el("th"), { scope: "col" }),
    (cell, kind) => setText(cell, kind === "cluster" ? text("Cluster") : kind),
  );
  reconcile(
    byId("watch-rows"),
    clusters.map((cluster) => ({ cluster, kinds })),
    (row) => row.cluster.name,
    () => el("tr", "", Object.assign(named("name", "th"), { scope: "row" })),
    updateWatches,
  );
}

function updateWatches(row, { cluster, kinds }) {
  const name = part(row, "name");
  setText(name, cluster.name);
  const cells = [{ kind: "name" }, ...kinds.map((kind) => cluster.watches.find((watch) => watch.kind === kind) ?? { kind })];
  name.dataset.key = "name";
  reconcile(
    row,
    cells,
    (cell) => cell.kind,
    () => el("td", "watch", named("state", "span", "state"), named("objects", "span"), named("event", "small", "muted")),
    updateWatch,
  );
}

function updateWatch(cell, watch) {
  if (watch.kind === "name") return;
  const fine = watch.state === "watching" && watch.synced;
  cell.classList.toggle("bad", Boolean(watch.state) && !fine && (watch.needed || watch.state === "retrying"));
  cell.classList.toggle("fine", fine);
  setText(part(cell, "state"), watch.state ? (fine ? "" : watch.state === "absent" ? text("not served") : text(watch.state)) : NOT_KNOWN);
  setText(part(cell, "objects"), watch.state && (watch.needed || fine) ? plural("{number} object", "{number} objects", watch.objects) : "");
  setAge(part(cell, "event"), watch.last_event_age_ms, "", text("last event {age}"));
  cell.title = watch.detail ?? "";
}

function drawStore(store) {
  const line = byId("store");
  line.classList.toggle("bad", !store.reachable);
  if (!part(line, "state")) {
    line.append(named("state", "b", "state"), named("detail", "span"), named("spool", "span"), named("insert", "span"));
  }
  setText(part(line, "state"), store.reachable ? text("store reachable") : text("store unreachable"));
  setText(part(line, "detail"), text(store.detail));
  setText(part(line, "spool"), plural("{number} row in the spool ({bytes})", "{number} rows in the spool ({bytes})", store.spooled_rows, { bytes: bytes(store.spooled_bytes) }));
  setAge(part(line, "insert"), store.last_insert_age_ms, text("last insert never"), text("last insert {age}"));
}
