// What Grafana's core adds to a panel's JSON before drawing: defaults, overrides, transformations. Core is AGPL, so this is ours.
import {
  applyFieldOverrides, dataLinksOverrideProcessor, FieldConfigOptionsRegistry, identityOverrideProcessor, standardFieldConfigEditorRegistry,
  standardTransformers, standardTransformersRegistry, thresholdsOverrideProcessor, transformDataFrame,
  type DataFrame, type GrafanaTheme2, type InterpolateFunction,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';
import type { Json, PanelModel } from '../shared/model';
import { OWN } from './transformations';

const item = (id: string, extra: Json = {}) => ({
  id, path: id, name: id, description: '', process: identityOverrideProcessor, shouldApply: () => true, settings: {},
  editor: () => null, override: () => null, ...extra,
});
const standard = () => [
  ...['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'mappings', 'actions', 'filterable', 'fieldMinMax'].map((id) => item(id)),
  item('links', { process: dataLinksOverrideProcessor }),
  item('thresholds', { process: thresholdsOverrideProcessor }),
];
standardFieldConfigEditorRegistry.setInit(standard as never);
standardTransformersRegistry.setInit(() => [...new Map([...Object.values(standardTransformers), ...OWN].map((made: any) => [made.id, {
  id: made.id, name: made.name, transformation: () => Promise.resolve(made), aliasIds: [], editor: () => null,
}])).values()] as never);

// Defaults that the panel plugins merge under a panel's own when Grafana loads it.
const GRAPH = {
  drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', spanNulls: false, showPoints: 'auto', pointSize: 5,
  stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false, axisCenteredZero: false,
  scaleDistribution: { type: 'linear' }, barAlignment: 0, barWidthFactor: 0.6, hideFrom: { legend: false, tooltip: false, viz: false },
  thresholdsStyle: { mode: 'off' },
};
const CUSTOM: Record<string, Json> = {
  timeseries: GRAPH,
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false, filterable: false },
  barchart: { ...GRAPH, fillOpacity: 80 },
  'state-timeline': { fillOpacity: 70, lineWidth: 0 },
};
const REDUCE = { calcs: ['lastNotNull'], fields: '', values: false };
const LEGEND = { displayMode: 'list', placement: 'bottom', calcs: [], showLegend: true };
const OPTIONS: Record<string, Json> = {
  timeseries: { legend: LEGEND, tooltip: { mode: 'single', sort: 'none' } },
  stat: { graphMode: 'area', colorMode: 'value', justifyMode: 'auto', textMode: 'auto', wideLayout: true, showPercentChange: false, orientation: 'auto', reduceOptions: REDUCE },
  gauge: { reduceOptions: REDUCE, showThresholdLabels: false, showThresholdMarkers: true, orientation: 'auto' },
  bargauge: { reduceOptions: REDUCE, displayMode: 'gradient', orientation: 'auto', valueMode: 'color', namePlacement: 'auto', showUnfilled: true, minVizWidth: 8, minVizHeight: 16, maxVizHeight: 300 },
  table: { showHeader: true, cellHeight: 'sm', frameIndex: 0 },
  barchart: { orientation: 'auto', stacking: 'none', showValue: 'auto', groupWidth: 0.7, barWidth: 0.97, xTickLabelRotation: 0, legend: LEGEND },
  piechart: { pieType: 'pie', reduceOptions: REDUCE, displayLabels: [], legend: { ...LEGEND, placement: 'right', values: [] } },
  heatmap: { color: { scheme: 'Oranges', steps: 64, reverse: false }, legend: { show: true }, calculate: false, cellGap: 1 },
  'state-timeline': { showValue: 'auto', mergeValues: true, rowHeight: 0.9, alignValue: 'left', legend: LEGEND },
  text: { mode: 'markdown', content: '' },
};
const THRESHOLDS = { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'red', value: 80 }] };
const BY_VALUE = ['stat', 'gauge', 'bargauge', 'table', 'state-timeline'];

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
export const merged = (base: any, over: any): any =>
  isObject(over) ? Object.fromEntries([...new Set([...Object.keys(base ?? {}), ...Object.keys(over)])].map((key) => [key, key in over ? merged(base?.[key], over[key]) : base[key]])) : over ?? base;

/** JSON cannot say minus infinity: where thresholds begin, it has null. */
const fromTheBottom = (thresholds?: Json) => thresholds?.steps?.forEach((step: Json) => { step.value ??= -Infinity; });

export function completed(panel: PanelModel): { options: Json; fieldConfig: Json } {
  const mode = BY_VALUE.includes(panel.type) ? 'thresholds' : 'palette-classic';
  const fieldConfig = merged(structuredClone({ defaults: { custom: CUSTOM[panel.type] ?? {}, color: { mode }, thresholds: THRESHOLDS, mappings: [] }, overrides: [] }), structuredClone(panel.fieldConfig ?? {}));
  fromTheBottom(fieldConfig.defaults.thresholds);
  for (const { properties } of fieldConfig.overrides) for (const one of properties) if (one.id === 'thresholds') fromTheBottom(one.value);
  return { options: merged(OPTIONS[panel.type], panel.options ?? {}), fieldConfig };
}

/** Every property that this panel has a value for; the plugins' own lists of them are in the core. */
function registry(fieldConfig: Json) {
  const overridden = fieldConfig.overrides.flatMap((one: Json) => one.properties.map((property: Json) => property.id as string));
  const custom = new Set([...Object.keys(fieldConfig.defaults.custom ?? {}), ...overridden.filter((id: string) => id.startsWith('custom.')).map((id: string) => id.slice(7))]);
  return new FieldConfigOptionsRegistry(() => [...standard(), ...[...custom].map((id) => item(`custom.${id}`, { isCustom: true, path: id }))] as never);
}

/** Frames as the panel draws them. */
export async function shaped(panel: PanelModel, fieldConfig: Json, frames: DataFrame[], theme: GrafanaTheme2, replaceVariables: InterpolateFunction): Promise<DataFrame[]> {
  const transformations = (panel.transformations ?? []).filter((one: Json) => !one.disabled);
  for (const { id } of transformations) if (!standardTransformersRegistry.getIfExists(id)) throw new Error(`unknown transformation ${id}`);
  const transformed = await firstValueFrom(transformDataFrame(transformations, frames, { interpolate: replaceVariables } as never));
  return applyFieldOverrides({ data: transformed, fieldConfig: fieldConfig as never, replaceVariables, theme, timeZone: 'utc', fieldConfigRegistry: registry(fieldConfig) as never });
}
