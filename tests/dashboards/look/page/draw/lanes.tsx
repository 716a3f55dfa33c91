// A state timeline of ours, with the options of Grafana's: its own is in the AGPL core.
import React from 'react';
import { FieldType, type DataFrame, type Field } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { Label, MarkLines, nameOf, Nothing, textOf, TimeAxis, widthOf, WithLegend, type Draw } from './common';

export interface Lane { name: string; field: Field; spans: { from: number; to: number; value: unknown }[] }

/** A lane for each field; a state lasts until the next, and the last one to the edge. A null ends it. */
export function lanesOf(frames: DataFrame[], to: number, merge: boolean): Lane[] {
  return frames.flatMap((frame) => {
    const times = frame.fields.find((field) => field.type === FieldType.time);
    if (!times) return [];
    return frame.fields.filter((field) => field.type !== FieldType.time && !field.config.custom?.hideFrom?.viz).map((field) => {
      const spans: Lane['spans'] = [];
      // Where a series that has a step lacks values, nothing is known.
      const gap = times.config.interval ? times.config.interval * 1.5 : Infinity;
      times.values.forEach((from: number, i: number) => {
        const value = field.values[i], next = times.values[i + 1] ?? to, last = spans.at(-1);
        if (value === null || value === undefined) return;
        const until = next - from > gap ? from + times.config.interval! : next;
        if (merge && last && last.value === value && last.to >= from) last.to = until;
        else spans.push({ from, to: until, value });
      });
      return { name: nameOf(field, frame, frames), field, spans };
    });
  });
}

export function StateTimeline({ frames, options, fieldConfig, timeRange, marks, width, height }: Draw) {
  const theme = useTheme2();
  const from = timeRange.from.valueOf(), to = timeRange.to.valueOf();
  const lanes = lanesOf(frames, to, options.mergeValues).filter((lane) => lane.spans.length);
  if (!lanes.length) return <Nothing {...{ width, height, text: fieldConfig.defaults.noValue ?? 'No data' }} />;
  const states = new Map(lanes.flatMap(({ field, spans }) => spans.map(({ value }) => [textOf(field, value), field.display!(value).color ?? ''] as const)));
  const items = [...states].slice(0, 20).map(([label, color]) => ({ label, color, yAxis: 1 }));
  const left = Math.min(width * 0.3, Math.max(...lanes.map((lane) => widthOf(lane.name))) + 12);
  return (
    <WithLegend {...{ width, height, options, items }}>{(w, h) => {
      const across = w - left - 8, high = (h - 20) / lanes.length, thick = high * options.rowHeight;
      const x = (at: number) => left + (Math.min(Math.max((at - from) / (to - from), 0), 1)) * across;
      return (
        <svg width={w} height={h} fill={theme.colors.text.primary} data-drawing="state-timeline">
          {lanes.map(({ name, field, spans }, i) => (
            <g key={i}>
              <Label x={left - 8} y={(i + 0.5) * high + 4} text={name} room={left - 10} anchor="end" />
              {spans.filter((span) => span.to >= from && span.from <= to).map((span, n) => {
                const size = Math.max(1, x(span.to) - x(span.from)), { color } = field.display!(span.value), text = textOf(field, span.value);
                const written = options.showValue === 'always' || (options.showValue === 'auto' && widthOf(text) + 8 < size && thick >= 13);
                return <g key={n}><rect x={x(span.from)} y={i * high + (high - thick) / 2} width={size} height={thick} fill={color} opacity={(field.config.custom?.fillOpacity ?? 70) / 100} />
                  {written && <Label x={x(span.from) + 4} y={(i + 0.5) * high + 4} text={text} room={size - 4} fill={theme.colors.getContrastText(color ?? '#888', 3)} />}</g>;
              })}
            </g>
          ))}
          <MarkLines {...{ marks, timeRange, left }} width={across} height={h - 20} />
          <TimeAxis {...{ timeRange, left }} width={across} y={h - 5} />
        </svg>
      );
    }}</WithLegend>
  );
}
