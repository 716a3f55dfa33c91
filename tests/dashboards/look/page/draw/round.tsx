// A pie and a gauge of ours: in Grafana 13 both are in the AGPL core.
import React from 'react';
import { formattedValueToString, type FieldDisplay } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { Label, Nothing, numbersIn, reduced, WithLegend, type Draw } from './common';

const point = (angle: number, radius: number) => `${radius * Math.sin(angle)} ${-radius * Math.cos(angle)}`;

/** A piece of a ring, from an angle to another, clockwise from the top. */
function ring(from: number, to: number, outer: number, inner: number): string {
  const end = Math.min(to, from + 2 * Math.PI - 1e-4), large = end - from > Math.PI ? 1 : 0;
  return `M${point(from, outer)}A${outer} ${outer} 0 ${large} 1 ${point(end, outer)}L${point(end, inner)}A${inner} ${inner} 0 ${large} 0 ${point(from, inner)}Z`;
}
const text = (value: FieldDisplay) => formattedValueToString(value.display);
const share = (part: number) => `${(part * 100).toFixed(part < 0.1 ? 1 : 0)}%`;

export function PieChart({ frames, options, fieldConfig, width, height }: Draw) {
  const theme = useTheme2();
  const values = numbersIn(frames) ? reduced(frames, options, fieldConfig, theme).filter((value) => value.display.numeric > 0) : [];
  const sum = values.reduce((total, value) => total + value.display.numeric, 0);
  if (!sum) return <Nothing {...{ width, height, text: fieldConfig.defaults.noValue ?? 'No data' }} />;
  const sorted = [...values].sort((a, b) => b.display.numeric - a.display.numeric);
  const wanted = options.legend.values ?? [];
  const items = sorted.map((value) => ({
    label: value.display.title ?? '', color: value.display.color, yAxis: 1,
    getDisplayValues: () => [...(wanted.includes('value') ? [{ ...value.display, title: 'Value' }] : []), ...(wanted.includes('percent') ? [{ numeric: 0, text: share(value.display.numeric / sum), title: 'Percent' }] : [])],
  }));
  return (
    <WithLegend {...{ width, height, options, items }}>{(w, h) => {
      const outer = Math.min(w, h) / 2 - 6, inner = options.pieType === 'donut' ? outer * 0.6 : 0;
      let angle = 0;
      return (
        <svg width={w} height={h} data-drawing="piechart"><g transform={`translate(${w / 2} ${h / 2})`}>
          {sorted.map((value, i) => {
            const part = value.display.numeric / sum, from = angle, middle = from + part * Math.PI;
            angle += part * 2 * Math.PI;
            const shown = { name: value.display.title, value: text(value), percent: share(part) } as Record<string, string>;
            const label = (options.displayLabels ?? []).map((key: string) => shown[key]).join(' ');
            const [x, y] = point(middle, inner ? (outer + inner) / 2 : outer * 0.65).split(' ').map(Number);
            return <g key={i}><path d={ring(from, angle, outer, inner)} fill={value.display.color} stroke={theme.colors.background.primary} />
              {label && part > 0.06 && <Label x={x} y={y + 4} text={label} room={outer} anchor="middle" fill={theme.colors.getContrastText(value.display.color ?? '#888', 3)} />}</g>;
          })}
        </g></svg>
      );
    }}</WithLegend>
  );
}

const SWEEP = Math.PI * 0.75;

export function Gauges({ frames, options, fieldConfig, width, height }: Draw) {
  const theme = useTheme2();
  const values = reduced(frames, options, fieldConfig, theme), each = width / values.length;
  return (
    <svg {...{ width, height }} data-drawing="gauge">{values.map(({ display, field }, i) => {
      const radius = Math.min(each / 2 - 8, (height - 20) / 2), min = field.min ?? 0, max = field.max ?? 100;
      const part = Math.min(Math.max(((display.numeric || 0) - min) / (max - min), 0), 1);
      return (
        <g key={i} transform={`translate(${each * (i + 0.5)} ${radius + 8})`}>
          <path d={ring(-SWEEP, SWEEP, radius, radius * 0.75)} fill={theme.colors.background.secondary} />
          {part > 0 && <path d={ring(-SWEEP, -SWEEP + part * 2 * SWEEP, radius, radius * 0.75)} fill={display.color} />}
          <Label x={0} y={radius * 0.15} text={formattedValueToString(display)} room={radius * 1.4} anchor="middle" size={Math.max(12, radius * 0.35)} fill={display.color} />
          {values.length > 1 && <Label x={0} y={radius * 0.97} text={display.title ?? ''} room={each - 8} anchor="middle" fill={theme.colors.text.primary} />}
        </g>
      );
    })}</svg>
  );
}
