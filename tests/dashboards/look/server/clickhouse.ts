// One SQL target, as version 4 of Grafana's ClickHouse plugin asks and shapes it: $__conditionalAll and the variables are
// replaced in the browser, the other macros by its Go half. Every macro that is not here is an error, as it is there.
import type { Answer, Frame, Scope, Target } from '../shared/model';
import { ALL, replaced, type Formatter } from '../shared/template';
import { timeBuiltins } from './builtins';

type Macro = (argument: string, scope: Scope) => string;
const seconds = (ms: number) => `toDateTime(${Math.floor(ms / 1000)})`;
const millis = (ms: number) => `fromUnixTimestamp64Milli(${ms})`;
const day = (ms: number) => `toDate('${new Date(ms).toISOString().slice(0, 10)}')`;
const step = ({ intervalMs }: Scope) => Math.max(1, Math.floor(intervalMs / 1000));

const MACROS: Record<string, Macro> = {
  fromTime: (_, { from }) => seconds(from),
  toTime: (_, { to }) => seconds(to),
  fromTime_ms: (_, { from }) => millis(from),
  toTime_ms: (_, { to }) => millis(to),
  timeFilter: (column, { from, to }) => `${column} >= ${seconds(from)} AND ${column} <= ${seconds(to)}`,
  timeFilter_ms: (column, { from, to }) => `${column} >= ${millis(from)} AND ${column} <= ${millis(to)}`,
  dateFilter: (column, { from, to }) => `${column} >= ${day(from)} AND ${column} <= ${day(to)}`,
  timeInterval: (column, scope) => `toStartOfInterval(toDateTime(${column}), INTERVAL ${step(scope)} second)`,
  timeInterval_ms: (column, { intervalMs }) => `toStartOfInterval(toDateTime64(${column}, 3), INTERVAL ${Math.max(1, intervalMs)} millisecond)`,
  interval_s: (_, scope) => `${step(scope)}`,
};

/** The arguments of a macro whose bracket opens at `open`, and where it closes; commas and quotes inside them are theirs. */
function argumentsAt(text: string, open: number): { parts: string[]; end: number } {
  const parts: string[] = [];
  let depth = 0, from = open + 1, quote = '';
  for (let i = open; i < text.length; i++) {
    const c = text[i];
    if (quote) quote = c === quote ? '' : quote;
    else if (c === "'" || c === '"') quote = c;
    else if (c === '(') depth++;
    else if (c === ',' && depth === 1) parts.push(text.slice(from, i)), (from = i + 1);
    else if (c === ')' && --depth === 0) return { parts: [...parts, text.slice(from, i)], end: i + 1 };
  }
  throw new Error(`a macro's bracket is not closed: ${text.slice(open - 20, open + 40)}`);
}

