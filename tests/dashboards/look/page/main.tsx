// window.draw(job) draws one dashboard and answers with what was seen, once nothing moves any more; then window.measure().
import React from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { createTheme, ThemeContext } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles } from '@grafana/ui';
import type { Marks } from '../server/annotations';
import type { Job, Json, PanelModel, Scope } from '../shared/model';
import { Dashboard, placed } from './grid';
import { measured } from './measure';
import type { Seen } from './report';

const QUIET_MS = 250;
let grid: PanelModel[] = [];

/** Until nothing in the page changed for a while: tables and gauges measure their texts first and draw again. */
const quiet = () => new Promise<void>((calm) => {
  let timer = setTimeout(end, QUIET_MS);
  const observer = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(end, QUIET_MS); });
  observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  function end() { observer.disconnect(); calm(); }
});

async function draw(job: Job) {
  await initPluginTranslations('grafana-ui').catch(() => undefined);
  const answer = await fetch('/begin', { method: 'POST', body: JSON.stringify(job) });
  if (!answer.ok) throw new Error(await answer.text());
  const { dashboard, scope, annotations }: { dashboard: Json; scope: Scope; annotations: Marks[] } = await answer.json();
  const theme = createTheme({ colors: { mode: job.theme } });
  const root = createRoot(document.getElementById('root')!);
  const wrapped = (inside?: React.ReactNode) => <ThemeContext.Provider value={theme as never}><GlobalStyles />{inside}</ThemeContext.Provider>;
  // The fonts come first, since a canvas is not drawn again when they arrive.
  flushSync(() => root.render(wrapped()));
  await Promise.all(['400 12px Inter', '500 12px Inter'].map((font) => document.fonts.load(font)));
  const all = placed(dashboard.panels, job.open), seen: Seen[] = [];
  grid = all.map(({ panel }) => panel);
  const expected = all.filter(({ panel }) => panel.type !== 'row').length;
  await new Promise<void>((ready, fail) => {
    // An error outside of every panel would be waited for without end.
    addEventListener('error', (event) => fail(event.error));
    const done = (one: Seen) => { seen.push(one); if (seen.length === expected) ready(); };
    root.render(wrapped(<Dashboard {...{ dashboard, scope, notes: annotations, open: job.open, done }} />));
  });
  await quiet();
  const order = new Map(all.map(({ panel }, i) => [panel.id, i]));
  return {
    uid: dashboard.uid, title: dashboard.title, theme: job.theme, since: scope.rawFrom, width: job.width, height: document.documentElement.scrollHeight, from: scope.from, to: scope.to,
    panels: seen.sort((a, b) => order.get(a.id)! - order.get(b.id)!),
    variables: scope.variables,
    annotations: annotations.map(({ name, error, marks }) => ({ name, error, marks: marks.length, regions: marks.filter((one) => one.timeEnd > one.time).length })),
  };
}

/** What an eye would stumble over in the page that was drawn last. */
async function measure() {
  await quiet();
  return measured(grid);
}
Object.assign(window, { draw, measure });
