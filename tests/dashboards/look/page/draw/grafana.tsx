// Panels that Grafana's own packages draw.
import React, { useLayoutEffect } from 'react';
import { FieldType, getDisplayValueAlignmentFactors, type DataFrame, type FieldDisplay } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, useTheme2, VizRepeater, type UPlotConfigBuilder } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import type { Mark } from '../../server/annotations';
import { Nothing, numbersIn, reduced, type Draw } from './common';

/** Annotations on a graph: uPlot has hooks for them, Grafana's own plugin is in its core. */
function Marks({ builder, marks }: { builder: UPlotConfigBuilder; marks: Mark[] }) {
  const theme = useTheme2();
  useLayoutEffect(() => builder.addHook('draw', (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const one of marks) {
      const color = theme.visualization.getColorByName(one.color);
      const from = plot.valToPos(one.time, 'x', true), to = plot.valToPos(one.timeEnd, 'x', true);
      Object.assign(ctx, { fillStyle: color, strokeStyle: color, globalAlpha: 0.12, lineWidth: devicePixelRatio });
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
      ctx.globalAlpha = 0.9;
      ctx.setLineDash([4, 4]);
      for (const x of to > from ? [from, to] : [from]) {
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.fillRect(from - 3, bbox.top + bbox.height - 5, Math.max(6, to - from), 5);
    }
    ctx.restore();
  }), [builder]);
  return null;
}

/** Numbers over time; a boolean is drawn as 0 or 1. */
const graphable = (frames: DataFrame[]) => frames
  .filter((frame) => frame.fields.some((field) => field.type === FieldType.time))
  .map((frame) => ({ ...frame, fields: frame.fields.map((field) => (field.type === FieldType.boolean ? { ...field, type: FieldType.number, values: field.values.map((value) => (value === null ? null : Number(value))) } : field)) }));

export function Graph({ frames, options, fieldConfig, timeRange, marks, width, height }: Draw) {
  const drawable = graphable(frames);
  if (!numbersIn(drawable)) return <Nothing {...{ width, height, text: fieldConfig.defaults.noValue ?? 'No data' }} />;
  return (
    <TimeSeries {...{ frames: drawable, timeRange, width, height, options }} structureRev={1} timeZone="utc" legend={options.legend}>
      {(builder) => <Marks {...{ builder, marks }} />}
    </TimeSeries>
  );
}

const align = (values: FieldDisplay[]) => getDisplayValueAlignmentFactors(values);

export function Stat({ frames, options, fieldConfig, timeRange, width, height }: Draw) {
  const theme = useTheme2();
  const values = reduced(frames, options, fieldConfig, theme, options.graphMode !== 'none');
  return (
    <VizRepeater getValues={() => values} getAlignmentFactors={align} {...{ width, height }} source={frames} renderCounter={1} itemSpacing={3} autoGrid orientation={options.orientation}
      renderValue={({ value, width: w, height: h, count, alignmentFactors }) => (
        <BigValue value={value.display} width={w} height={h} theme={theme} count={count} alignmentFactors={alignmentFactors} text={options.text}
          sparkline={value.sparkline && { ...value.sparkline, timeRange }} disableWideLayout={!options.wideLayout} percentChangeColorMode={options.percentChangeColorMode}
          colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode} textMode={options.textMode} />
      )} />
  );
}

export function Bars({ frames, options, fieldConfig, width, height }: Draw) {
  const theme = useTheme2();
  if (!numbersIn(frames)) return <Nothing {...{ width, height, text: fieldConfig.defaults.noValue ?? 'No data' }} />;
  const values = reduced(frames, options, fieldConfig, theme);
  return (
    <VizRepeater getValues={() => values} getAlignmentFactors={align} {...{ width, height }} source={frames} renderCounter={1} itemSpacing={10} orientation={options.orientation}
      minVizWidth={options.minVizWidth} minVizHeight={options.minVizHeight} maxVizHeight={options.maxVizHeight}
      renderValue={({ value, width: w, height: h, orientation, alignmentFactors }) => (
        <BarGauge value={value.display} field={value.field} width={w} height={h} theme={theme} text={options.text} alignmentFactors={alignmentFactors}
          display={value.view?.getFieldDisplayProcessor(value.colIndex!)} displayMode={options.displayMode} valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement} showUnfilled={options.showUnfilled} orientation={orientation} />
      )} />
  );
}

export function Table({ frames, options, fieldConfig, timeRange, width, height }: Draw) {
  const frame = frames[options.frameIndex ?? 0];
  if (!frame?.length) return <Nothing {...{ width, height, text: fieldConfig.defaults.noValue ?? 'No data' }} />;
  // Words of any length are right where a click shows the whole of them.
  const opened = frame.fields.filter((field) => !field.config.custom?.hidden && !field.config.custom?.hideFrom?.viz).flatMap((field, i) => (field.config.custom?.inspect ? [i + 1] : []));
  return (
    <div data-inspect={opened.join(' ')} style={{ width, height }}>
    <TableNG {...{ data: frame, width, height, timeRange, fieldConfig: fieldConfig as never }} noHeader={!options.showHeader} cellHeight={options.cellHeight} showTypeIcons={options.showTypeIcons}
      sortBy={options.sortBy} sortByBehavior="managed" frozenColumns={options.frozenColumns?.left} enablePagination={options.enablePagination} structureRev={1} noValue={fieldConfig.defaults.noValue} />
    </div>
  );
}
