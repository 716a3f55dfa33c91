// A panel's type to its drawing, and to the figures that it shows.
import React from 'react';
import { FieldType, formattedValueToString, renderTextPanelMarkdown, type DataFrame, type GrafanaTheme2 } from '@grafana/data';
import type { Json } from '../../shared/model';
import type { Figure } from '../report';
import { BarChart, barsOf } from './barchart';
import { numbersIn, reduced, textOf, type Draw } from './common';
import { Bars, Graph, Stat, Table } from './grafana';
import { Heatmap } from './heatmap';
import { StateTimeline } from './lanes';
import { Gauges, PieChart } from './round';

function Text({ options, replaceVariables }: Draw) {
  const content = replaceVariables(options.content);
  const html = options.mode === 'markdown' ? renderTextPanelMarkdown(content) : content;
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}

const DRAWINGS: Record<string, React.FC<Draw>> = {
  timeseries: Graph, stat: Stat, gauge: Gauges, bargauge: Bars, table: Table, text: Text,
  barchart: BarChart, piechart: PieChart, heatmap: Heatmap, 'state-timeline': StateTimeline,
};
export const KINDS = Object.keys(DRAWINGS);

/** An error of a drawing is the panel's, not the page's. */
class Caught extends React.Component<{ children: React.ReactNode; color: string }, { error?: string }> {
  state: { error?: string } = {};
  static getDerivedStateFromError = (error: Error) => ({ error: `${error.message}` });
  render() {
    return this.state.error ? <div data-failed={this.state.error} style={{ color: this.props.color }}>{this.state.error}</div> : this.props.children;
  }
}

export function Drawn(props: Draw & { seen: { error?: string } }) {
  if (props.seen.error) return <div style={{ color: '#e02f44', padding: 8, fontSize: 12 }}>{props.seen.error}</div>;
  const Drawing = DRAWINGS[props.panel.type];
  return <Caught color="#e02f44"><Drawing {...props} /></Caught>;
}

/** What can be read off a panel as figures: each value of a stat, a bar or a slice, and the last of each line. */
export function figuresOf(type: string, frames: DataFrame[], options: Json, fieldConfig: Json, theme: GrafanaTheme2): Figure[] {
  if (['stat', 'gauge', 'bargauge', 'piechart'].includes(type))
    return (type === 'stat' || numbersIn(frames) ? reduced(frames, options, fieldConfig, theme) : []).map(({ display }) => ({ name: display.title ?? '', text: formattedValueToString(display), value: Number.isFinite(display.numeric) ? display.numeric : null }));
  if (type === 'barchart') {
    const bars = barsOf(frames, options);
    return bars?.ys.flatMap((y, n) => bars.labels.map((label, i) => ({ name: `${label} ${bars.names[n]}`, text: textOf(y, y.values[i]), value: y.values[i] as number | null }))) ?? [];
  }
  if (type !== 'timeseries') return [];
  return frames.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number).map((field) => {
    const value = field.values.findLast((one) => one !== null) as number | undefined;
    return { name: field.config.displayName ?? field.config.displayNameFromDS ?? field.name, text: textOf(field, value), value: value ?? null };
  }));
}
