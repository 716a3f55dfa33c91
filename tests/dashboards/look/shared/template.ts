// Variables in queries, titles and links, as Grafana's template service replaces them. That service is AGPL, so this is ours.
import type { Chosen } from './model';

export const ALL = '$__all';
const PATTERN = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

export type Formatter = (value: string | string[], variable: Chosen) => string;
/** Answers for `$__name`, or for `${__name.path:format}`; undefined where the name means nothing. */
export type Builtin = (name: string, path: string, format: string) => string | undefined;

const list = (value: string | string[]) => (Array.isArray(value) ? value : [value]);
const quoted = (quote: string, escape: string) => (value: string | string[]) =>
  list(value).map((one) => quote + one.replaceAll(quote, escape + quote) + quote).join(',');
export const regexEscaped = (text: string) => text.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');

const FORMATS: Record<string, Formatter> = {
  raw: (value) => list(value).join(','),
  csv: (value) => list(value).join(','),
  text: (_, variable) => variable.texts.join(' + '),
  pipe: (value) => list(value).join('|'),
  glob: (value) => (Array.isArray(value) && value.length > 1 ? `{${value.join(',')}}` : list(value).join(',')),
  regex: (value) => (list(value).length > 1 ? `(${list(value).map(regexEscaped).join('|')})` : list(value).map(regexEscaped).join('')),
  singlequote: quoted("'", '\\'),
  doublequote: quoted('"', '\\'),
  sqlstring: quoted("'", "'"),
  json: (value) => JSON.stringify(value),
  percentencode: (value) => encodeURIComponent(FORMATS.glob(value, undefined as never)),
  queryparam: (_, variable) => queryParam(variable),
};

/** `var-name=value` for each value; All stays the word that Grafana's address has for it. */
export const queryParam = (variable: Chosen) =>
  (variable.values.length ? variable.values : ['']).map((one) => `var-${variable.name}=${encodeURIComponent(one)}`).join('&');

const chosen = (variable: Chosen): string | string[] =>
  variable.values.includes(ALL) ? variable.options : variable.multi ? variable.values : variable.values[0] ?? '';

/** The text with every variable replaced; raises on one that the dashboard lacks, where Grafana would leave the dollar in. */
export function replaced(text: string, variables: Chosen[], plain: Formatter = FORMATS.glob, builtin?: Builtin): string {
  return text.replace(PATTERN, (whole, a, b, bFormat, c, path = '', cFormat = '') => {
    const name: string = a ?? b ?? c;
    const format: string = bFormat ?? cFormat ?? '';
    if (/^\d+$/.test(name)) return whole; // a group of a regular expression
    const own = builtin?.(name, path, format);
    if (own !== undefined) return own;
    const variable = variables.find((one) => one.name === name);
    if (!variable) throw new Error(`unknown variable or macro ${whole}`);
    if (format && !FORMATS[format]) throw new Error(`unknown format ${whole}`);
    // A custom value of All is put in as it is written, whatever the format, but for these two.
    if (variable.values.includes(ALL) && variable.allValue && !['text', 'queryparam'].includes(format)) return variable.allValue;
    return (format ? FORMATS[format] : plain)(chosen(variable), variable);
  });
}
