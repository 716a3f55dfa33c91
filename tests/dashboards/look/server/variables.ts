// What the viewer chose of each variable, with the values that the sources have now; later ones may depend on earlier ones.
import type { Chosen, Json, Scope } from '../shared/model';
import { ALL, replaced } from '../shared/template';
import { timeBuiltins } from './builtins';
import { askClickhouse } from './clickhouse';
import { promFormat } from './prometheus';
import type { Sources } from './sources';

type Option = { text: string; value: string };
const same = (values: string[]): Option[] => values.map((value) => ({ text: value, value }));

async function get(base: string, path: string, asked: Record<string, string>): Promise<any> {
  const answer: any = await (await fetch(`${base}/api/v1/${path}?${new URLSearchParams(asked)}`)).json();
  if (answer.status !== 'success') throw new Error(answer.error);
  return answer.data;
}

async function ofPrometheus(base: string, query: string, scope: Scope): Promise<Option[]> {
  const expr = replaced(query, scope.variables, promFormat, timeBuiltins(scope));
  const span = { start: `${scope.from / 1000}`, end: `${scope.to / 1000}` };
  const values = /^label_values\((?:(.+),\s*)?(\w+)\)$/s.exec(expr.trim());
  if (values) return same(await get(base, `label/${values[2]}/values`, { ...span, ...(values[1] && { 'match[]': values[1] }) }));
  const result = /^query_result\((.+)\)$/s.exec(expr.trim());
  if (!result) throw new Error(`a variable's query of a kind that is not asked here: ${query}`);
  const { result: rows } = await get(base, 'query', { query: result[1], time: span.end });
  const labels = (metric: Json) => Object.entries(metric).filter(([key]) => key !== '__name__').map(([key, value]) => `${key}="${value}"`);
  return same(rows.map((row: Json) => `${row.metric.__name__ ?? ''}{${labels(row.metric).join(',')}} ${row.value[1]} ${row.value[0] * 1000}`));
}

/** A column of texts; of two columns the first is the value and the second its text. */
async function ofClickhouse(base: string, rawSql: string, scope: Scope): Promise<Option[]> {
  const answer = await askClickhouse(base, { refId: 'variable', rawSql, format: 1, queryType: 'table' }, scope);
  if (answer.error) throw new Error(answer.error);
  const [ids, texts] = answer.frames[0].fields;
  return ids.values.map((value, i) => ({ value: `${value}`, text: `${(texts ?? ids).values[i]}` }));
}

/** What the variable's own expression takes of each value: its groups `text` and `value`, its first group, or all of it. */
function taken(options: Option[], regex: string | undefined): Option[] {
  const parsed = /^\/(.*)\/(\w*)$/s.exec(regex ?? '');
  if (!regex) return options;
  const pattern = new RegExp(parsed?.[1] ?? `^${regex}$`, parsed?.[2].replace('g', '') ?? '');
  return options.flatMap(({ value }) => {
    const found = pattern.exec(value);
    if (!found) return [];
    const whole = found.groups?.value ?? found.groups?.text ?? found[1] ?? found[0];
    return [{ value: whole, text: found.groups?.text ?? whole }];
  });
}

function sorted(options: Option[], sort = 0): Option[] {
  const unique = [...new Map(options.map((one) => [one.value, one])).values()];
  if (!sort) return unique;
  const sign = sort % 2 ? 1 : -1;
  const numeric = sort === 3 || sort === 4;
  return unique.sort((a, b) => sign * (numeric ? parseFloat(a.text) - parseFloat(b.text) : a.text.localeCompare(b.text)));
}

async function found(variable: Json, sources: Sources, scope: Scope): Promise<Option[]> {
  if (variable.type === 'custom' || variable.type === 'interval')
    return `${variable.query}`.split(',').map((each) => each.trim().split(' : ')).map(([text, value]) => ({ text, value: value ?? text }));
  if (variable.type !== 'query') return [];
  const query = typeof variable.query === 'string' ? variable.query : variable.query.rawSql ?? variable.query.query;
  const isSql = /clickhouse/.test(variable.datasource?.type ?? '');
  const options = await (isSql ? ofClickhouse(sources.clickhouse, query, scope) : ofPrometheus(sources.prometheus, query, scope));
  return sorted(taken(options, variable.regex), variable.sort);
}

/** The choice: of the address, else the saved one if it is still there, else All, else the first. */
function choice(variable: Json, options: Option[], asked?: string[]): string[] {
  if (variable.type === 'datasource') return asked ?? [`${variable.query}`];
  if (variable.type === 'constant' || variable.type === 'textbox') return asked ?? [`${variable.current?.value ?? variable.query ?? ''}`];
  const all = variable.includeAll ? [ALL] : [];
  const there = (value: string) => [...all, ...options.map((one) => one.value)].includes(value);
  if (asked) return asked.map((value) => (value === 'All' ? ALL : value));
  const saved = [variable.current?.value ?? []].flat().map(String).filter(there);
  return saved.length ? saved : [...all, ...options.map((one) => one.value)].slice(0, 1);
}

export async function choose(dashboard: Json, sources: Sources, scope: Scope, asked: Record<string, string[]>): Promise<Chosen[]> {
  const made: Chosen[] = [];
  for (const variable of dashboard.templating?.list ?? []) {
    let options: Option[] = [], error: string | undefined;
    try {
      options = await found(variable, sources, { ...scope, variables: made });
    } catch (failed) {
      error = `${(failed as Error).message}`;
    }
    const values = choice(variable, options, asked[variable.name]);
    const text = (value: string) => (value === ALL ? 'All' : options.find((one) => one.value === value)?.text ?? value);
    made.push({
      name: variable.name, label: variable.label || variable.name, type: variable.type, hide: variable.hide ?? 0,
      multi: Boolean(variable.multi), includeAll: Boolean(variable.includeAll), allValue: variable.allValue || undefined,
      values, texts: values.map(text), options: options.map((one) => one.value), error,
    });
  }
  return made;
}
