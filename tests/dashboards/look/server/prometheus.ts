// One PromQL target, asked and shaped as Grafana's Prometheus data source does.
import type { Answer, Frame, Scope, Target } from '../shared/model';
import { regexEscaped, replaced, type Formatter } from '../shared/template';
import { timeBuiltins } from './builtins';

type Sample = { metric: Record<string, string>; values?: [number, string][]; value?: [number, string] };

/** Several values are alternatives of a regular expression; in a string of PromQL its backslashes are doubled. */
export const promFormat: Formatter = (value, variable) => {
  if (!Array.isArray(value) && !variable.multi && !variable.includeAll) return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  const each = (Array.isArray(value) ? value : [value]).map((one) => regexEscaped(one).replaceAll('\\', '\\\\'));
  return each.length === 1 ? each[0] : `(${each.join('|')})`;
};

export const promql = (expr: string, scope: Scope) => replaced(expr, scope.variables, promFormat, timeBuiltins(scope));

const number = (text: string) => (text === 'NaN' ? null : text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));
const own = (metric: Record<string, string>) => Object.entries(metric).filter(([key]) => key !== '__name__');

/** The name of a series: its template, or its labels as Prometheus writes them. */
function legend(format: string | undefined, metric: Record<string, string>, expr: string): string {
  if (format && format !== '__auto') return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, key) => metric[key] ?? '');
  const labels = own(metric).map(([key, value]) => `${key}="${value}"`).join(', ');
  return labels ? `${metric.__name__ ?? ''}{${labels}}` : metric.__name__ ?? expr;
}

/** A row for each series; of several tables, each value column bears its query's letter. */
function table(target: Target, result: Sample[], scope: Scope): Frame[] {
  const keys = [...new Set(result.flatMap((row) => own(row.metric).map(([key]) => key)))].sort();
  const last = (row: Sample) => row.value ?? row.values![row.values!.length - 1];
  return [{
    refId: target.refId,
    meta: { preferredVisualisationType: 'table' },
    fields: [
      { name: 'Time', type: 'time', config: {}, values: result.map((row) => last(row)[0] * 1000) },
      ...keys.map((key) => ({ name: key, type: 'string', config: { filterable: true }, values: result.map((row) => row.metric[key] ?? '') })),
      { name: scope.tables > 1 ? `Value #${target.refId}` : 'Value', type: 'number', config: {}, values: result.map((row) => number(last(row)[1])) },
    ],
  }];
}

function series(target: Target, expr: string, result: Sample[], scope: Scope): Frame[] {
  return result.map((row) => {
    const points = row.values ?? [row.value!];
    const name = legend(target.legendFormat, row.metric, expr);
    return {
      refId: target.refId,
      name,
      meta: { type: 'timeseries-multi' },
      fields: [
        { name: 'Time', type: 'time', config: { interval: scope.intervalMs }, values: points.map(([at]) => at * 1000) },
        { name: 'Value', type: 'number', labels: row.metric, config: { displayNameFromDS: name }, values: points.map(([, text]) => number(text)) },
      ],
    };
  });
}

/** Buckets of a histogram as rows of a heatmap: each less the one below it, from the lowest up. */
function heatmap(frames: Frame[]): Frame[] {
  const bound = (frame: Frame) => number(frame.fields[1].labels?.le ?? 'NaN') ?? NaN;
  const sorted = frames.filter((frame) => !Number.isNaN(bound(frame))).sort((a, b) => bound(a) - bound(b));
  const below = new Map<number, number>();
  for (const frame of sorted) {
    const [time, value] = frame.fields;
    value.values = value.values.map((count, i) => {
      const at = time.values[i] as number;
      const more = Math.max(0, Number(count) - (below.get(at) ?? 0));
      below.set(at, Number(count));
      return more;
    });
  }
  return sorted;
}

export async function askPrometheus(base: string, target: Target, scope: Scope): Promise<Answer> {
  const expr = promql(target.expr!, scope);
  const step = Math.max(1, Math.round(scope.intervalMs / 1000));
  const aligned = (ms: number) => Math.floor(ms / 1000 / step) * step;
  const [path, asked] = target.instant
    ? ['query', { query: expr, time: `${scope.to / 1000}` }]
    : ['query_range', { query: expr, start: `${aligned(scope.from)}`, end: `${aligned(scope.to)}`, step: `${step}` }];
  const began = performance.now();
  const answer: any = await (await fetch(`${base}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(asked) })).json();
  const ms = performance.now() - began;
  if (answer.status !== 'success') return { error: answer.error, expr, ms, points: 0, frames: [] };
  const result: Sample[] = answer.data.result;
  const points = result.reduce((sum, row) => sum + (row.values?.length ?? 1), 0);
  if (target.format === 'table') return { expr, ms, points, frames: result.length ? table(target, result, scope) : [] };
  const frames = series(target, expr, result, scope);
  return { expr, ms, points, frames: target.format === 'heatmap' ? heatmap(frames) : frames };
}
