// Transformations that are in Grafana's core only, not in @grafana/data.
import { FieldType, type DataFrame, type DataTransformerInfo, type Field, type Labels } from '@grafana/data';
import { map } from 'rxjs';
import type { Json } from '../shared/model';

const named = (frame: DataFrame, name: string) => {
  const field = frame.fields.find((one) => one.name === name);
  if (!field) throw new Error(`a transformation wants the column ${name}, there are ${frame.fields.map((one) => one.name).join(', ')}`);
  return field;
};
const made = (id: string, change: (frames: DataFrame[], options: Json) => DataFrame[]): DataTransformerInfo<Json> =>
  ({ id, name: id, defaultOptions: {}, operator: (options) => (source) => source.pipe(map((frames) => change(frames, options))) });

/** A frame for each combination of some columns, in the order in which they appear. */
function parts(frame: DataFrame, options: Json): DataFrame[] {
  const keys: Field[] = options.fields.map((name: string) => named(frame, name));
  const groups = new Map<string, number[]>();
  for (let row = 0; row < frame.length; row++) {
    const key = JSON.stringify(keys.map((field) => field.values[row]));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const { asLabels = false, withNames = false, separator1 = '=', separator2 = ' ' } = options.naming ?? {};
  return [...groups.values()].map((rows) => {
    const values = keys.map((field) => `${field.values[rows[0]]}`);
    const labels: Labels = asLabels ? Object.fromEntries(keys.map((field, i) => [field.name, values[i]])) : {};
    return {
      ...frame,
      name: asLabels ? frame.name : values.map((value, i) => (withNames ? `${keys[i].name}${separator1}${value}` : value)).join(separator2),
      length: rows.length,
      fields: frame.fields.filter((field) => options.keepFields || !keys.includes(field)).map((field) => ({
        ...field, state: undefined, labels: { ...field.labels, ...labels }, values: rows.map((row) => field.values[row]),
      })),
    };
  });
}

const CONFIG = ['unit', 'min', 'max', 'decimals', 'displayName', 'color'];

/** A column for each row: its name from one column, its value from another; further columns are settings or labels. */
function columns(frame: DataFrame, options: Json): DataFrame {
  const mappings: Json[] = options.mappings ?? [];
  const handled = (key: string) => mappings.find((one) => one.handlerKey === key)?.fieldName;
  const names = handled('field.name') ? named(frame, handled('field.name')) : frame.fields.find((field) => field.type === FieldType.string)!;
  const values = handled('field.value') ? named(frame, handled('field.value')) : frame.fields.find((field) => field.type === FieldType.number)!;
  const others = frame.fields.filter((field) => field !== names && field !== values);
  const fields = names.values.map((name, row): Field => {
    const config: Json = { ...values.config }, labels: Labels = {};
    for (const field of others) {
      const key = mappings.find((one) => one.fieldName === field.name)?.handlerKey;
      if (key === '__ignore') continue;
      if (CONFIG.includes(key)) config[key] = key === 'color' ? { mode: 'fixed', fixedColor: field.values[row] } : field.values[row];
      else labels[field.name] = `${field.values[row]}`;
    }
    return { name: `${name}`, type: values.type, labels, config, values: [values.values[row]] };
  });
  return { ...frame, fields, length: fields.length ? 1 : 0 };
}

export const OWN = [
  made('partitionByValues', (frames, options) => frames.flatMap((frame) => parts(frame, options))),
  made('rowsToFields', (frames, options) => frames.map((frame) => (frame.length ? columns(frame, options) : frame))),
];
