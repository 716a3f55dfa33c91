// Times as an address or a dashboard writes them.
const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, M: 2_592_000_000, y: 31_536_000_000 };

/** `30s` or `>1m` as milliseconds; 0 for none. */
export function milliseconds(text?: string): number {
  const found = /^>?\s*(\d+)(ms|[smhdwMy])$/.exec(text ?? '');
  return found ? Number(found[1]) * UNITS[found[2]] : 0;
}

/** `now-15m`, `now-1d/d` (begin of the day, UTC), milliseconds or an ISO time, as milliseconds since 1970. */
export function instant(text: string, now: number): number {
  if (/^\d+$/.test(text)) return Number(text);
  const found = /^now(?:-(\w+))?(?:\/(d))?$/.exec(text);
  const at = found ? now - milliseconds(found[1]) : Date.parse(text);
  if (Number.isNaN(at)) throw new Error(`not a time: ${text}`);
  return found?.[2] ? Math.floor(at / UNITS.d) * UNITS.d : at;
}
