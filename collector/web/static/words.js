// How figures read: whole numbers, ages, bytes and money. Nothing here touches the page.

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

// Amounts arrive as text and are formatted as text: a Number would round what a ledger must not.
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

function pad(n) {
  return String(n).padStart(2, "0");
}
