// A heatmap of ours for rows of buckets: Grafana's own is in the AGPL core.
import React from 'react';
import { FieldType, getValueFormat, formattedValueToString, type DataFrame, type Field } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { Label, MarkLines, Nothing, SMALL, TimeAxis, widthOf, type Draw } from './common';

interface Row { name: string; bound: number; times: number[]; values: (number | null)[] }

/** A row for each bucket, the lowest first: by its bound where it has one, else in the frames' order. */
export function rowsOf(frames: DataFrame[]): Row[] {
  const row = (frame: DataFrame, field: Field): Row => {
    const name = field.labels?.le ?? field.config.displayNameFromDS ?? field.config.displayName ?? field.name;
    return { name, bound: name === '+Inf' ? Infinity : Number(name), times: frame.fields.find((one) => one.type === FieldType.time)!.values, values: field.values };
  };
  const rows = frames.filter((frame) => frame.fields.some((field) => field.type === FieldType.time))
    .flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number).map((field) => row(frame, field)));
  return rows.every((one) => !Number.isNaN(one.bound)) ? rows.sort((a, b) => a.bound - b.bound) : rows;
}

/** The colours of d3's schemes that we use, from few to many. */
const SCHEMES: Record<string, [number, number, number][]> = {
  Oranges: [[60, 25, 8], [166, 54, 3], [241, 105, 19], [253, 174, 107], [255, 245, 235]],
  Blues: [[8, 29, 60], [8, 81, 156], [66, 146, 198], [158, 202, 225], [247, 251, 255]],
  Viridis: [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]],
};
function colorOf(share: number, scheme: string, dark: boolean): string {
  const known = SCHEMES[scheme] ?? SCHEMES.Oranges, stops = dark ? known : [...known].reverse();
  const at = Math.min(Math.max(share, 0), 0.9999) * (stops.length - 1), i = Math.floor(at);
  return `rgb(${stops[i].map((from, k) => Math.round(from + (stops[i + 1][k] - from) * (at - i))).join(',')})`;
}

export function Heatmap({ frames, options, fieldConfig, timeRange, marks, width, height }: Draw) {
  const theme = useTheme2();
  const rows = rowsOf(frames);
  const highest = Math.max(...rows.flatMap((row) => row.values.map((value) => value ?? 0)), 0);
  if (!rows.length || highest <= 0) return <Nothing {...{ width, height, text: fieldConfig.defaults.noValue ?? 'No data' }} />;
  const unit = getValueFormat(options.yAxis?.unit ?? fieldConfig.defaults.unit ?? 'short');
  const name = (row: Row) => (Number.isFinite(row.bound) ? formattedValueToString(unit(row.bound)) : row.name);
  const from = timeRange.from.valueOf(), to = timeRange.to.valueOf(), left = Math.max(...rows.map((row) => widthOf(name(row)))) + 12;
  const legend = options.legend?.show === false ? 0 : 22, down = height - 20 - legend, across = width - left - 8, high = down / rows.length;
  const x = (at: number) => left + (Math.min(Math.max((at - from) / (to - from), 0), 1)) * across;
  const color = (value: number) => colorOf(Math.sqrt(value / highest), options.color?.scheme, theme.isDark);
  const every = Math.max(1, Math.ceil(14 / high));
  return (
    <svg width={width} height={height} fill={theme.colors.text.primary} data-drawing="heatmap">
      {rows.map((row, i) => {
        const y = down - (i + 1) * high, step = row.times.length > 1 ? row.times[1] - row.times[0] : (to - from) / 60;
        return <g key={i}>
          {i % every === 0 && <Label x={left - 8} y={y + high / 2 + 4} text={name(row)} room={left} anchor="end" />}
          {row.times.map((at, k) => (row.values[k] ?? 0) > 0 && at <= to && <rect key={k} x={x(at - step)} y={y} width={Math.max(1, x(at) - x(at - step) - (options.cellGap ?? 1))} height={Math.max(1, high - (options.cellGap ?? 1))} fill={color(row.values[k]!)} />)}
        </g>;
      })}
      <MarkLines {...{ marks, timeRange, left }} width={across} height={down} />
      <TimeAxis {...{ timeRange, left }} width={across} y={down + 15} />
      {legend > 0 && <g transform={`translate(${left} ${height - 12})`}>
        <text x={0} y={9} fontSize={SMALL}>0</text>
        {Array.from({ length: 40 }, (_, i) => <rect key={i} x={14 + i * 4} width={4} height={9} fill={colorOf(i / 40, options.color?.scheme, theme.isDark)} />)}
        <text x={180} y={9} fontSize={SMALL}>{formattedValueToString(getValueFormat('short')(highest))}</text>
      </g>}
    </svg>
  );
}
