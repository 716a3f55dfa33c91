// One panel: asks its queries, shapes the answers, draws them in Grafana's frame, and reports what it drew.
import React, { useEffect, useMemo, useState } from 'react';
import {
  dateTime, FieldType, formattedValueToString, getFieldDisplayName, rangeUtil, toDataFrame, type DataFrame, type TimeRange,
} from '@grafana/data';
import { Icon, PanelChrome, useTheme2 } from '@grafana/ui';
import type { Mark, Marks } from '../server/annotations';
import type { Answer, Json, PanelModel, Scope, Target } from '../shared/model';
import { Drawn, figuresOf, KINDS } from './draw';
import { completed, shaped } from './fields';
import { interpolator, targetsOf } from './links';
import type { Seen } from './report';

/** So many rows of a table are reported. */
const ROWS = 200;

const back = (value: unknown) => (value === 'Infinity' ? Infinity : value === '-Infinity' ? -Infinity : value);
const range = (scope: Scope): TimeRange => ({ from: dateTime(scope.from), to: dateTime(scope.to), raw: { from: scope.rawFrom, to: scope.rawTo } });

/** $__interval: at least a scrape for Prometheus, and at least what the panel or the query says. */
const intervalOf = (panel: PanelModel, target: Target, width: number, scope: Scope) => {
  const least = target.interval || panel.interval || (target.rawSql === undefined ? `${scope.scrapeMs}ms` : undefined);
  return rangeUtil.calculateInterval(range(scope), panel.maxDataPoints ?? Math.round(width), least).intervalMs;
};

async function asked(panel: PanelModel, target: Target, width: number, scope: Scope): Promise<Answer> {
  const tables = panel.targets!.filter((one) => one.format === 'table' && !one.hide).length;
  const request = { target, scope: { ...scope, tables, intervalMs: intervalOf(panel, target, width, scope) } };
  const answer: Answer = await (await fetch('/query', { method: 'POST', body: JSON.stringify(request) })).json();
  for (const frame of answer.frames) for (const field of frame.fields) field.values = field.values.map(back);
  return answer;
}

const some = (frames: DataFrame[]) => frames.some((frame) => frame.fields.some((field) => field.type !== FieldType.time && field.values.some((value) => value !== null && value !== undefined)));

function cells(frame: DataFrame | undefined, all: DataFrame[]) {
  const fields = frame?.fields.filter((field) => !field.config.custom?.hidden && !field.config.custom?.hideFrom?.viz) ?? [];
  const text = (field: DataFrame['fields'][number], i: number) => (field.display ? formattedValueToString(field.display(field.values[i])) : `${field.values[i] ?? ''}`);
  return {
    columns: fields.map((field) => getFieldDisplayName(field, frame, all)),
    rows: Array.from({ length: Math.min(frame?.length ?? 0, ROWS) }, (_, i) => fields.map((field) => text(field, i))),
    values: Array.from({ length: Math.min(frame?.length ?? 0, ROWS) }, (_, i) => fields.map((field) => field.values[i])),
  };
}

interface Props { panel: PanelModel; row: string; width: number; height: number; scope: Scope; notes: Marks[]; done: (seen: Seen) => void }

/** Asks and shapes once; whatever fails becomes the panel's error. */
function useSeen({ panel, row, width, scope, done }: Props) {
  const theme = useTheme2();
  const [state, setState] = useState<{ seen: Seen; frames: DataFrame[]; options: Json; fieldConfig: Json }>();
  useEffect(() => {
    (async () => {
      const { options, fieldConfig } = completed(panel);
      const seen: Seen = {
        id: panel.id, title: panel.title, type: panel.type, row, drawn: 'error', nothing: '', queries: [], figures: [], columns: [], rows: [], values: [], links: [],
      };
      let frames: DataFrame[] = [];
      try {
        if (!KINDS.includes(panel.type)) throw new Error(`a panel of type ${panel.type} is not drawn here`);
        if (panel.repeat) throw new Error('a repeated panel is not drawn here');
        interpolator(scope)(panel.title ?? '');
        const targets = (panel.targets ?? []).filter((target) => !target.hide);
        const answers = await Promise.all(targets.map((target) => asked(panel, target, width, scope)));
        seen.queries = answers.map(({ expr, ms, points, frames: got, error }, i) => ({
          refId: targets[i].refId, expr, ms: Math.round(ms), points, error, series: got.reduce((sum, frame) => sum + frame.fields.filter((field) => field.type === 'number').length, 0),
        }));
        const failed = answers.find((answer) => answer.error);
        if (failed) throw new Error(failed.error);
        frames = await shaped(panel, fieldConfig, answers.flatMap((answer) => answer.frames.map((frame) => toDataFrame(frame))), theme, interpolator(scope));
        seen.drawn = panel.type === 'text' ? 'text' : some(frames) ? 'data' : 'empty';
        if (seen.drawn === 'empty') seen.nothing = fieldConfig.defaults.noValue ?? 'No data';
        seen.figures = figuresOf(panel.type, frames, options, fieldConfig, theme);
        if (panel.type === 'table') Object.assign(seen, cells(frames[options.frameIndex ?? 0], frames));
        seen.links = targetsOf(frames.flatMap((frame) => frame.fields.filter((field) => panel.type === 'table' || field.type !== FieldType.time)));
      } catch (failed) {
        seen.drawn = 'error';
        seen.error = (failed as Error).message;
      }
      setState({ seen, frames, options, fieldConfig });
      done(seen);
    })();
  }, []);
  return state;
}

/** How many links a panel has, where Grafana has a mark in the title or opens them with a click. */
function LinkMark({ panel }: { panel: PanelModel }) {
  const theme = useTheme2();
  const onData = [panel.fieldConfig?.defaults?.links ?? [], ...(panel.fieldConfig?.overrides ?? []).flatMap((one: Json) => one.properties.filter((property: Json) => property.id === 'links').map((property: Json) => property.value))].flat();
  if (!panel.links?.length && !onData.length) return null;
  return (
    <span style={{ fontSize: 11, color: theme.colors.text.link, whiteSpace: 'nowrap' }}>
      {panel.links?.length > 0 && <><Icon name="external-link-alt" size="xs" /> {panel.links.length} </>}
      {onData.length > 0 && <><Icon name="link" size="xs" /> {onData.length}</>}
    </span>
  );
}

export function Panel(props: Props) {
  const { panel, width, height, scope, notes } = props;
  const state = useSeen(props);
  const replaceVariables = useMemo(() => interpolator(scope), [scope]);
  const title = useMemo(() => { try { return replaceVariables(panel.title ?? ''); } catch { return panel.title; } }, [panel]);
  const marks: Mark[] = useMemo(() => notes.flatMap((one) => one.marks), [notes]);
  return (
    <PanelChrome title={title} description={panel.description} width={width} height={height} padding="md"
      displayMode={panel.transparent ? 'transparent' : 'default'} statusMessage={state?.seen.error} titleItems={<LinkMark panel={panel} />}>
      {(w: number, h: number) => state && <Drawn {...state} panel={panel} timeRange={range(scope)} marks={marks} width={w} height={h} replaceVariables={replaceVariables} />}
    </PanelChrome>
  );
}
