// A bar chart of ours, with the options of Grafana's: its own is in the AGPL core. It stands for content, not for looks.
import React from 'react';
import { FieldType, getFieldSeriesColor, type DataFrame, type Field } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import type { Json } from '../../shared/model';
import { Label, nameOf, Nothing, SMALL, textOf, ticks, widthOf, WithLegend, type Draw } from './common';

/** Room above the highest bar for its figure. */
const TOP = 16;

interface Bars { frame: DataFrame; labels: string[]; ys: Field[]; names: string[] }

/** The field of the bars' names, and those of their lengths. */
export function barsOf(frames: DataFrame[], options: Json): Bars | undefined {
  const frame = frames[0];
  const x = frame?.fields.find((field) => nameOf(field, frame, frames) === options.xField || field.name === options.xField)
    ?? frame?.fields.find((field) => field.type === FieldType.string) ?? frame?.fields.find((field) => field.type === FieldType.time);
  const ys = frame?.fields.filter((field) => field.type === FieldType.number && field !== x && !field.config.custom?.hideFrom?.viz) ?? [];
  if (!x || !ys.length || !frame.length) return undefined;
  const day = (value: number) => (x.config.unit ? textOf(x, value) : new Date(value).toISOString().replace(/T00:00:00.000Z$/, '').slice(0, 16).replace('T', ' '));
  return { frame, labels: x.values.map((value) => (x.type === FieldType.time ? day(value) : textOf(x, value))), ys, names: ys.map((y) => nameOf(y, frame, frames)) };
}

/** Each bar as its begin, its end, and its place among its neighbours. */
function lengths({ frame, ys }: Bars, stacking: string) {
  return Array.from({ length: frame.length }, (_, row) => {
    const values = ys.map((y) => Number(y.values[row] ?? 0));
    const sum = values.reduce((a, b) => a + b, 0) || 1;
    let base = 0;
    return values.map((value) => {
      if (stacking === 'none') return { from: 0, to: value, value };
      const from = base;
      base += stacking === 'percent' ? value / sum : value;
      return { from, to: base, value };
    });
  });
}

function Plot({ bars, options, w, h }: { bars: Bars; options: Json; w: number; h: number }) {
  const theme = useTheme2();
  const { labels, ys } = bars, stacked = options.stacking !== 'none', unit = ys[0].config.unit;
  const flat = options.orientation === 'horizontal';
  const rows = lengths(bars, options.stacking), highest = Math.max(...rows.flat().map((bar) => bar.to), ys[0].config.max ?? 0, 1e-12);
  const steps = ticks(highest, unit), top = ys[0].config.max ?? steps.at(-1)!;
  const tick = (value: number) => (options.stacking === 'percent' ? `${Math.round(value * 100)}%` : textOf(ys[0], value));
  const turned = !flat && (options.xTickLabelRotation !== 0 || Math.max(...labels.map((label) => widthOf(label))) > (w - 60) / labels.length - 8);
  const left = 10 + (flat ? Math.min(w * 0.4, Math.max(...labels.map((label) => widthOf(label)))) : Math.max(...steps.map((step) => widthOf(tick(step)))));
  const bottom = turned ? Math.min(h * 0.4, 16 + Math.max(...labels.map((label) => widthOf(label))) * 0.7) : 22;
  const across = w - left - 12, down = h - bottom - TOP, room = (flat ? down : across) / labels.length;
  const thick = (room * options.groupWidth * (stacked ? 1 : 1 / ys.length)) * options.barWidth;
  const along = (value: number) => (value / top) * (flat ? across : down);
  const every = Math.max(1, Math.ceil((turned ? 16 : 0) / room));
  return (
    <svg width={w} height={h} fill={theme.colors.text.primary} data-drawing="barchart">
      {steps.filter((step) => step <= top * 1.001).map((step) => flat
        ? <g key={step}><line x1={left + along(step)} x2={left + along(step)} y1={TOP} y2={TOP + down} stroke={theme.colors.border.weak} /><text x={left + along(step)} y={h - 6} fontSize={SMALL} textAnchor="middle">{tick(step)}</text></g>
        : <g key={step}><line x1={left} x2={w - 12} y1={TOP + down - along(step)} y2={TOP + down - along(step)} stroke={theme.colors.border.weak} /><text x={left - 6} y={TOP + 4 + down - along(step)} fontSize={SMALL} textAnchor="end">{tick(step)}</text></g>)}
      {rows.map((row, i) => row.map((bar, n) => {
        const at = i * room + room * (1 - options.groupWidth) / 2 + (stacked ? 0 : n * (room * options.groupWidth) / ys.length);
        const fill = options.colorByField || ys[n].config.color?.mode === 'thresholds' ? ys[n].display!(bar.value).color : getFieldSeriesColor(ys[n], theme).color;
        const size = Math.max(0, along(bar.to) - along(bar.from)), text = textOf(ys[n], bar.value);
        const written = bar.value !== 0 && (options.showValue === 'always' || (options.showValue === 'auto' && !stacked && widthOf(text) < (flat ? across - size - 6 : thick)));
        const box = flat ? { x: left + along(bar.from), y: TOP + at, width: size, height: thick } : { x: left + at, y: TOP + down - along(bar.to), width: thick, height: size };
        return <g key={`${i}-${n}`}><rect {...box} fill={fill} opacity={(ys[n].config.custom?.fillOpacity ?? 80) / 100} />
          {written && <text x={flat ? box.x + box.width + 4 : box.x + thick / 2} y={flat ? box.y + thick / 2 + 4 : box.y - 3} fontSize={SMALL} textAnchor={flat ? 'start' : 'middle'}>{text}</text>}</g>;
      }))}
      {labels.map((label, i) => i % every !== 0 ? null : flat
        ? <Label key={i} x={left - 6} y={TOP + 4 + (i + 0.5) * room} text={label} room={left - 8} anchor="end" />
        : turned
          ? <g key={i} transform={`translate(${left + (i + 0.5) * room + 4} ${TOP + 8 + down}) rotate(-45)`}><Label x={0} y={4} text={label} room={bottom / 0.68} anchor="end" /></g>
          : <Label key={i} x={left + (i + 0.5) * room} y={h - 6} text={label} room={room} anchor="middle" />)}
    </svg>
  );
}

export function BarChart({ frames, options, fieldConfig, width, height }: Draw) {
  const theme = useTheme2();
  const bars = barsOf(frames, options);
  if (!bars) return <Nothing {...{ width, height, text: fieldConfig.defaults.noValue ?? 'No data' }} />;
  const items = bars.ys.map((y, i) => ({ label: bars.names[i], color: getFieldSeriesColor(y, theme).color, yAxis: 1 }));
  return <WithLegend {...{ width, height, options, items }}>{(w, h) => <Plot {...{ bars, options, w, h }} />}</WithLegend>;
}