/** Its first argument, or `1=1` where the viewer chose everything of the variable in its second. */
function conditionalAll(sql: string, scope: Scope): string {
  const macro = '$__conditionalAll(';
  for (let at = sql.lastIndexOf(macro); at !== -1; at = sql.lastIndexOf(macro)) {
    const { parts, end } = argumentsAt(sql, at + macro.length - 1);
    const name = /\$\{?(\w+)/.exec(parts[1] ?? '')?.[1];
    const variable = scope.variables.find((one) => one.name === name);
    if (parts.length !== 2 || !variable) throw new Error(`$__conditionalAll takes a condition and a variable: ${sql.slice(at, end)}`);
    const everything = ['', ALL].includes(variable.values.join(','));
    sql = sql.slice(0, at) + (everything ? '1=1' : parts[0]) + sql.slice(end);
  }
  return sql;
}

/** What the plugin's Go half does, last: so a macro may hold a variable. */
function macros(sql: string, scope: Scope): string {
  for (let found = /\$__(\w+)/.exec(sql); found; found = /\$__(\w+)/.exec(sql)) {
    const [whole, name] = found;
    const open = found.index + whole.length;
    if (!MACROS[name]) throw new Error(`unknown variable or macro ${whole}`);
    const { parts, end } = sql[open] === '(' ? argumentsAt(sql, open) : { parts: [''], end: open };
    sql = sql.slice(0, found.index) + MACROS[name](parts.join(',').trim(), scope) + sql.slice(end);
  }
  return sql;
}

const arrayFormat: Formatter = (value) => (Array.isArray(value) ? `'${value.join("','")}'` : value);

export function sql(raw: string, scope: Scope): string {
  const times = timeBuiltins(scope);
  const builtin = (name: string) => times(name, '', '') ?? (MACROS[name.slice(2)] && name.startsWith('__') ? `$${name}` : undefined);
  return macros(replaced(conditionalAll(raw, scope), scope.variables, arrayFormat, builtin), scope);
}

export function kind(type: string): string {
  const bare = type.replace(/^(LowCardinality\(|Nullable\()+/, '');
  if (/^Date/.test(bare)) return 'time';
  if (/^(U?Int|Float|Decimal)/.test(bare)) return 'number';
  return /^Bool/.test(bare) ? 'boolean' : 'string';
}

function cell(value: any, type: string): unknown {
  if (value === null) return null;
  if (type === 'time') return Date.parse(value.length > 10 ? `${value.replace(' ', 'T')}Z` : `${value}T00:00:00Z`);
  if (type === 'number') return Number(value);
  return typeof value === 'object' ? JSON.stringify(value) : value;
}

/** A column for each value and each combination of its texts, a row for each instant, as the plugin SDK turns long into wide. */
function wide(frame: Frame, intervalMs: number): Frame {
  const time = frame.fields.find((field) => field.type === 'time');
  const texts = frame.fields.filter((field) => field.type === 'string');
  if (!time || !frame.fields.some((field) => field.type === 'number')) return frame;
  const instants = time.values as number[];
  if (instants.some((at, i) => i > 0 && at < instants[i - 1])) throw new Error('a time series must be sorted by time: ORDER BY time');
  const rows = [...new Set(instants)];
  const place = new Map(rows.map((at, i) => [at, i]));
  const columns = new Map<string, Frame['fields'][number]>();
  for (const field of frame.fields.filter((one) => one.type === 'number'))
    instants.forEach((at, i) => {
      const labels = Object.fromEntries(texts.map((text) => [text.name, `${text.values[i] ?? ''}`]));
      const key = field.name + JSON.stringify(labels);
      const column = columns.get(key) ?? { name: field.name, type: 'number', labels: texts.length ? labels : undefined, config: {}, values: new Array(rows.length).fill(null) };
      columns.set(key, column);
      column.values[place.get(at)!] = field.values[i];
    });
  return { ...frame, fields: [{ ...time, config: { interval: intervalMs }, values: rows }, ...columns.values()] };
}

export async function askClickhouse(base: string, target: Target, scope: Scope): Promise<Answer> {
  const expr = sql(target.rawSql!, scope);
  const began = performance.now();
  // The reader of the store may set nothing, so the format is all that is asked for.
  const response = await fetch(`${base}/?default_format=JSONCompact`, { method: 'POST', body: expr });
  const text = await response.text();
  const ms = performance.now() - began;
  if (!response.ok) return { error: text.slice(0, 600), expr, ms, points: 0, frames: [] };
  const { meta, data } = JSON.parse(text) as { meta: { name: string; type: string }[]; data: any[][] };
  const fields = meta.map(({ name, type }, i) => ({ name, type: kind(type), config: {}, values: data.map((row) => cell(row[i], kind(type))) }));
  const frame: Frame = { refId: target.refId, fields };
  const isSeries = (target.format ?? 0) === 0 && target.queryType !== 'table' && data.length > 0;
  return { expr, ms, points: data.length, frames: [isSeries ? wide(frame, scope.intervalMs) : frame] };
}
