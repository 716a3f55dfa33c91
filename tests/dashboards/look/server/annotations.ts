// Marks over the panels: instants and regions, from PromQL or SQL.
import type { Json, Scope } from '../shared/model';
import { askClickhouse } from './clickhouse';
import { askPrometheus } from './prometheus';
import type { Sources } from './sources';
import { milliseconds } from './times';

export interface Mark { name: string; color: string; time: number; timeEnd: number; text: string }
export interface Marks { name: string; color: string; hidden: boolean; marks: Mark[]; error?: string }

const filled = (text: string, labels: Record<string, string>) => text.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, key) => labels[key] ?? '');

/** An instant for each value but 0; those that follow one another within a step are a region. */
async function ofPrometheus(note: Json, sources: Sources, scope: Scope) {
  const query = note.target ?? note;
  const step = milliseconds(note.step || query.interval || query.step) || 60_000;
  const answer = await askPrometheus(sources.prometheus, { refId: 'note', expr: query.expr ?? note.expr }, { ...scope, intervalMs: step });
  const marks = answer.frames.flatMap((frame) => {
    const [times, values] = frame.fields;
    const text = [filled(note.titleFormat ?? '', values.labels ?? {}), filled(note.textFormat ?? '', values.labels ?? {})].join(' ').trim();
    const own: { time: number; timeEnd: number; text: string }[] = [];
    (times.values as number[]).forEach((time, i) => {
      if (!values.values[i]) return;
      const last = own.at(-1);
      if (last && time - last.timeEnd <= step) last.timeEnd = time;
      else own.push({ time, timeEnd: time, text });
    });
    return own;
  });
  return { marks, error: answer.error };
}

/** Columns time, timeEnd, title, text, as the plugin's annotations have them. */
async function ofClickhouse(note: Json, sources: Sources, scope: Scope) {
  const target = note.target ?? note;
  const answer = await askClickhouse(sources.clickhouse, { refId: 'note', rawSql: target.rawSql ?? target.query ?? note.rawQuery, format: 1, queryType: 'table' }, scope);
  if (answer.error) return { marks: [], error: answer.error };
  const column = (...names: string[]) => answer.frames[0].fields.find((field) => names.includes(field.name.toLowerCase()))?.values;
  const times = column('time'), ends = column('timeend', 'time_end'), titles = column('title'), texts = column('text');
  if (!times) return { marks: [], error: 'an annotation has no column time' };
  const marks = times.map((time, i) => ({
    time: time as number, timeEnd: (ends?.[i] as number) ?? (time as number), text: [titles?.[i], texts?.[i]].filter(Boolean).join(' '),
  }));
  return { marks, error: undefined };
}

export async function annotations(dashboard: Json, sources: Sources, scope: Scope): Promise<Marks[]> {
  const notes = (dashboard.annotations?.list ?? []).filter((note: Json) => note.enable !== false && note.builtIn !== 1);
  return Promise.all(notes.map(async (note: Json) => {
    const head = { name: note.name, color: note.iconColor ?? 'red', hidden: Boolean(note.hide) };
    try {
      const isSql = /clickhouse/.test(note.datasource?.type ?? '');
      const { marks, error } = await (isSql ? ofClickhouse : ofPrometheus)(note, sources, scope);
      return { ...head, error, marks: marks.map((mark) => ({ ...mark, name: note.name, color: head.color })) };
    } catch (failed) {
      return { ...head, marks: [], error: (failed as Error).message };
    }
  }));
}
