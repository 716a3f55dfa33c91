// The parts of a dashboard's JSON, and what server and page send one another.

export type Json = Record<string, any>;

export interface Target extends Json {
  refId: string;
  expr?: string;
  rawSql?: string;
  format?: string | number;
}

export interface PanelModel extends Json {
  id: number;
  title: string;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  panels?: PanelModel[];
  options?: Json;
  fieldConfig?: Json;
}

/** A variable of the dashboard with what the viewer chose. */
export interface Chosen {
  name: string;
  label: string;
  type: string;
  hide: number;
  multi: boolean;
  includeAll: boolean;
  allValue?: string;
  values: string[];
  texts: string[];
  options: string[];
  error?: string;
}

/** What a query is asked under: instants and lengths in milliseconds. */
export interface Scope {
  from: number;
  to: number;
  rawFrom: string;
  rawTo: string;
  intervalMs: number;
  scrapeMs: number;
  width: number;
  tables: number;
  dashboard: string;
  variables: Chosen[];
}

export interface Frame {
  refId: string;
  name?: string;
  meta?: Json;
  fields: { name: string; type: string; labels?: Record<string, string>; config: Json; values: unknown[] }[];
}

export interface Answer {
  expr: string;
  ms: number;
  points: number;
  frames: Frame[];
  error?: string;
}

/** One picture to take. */
export interface Job {
  /** Which one it is; its answer bears the number too. */
  number: number;
  file: string;
  out?: string;
  theme: 'dark' | 'light';
  from?: string;
  to?: string;
  now: number;
  width: number;
  /** Bytes that the picture may have. */
  largest?: number;
  scrapeMs: number;
  open: boolean;
  vars: Record<string, string[]>;
}
