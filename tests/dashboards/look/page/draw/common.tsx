// What every drawing takes, and what our own ones share.
import React from 'react';
import {
  FieldType, formattedValueToString, getFieldDisplayName, getFieldDisplayValues, type DataFrame, type Field, type FieldDisplay, type GrafanaTheme2,
  type InterpolateFunction, type TimeRange,
} from '@grafana/data';
import { measureText, useTheme2, VizLayout, VizLegend, type VizLegendItem } from '@grafana/ui';
import type { Mark } from '../../server/annotations';
import type { Json, PanelModel } from '../../shared/model';

export interface Draw {
  panel: PanelModel;
  frames: DataFrame[];
  options: Json;
  fieldConfig: Json;
  timeRange: TimeRange;
  marks: Mark[];
  width: number;
  height: number;
  replaceVariables: InterpolateFunction;
}

export const SMALL = 12;
export const nameOf = (field: Field, frame: DataFrame, all: DataFrame[]) => getFieldDisplayName(field, frame, all);
export const textOf = (field: Field, value: unknown) => (field.display ? formattedValueToString(field.display(value)) : `${value ?? ''}`);
export const widthOf = (text: string, size = SMALL) => measureText(text, size).width;
export const numbersIn = (frames: DataFrame[]) => frames.some((frame) => frame.fields.some((field) => field.type === FieldType.number && field.values.some((value) => value !== null)));

/** The values that stat, gauge, bar gauge and pie draw. */
export const reduced = (frames: DataFrame[], options: Json, fieldConfig: Json, theme: GrafanaTheme2, sparkline = false): FieldDisplay[] =>
  getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: (text: string) => text, theme, data: frames, sparkline, timeZone: 'utc' } as never);

/** A text in a drawing, cut where it must be; a cut is marked for measure.ts. */
export function Label({ x, y, text, room, anchor = 'start', fill, size = SMALL }: { x: number; y: number; text: string; room: number; anchor?: 'start' | 'middle' | 'end'; fill?: string; size?: number }) {
  let shown = text;
  while (shown.length > 1 && widthOf(shown === text ? text : `${shown}…`, size) > room) shown = shown.slice(0, -1);
  const cut = shown !== text;
  return <text x={x} y={y} fontSize={size} textAnchor={anchor} fill={fill} data-cut={cut ? text : undefined}>{cut ? `${shown}…` : text}</text>;
}

export function Nothing({ width, height, text }: { width: number; height: number; text: string }) {
  const theme = useTheme2();
  return <div style={{ width, height, display: 'flex', alignItems: 'center', justifyContent: 'center', textAlign: 'center', color: theme.colors.text.secondary, fontSize: 18 }}>{text}</div>;
}

/** A drawing of ours with Grafana's legend below or beside it. */
export function WithLegend({ width, height, options, items, children }: { width: number; height: number; options: Json; items: VizLegendItem[]; children: (w: number, h: number) => React.ReactNode }) {
  const { legend } = options;
  const shown = legend?.showLegend === false || legend?.displayMode === 'hidden' || !items.length ? null : (
    <VizLayout.Legend placement={legend.placement} width={legend.width}>
      <VizLegend placement={legend.placement} items={items} displayMode={legend.displayMode} readonly />
    </VizLayout.Legend>
  );
  return <VizLayout width={width} height={height} legend={shown}>{(w, h) => children(w, h)}</VizLayout>;
}

/** Round steps from 0 to beyond the highest value; of seconds those of a clock. */
export function ticks(highest: number, unit = '', wanted = 4): number[] {
  const clock = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const least = (highest || 1) / wanted, power = 10 ** Math.floor(Math.log10(least));
  const step = (unit === 's' && least >= 1 && clock.find((one) => one >= least)) || [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= least)!;
  return Array.from({ length: Math.ceil((highest || 1) / step - 1e-9) + 1 }, (_, i) => i * step);
}

const STEPS_S = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

/** A time axis of our own, as Grafana's reads. */
export function TimeAxis({ timeRange, left, width, y }: { timeRange: TimeRange; left: number; width: number; y: number }) {
  const theme = useTheme2();
  const from = timeRange.from.valueOf(), to = timeRange.to.valueOf(), span = to - from;
  const step = 1000 * (STEPS_S.find((one) => (one * 1000) >= span / Math.max(2, width / 90)) ?? 604800);
  const all = Array.from({ length: Math.floor(to / step) - Math.ceil(from / step) + 1 }, (_, i) => (Math.ceil(from / step) + i) * step);
  const text = (at: number) => (step >= 86_400_000 ? new Date(at).toISOString().slice(5, 10).replace('-', '/') : new Date(at).toISOString().slice(11, step < 60_000 ? 19 : 16));
  const x = (at: number) => left + ((at - from) / span) * width;
  return <g fill={theme.colors.text.secondary}>{all.filter((at) => x(at) > left + 16 && x(at) < left + width - 16).map((at) => <text key={at} x={x(at)} y={y} textAnchor="middle" fontSize={SMALL}>{text(at)}</text>)}</g>;
}

/** Annotations over a drawing of ours: a dashed line for an instant, a band for a region. */
export function MarkLines({ marks, timeRange, left, width, height }: { marks: Mark[]; timeRange: TimeRange; left: number; width: number; height: number }) {
  const theme = useTheme2();
  const from = timeRange.from.valueOf(), to = timeRange.to.valueOf();
  const x = (at: number) => left + (Math.min(Math.max((at - from) / (to - from), 0), 1)) * width;
  return <g pointerEvents="none">{marks.filter((one) => one.timeEnd >= from && one.time <= to).map((one, i) => {
    const color = theme.visualization.getColorByName(one.color);
    return one.timeEnd > one.time
      ? <rect key={i} x={x(one.time)} width={Math.max(1, x(one.timeEnd) - x(one.time))} y={0} height={height} fill={color} opacity={0.15} />
      : <line key={i} x1={x(one.time)} x2={x(one.time)} y1={0} y2={height} stroke={color} strokeDasharray="3 3" />;
  })}</g>;
}
