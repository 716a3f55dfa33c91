// Formats figures: whole numbers, ages, bytes and money. Does not touch the page.

const whole = new Intl.NumberFormat("en");
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const NOT_KNOWN = "–";

export function count(n) {
  return n === null || n === undefined ? NOT_KNOWN : whole.format(n);
}

export function plural(n, one, many) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function age(ms) {
  if (ms === null || ms === undefined) return NOT_KNOWN;
  const s = Math.floor(ms / 1000);
  if (s < 1) return "< 1 s";
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${pad(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${pad(Math.floor((s % 3600) / 60))} m`;
  return `${Math.floor(s / 86400)} d ${pad(Math.floor((s % 86400) / 3600))} h`;
}

// Amounts arrive as text and are formatted as text, because a Number would round them.
export function money(cost) {
  if (cost === null || cost === undefined) return "unknown";
  const shown = cents.format(cost);
  return shown === "0.00" && /[1-9]/.test(cost) ? "< 0.01" : shown;
}

export function share(part) {
  if (part === null || part === undefined) return NOT_KNOWN;
  const percent = part * 100;
  return percent > 0 && percent < 1 ? "< 1 %" : `${Math.round(percent)} %`;
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${n.toFixed(unit && n < 10 ? 1 : 0)} ${units[unit]}`;
}

export function clock(date) {
  return date.toLocaleTimeString("en-GB");
}

export function reason(name) {
  return name.replaceAll("_", " ");
}

export function queueName(place) {
  return place.namespace === place.queue ? place.queue : `${place.namespace} / ${place.queue}`;
}

// A rough time span, to the minute: it is only a forecast.
export function about(ms) {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return "< 1 min";
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} d`;
}

export function until(ms) {
  return ms <= 0 ? `due ${age(-ms)} ago` : `due in ${age(ms)}`;
}

// How a queue moves: a short text, counts, and a sentence.
export function drain(flow) {
  if (!flow) return { words: NOT_KNOWN, counts: "", meaning: "nothing has been counted yet" };
  const span = flow.window_ms >= 290_000 ? "5 minutes" : about(flow.window_ms);
  const counts = `${count(flow.arrivals)} in, ${count(flow.starts)} began`;
  const summary = `in the last ${span} ${count(flow.arrivals)} arrived and ${count(flow.starts)} began`;
  switch (flow.state) {
    case "draining":
      return { words: `drains in ${about(flow.drain_ms)}`, counts, meaning: `${summary}; at this rate, all that wait now will have begun by then` };
    case "growing":
      return { words: "growing", counts, meaning: `${summary}; those that wait now begin within ${about(flow.drain_ms)}, but more arrive than begin` };
    case "not_draining":
      return { words: "not draining", counts, meaning: `${summary}: check why they wait, and the controller` };
    default:
      return { words: "measuring", counts, meaning: summary };
  }
}

function pad(n) {
  return String(n).padStart(2, "0");
}
