// Variables in titles, texts and links: those of the dashboard, of its time range, and of the value that a data link stands on.
import { formattedValueToString, getFieldDisplayName, type DataContextScopedVar, type Field, type InterpolateFunction, type ScopedVars } from '@grafana/data';
import type { Scope } from '../shared/model';
import { queryParam, replaced } from '../shared/template';

/** `fields.name`, `fields["a name"]` or `fields[2]`. */
function fieldOf(context: DataContextScopedVar['value'], path: string): Field {
  const found = /^fields(?:\.(\w+)|\[["'](.+)["']\]|\[(\d+)\])/.exec(path);
  const name = found?.[1] ?? found?.[2];
  const field = found?.[3] !== undefined ? context.frame.fields[Number(found[3])]
    : context.frame.fields.find((one) => one.name === name || getFieldDisplayName(one, context.frame, context.data) === name);
  if (!field) throw new Error(`a link wants \${__data.${path}}, there are ${context.frame.fields.map((one) => one.name).join(', ')}`);
  return field;
}

function ofValue(name: string, path: string, context: DataContextScopedVar['value']): string | undefined {
  const { field, frame, data } = context;
  const row = context.rowIndex ?? field.values.length - 1;
  const text = (of: Field) => (of.display ? formattedValueToString(of.display(of.values[row])) : `${of.values[row]}`);
  if (name === '__value') return path === 'text' ? text(field) : `${context.calculatedValue?.numeric ?? field.values[row]}`;
  if (name === '__data') return path.endsWith('.text') ? text(fieldOf(context, path)) : `${fieldOf(context, path).values[row]}`;
  if (name === '__series') return getFieldDisplayName(field, frame, data);
  if (name !== '__field') return undefined;
  const label = /^labels(?:\.(\w+)|\[["'](.+)["']\])/.exec(path);
  if (!label) return path === 'displayName' ? getFieldDisplayName(field, frame, data) : field.name;
  const value = field.labels?.[label[1] ?? label[2]];
  // A series without the label, such as that of all others, has none to give; a name that none has is a mistake.
  if (value === undefined && data?.some((one) => one.fields.some((each) => each.labels?.[label[1] ?? label[2]] !== undefined))) return '';
  if (value === undefined) throw new Error(`a link wants \${__field.${path}}, there are ${Object.keys(field.labels ?? {}).join(', ') || 'no labels'}`);
  return value;
}

export function interpolator(scope: Scope): InterpolateFunction {
  const times: Record<string, string> = {
    __from: `${scope.from}`, __to: `${scope.to}`, __dashboard: scope.dashboard, __interval: `${scope.intervalMs / 1000}s`,
    __url_time_range: `from=${scope.rawFrom}&to=${scope.rawTo}`, __range: `${(scope.to - scope.from) / 1000}s`,
    __all_variables: scope.variables.map(queryParam).join('&'),
  };
  return (text, scoped?: ScopedVars) => {
    const context = scoped?.__dataContext?.value as DataContextScopedVar['value'] | undefined;
    return replaced(text ?? '', scope.variables, undefined, (name, path, format) => {
      const own = times[name] ?? (context && ofValue(name, path, context)) ?? (scoped?.[name] && `${scoped[name]!.value}`);
      return format === 'percentencode' && own !== undefined ? encodeURIComponent(own) : own;
    });
  };
}

/** Where the data links of a panel lead, of the first value of each field; that a name in one is unknown is an error. */
export function targetsOf(fields: Field[]): string[] {
  return [...new Set(fields.filter((field) => field.config.links?.length && field.values.length).flatMap((field) => field.getLinks!({ valueRowIndex: 0 }).map((link) => link.href)))];
}
