// Formats figures in the language of the page: whole numbers, ages, bytes and money; and finds messages. Does not touch the page.

const LANGUAGE = document.documentElement.lang;
const { default: messages } = await import(`./messages-${LANGUAGE}.js`);

const whole = new Intl.NumberFormat(LANGUAGE);
const cents = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const NOT_KNOWN = "–";

// A message in the language of the page, with values in the place of {names}. The names are those of generate/catalogs.py.
export function text(message, values = {}) {
  return filled(messages[message] ?? message, values);
}

// The form of a message for a number, which is {number} in it.
export function plural(one, many, n, values = {}) {
  const forms = messages[one] ?? [one, many];
  return filled(forms[n === 1 ? 0 : 1], { number: count(n), ...values });
}

function filled(message, values) {
  return message.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

// Texts side by side, as a list in one line.
export function listed(texts) {
  return texts.filter(Boolean).join(text(", "));
}

export function count(n) {
  return n === null || n === undefined ? NOT_KNOWN : whole.format(n);
}

export function age(ms) {
  if (ms === null || ms === undefined) return NOT_KNOWN;
  const s = Math.floor(ms / 1000);
  if (s < 1) return text("< 1 s");
  if (s < 60) return text("{seconds} s", { seconds: s });
  if (s < 3600) return text("{minutes} m {seconds} s", { minutes: Math.floor(s / 60), seconds: pad(s % 60) });
  if (s < 86400) return text("{hours} h {minutes} m", { hours: Math.floor(s / 3600), minutes: pad(Math.floor((s % 3600) / 60)) });
  return text("{days} d {hours} h", { days: Math.floor(s / 86400), hours: pad(Math.floor((s % 86400) / 3600)) });
}

// Amounts arrive as text and are formatted as text, because a Number would round them.
export function money(cost) {
  if (cost === null || cost === undefined) return text("unknown");
  const shown = cents.format(cost);
  return shown === "0.00" && /[1-9]/.test(cost) ? "< 0.01" : shown;
}

export function share(part) {
  if (part === null || part === undefined) return NOT_KNOWN;
  const percent = part * 100;
  return percent > 0 && percent < 1 ? text("< 1 %") : text("{percent} %", { percent: Math.round(percent) });
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
  return date.toLocaleTimeString(LANGUAGE, { hourCycle: "h23" });
}

// The name of a reason or a cause: names.py has those of the catalogues.
export function reason(name) {
  return text(name.replaceAll("_", " "));
}

export function queueName(place) {
  return place.namespace === place.queue ? place.queue : `${place.namespace} / ${place.queue}`;
}

// A rough time span, to the minute: it is only a forecast.
export function about(ms) {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return text("< 1 min");
  if (minutes < 120) return text("{number} min", { number: minutes });
  return minutes < 2880 ? text("{number} h", { number: Math.round(minutes / 60) }) : text("{number} d", { number: Math.round(minutes / 1440) });
}

export function until(ms) {
  return ms <= 0 ? text("due {age} ago", { age: age(-ms) }) : text("due in {age}", { age: age(ms) });
}

// How a queue moves: a short text, counts, and a sentence.
export function drain(flow) {
  if (!flow) return { words: NOT_KNOWN, counts: "", meaning: text("nothing has been counted yet") };
  const span = about(flow.window_ms >= 290_000 ? 300_000 : flow.window_ms);
  const moved = { span, arrived: count(flow.arrivals), began: count(flow.starts), drain: about(flow.drain_ms) };
  return { counts: text("{arrived} in, {began} began", moved), ...movement(flow.state, moved) };
}

function movement(state, moved) {
  switch (state) {
    case "draining":
      return {
        words: text("drains in {drain}", moved),
        meaning: text("in the last {span} {arrived} arrived and {began} began; at this rate, all that wait now will have begun by then", moved),
      };
    case "growing":
      return {
        words: text("growing"),
        meaning: text("in the last {span} {arrived} arrived and {began} began; those that wait now begin within {drain}, but more arrive than begin", moved),
      };
    case "not_draining":
      return {
        words: text("not draining"),
        meaning: text("in the last {span} {arrived} arrived and {began} began: check why they wait, and the controller", moved),
      };
    default:
      return { words: text("measuring"), meaning: text("in the last {span} {arrived} arrived and {began} began", moved) };
  }
}

function pad(n) {
  return String(n).padStart(2, "0");
}
