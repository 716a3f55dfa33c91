// What is reported of a picture.
export interface Query { refId: string; expr: string; ms: number; points: number; series: number; error?: string }
export interface Figure { name: string; text: string; value: number | null }
export interface Seen {
  id: number;
  title: string;
  type: string;
  row: string;
  drawn: 'data' | 'empty' | 'error' | 'text';
  error?: string;
  /** What stands in place of data where there is none. */
  nothing: string;
  queries: Query[];
  figures: Figure[];
  columns: string[];
  rows: string[][];
  /** What the texts in the rows stand for. */
  values: unknown[][];
  links: string[];
}
export interface Finding { panel: string; kind: string; what: string }
