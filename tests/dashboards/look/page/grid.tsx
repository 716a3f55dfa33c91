// The dashboard around its panels: title, variables, annotations, links, rows and Grafana's grid of 24 columns.
import React from 'react';
import { useTheme2 } from '@grafana/ui';
import type { Marks } from '../server/annotations';
import type { Json, PanelModel, Scope } from '../shared/model';
import { interpolator } from './links';
import { Panel } from './panel';
import type { Seen } from './report';

const COLUMNS = 24, CELL = 30, GAP = 8, EDGE = 16;

export interface Placed { panel: PanelModel; row: string; closed: number }

/** Panels where they stand; a closed row hides its own, and one that is opened moves what is below it down. */
export function placed(panels: PanelModel[], open: boolean): Placed[] {
  const made: Placed[] = [];
  let row = '', moved = 0;
  const at = (panel: PanelModel, by: number) => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + by } });
  for (const panel of [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)) {
    const inside = panel.type === 'row' && panel.collapsed ? panel.panels ?? [] : [];
    if (panel.type === 'row') row = panel.title;
    made.push({ panel: at(panel, moved), row, closed: open ? 0 : inside.length });
    if (!open || !inside.length) continue;
    const first = Math.min(...inside.map((one) => one.gridPos.y)), shift = panel.gridPos.y + 1 + moved - first;
    made.push(...inside.map((one) => ({ panel: at(one, shift), row, closed: 0 })));
    moved = Math.max(...inside.map((one) => one.gridPos.y + one.gridPos.h)) + shift - panel.gridPos.y - 1;
  }
  return made;
}

/** A control of the header: a name, and what is chosen. */
function Control({ name, value, kind, color }: { name: string; value?: string; kind: string; color?: string }) {
  const theme = useTheme2();
  return (
    <span data-control={kind} style={{ border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2, padding: '3px 8px', fontSize: 12, whiteSpace: 'nowrap' }}>
      {color && <span style={{ display: 'inline-block', width: 8, height: 8, borderRadius: 4, marginRight: 6, background: theme.visualization.getColorByName(color) }} />}
      <span style={{ color: theme.colors.text.secondary }}>{name}</span>{value !== undefined && ` ${value}`}
    </span>
  );
}

function Header({ dashboard, scope, notes }: { dashboard: Json; scope: Scope; notes: Marks[] }) {
  const replaceVariables = interpolator(scope);
  return (
    <div style={{ display: 'flex', flexWrap: 'wrap', gap: 8, alignItems: 'center', minHeight: 40, paddingBottom: 8 }}>
      <b style={{ fontSize: 16, marginRight: 8 }}>{dashboard.title}</b>
      {scope.variables.filter((one) => one.hide !== 2).map((one) => <Control key={one.name} kind="variable" name={one.hide === 1 ? '' : one.label} value={one.texts.join(' + ')} />)}
      {notes.filter((one) => !one.hidden).map((one) => <Control key={one.name} kind="annotation" name={one.name} value={`${one.marks.length}`} color={one.color} />)}
      {(dashboard.links ?? []).map((link: Json, i: number) => <Control key={i} kind="link" name={link.asDropdown ? '☰' : '↗'} value={replaceVariables(link.title ?? '')} />)}
      <span style={{ marginLeft: 'auto', fontSize: 12 }}>{scope.rawFrom} to {scope.rawTo}, UTC {new Date(scope.to).toISOString().slice(0, 19).replace('T', ' ')}</span>
    </div>
  );
}

interface Props { dashboard: Json; scope: Scope; notes: Marks[]; open: boolean; done: (seen: Seen) => void }

export function Dashboard({ dashboard, scope, notes, open, done }: Props) {
  const theme = useTheme2();
  const column = (scope.width - 2 * EDGE - GAP * (COLUMNS - 1)) / COLUMNS;
  const all = placed(dashboard.panels, open);
  const bottom = Math.max(...all.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h));
  return (
    <div style={{ padding: EDGE, background: theme.colors.background.canvas, color: theme.colors.text.primary, minHeight: '100vh', boxSizing: 'border-box' }}>
      <Header {...{ dashboard, scope, notes }} />
      <div style={{ position: 'relative', height: bottom * (CELL + GAP) }}>
        {all.map(({ panel, row, closed }) => {
          const { x, y, w, h } = panel.gridPos;
          const width = w * column + (w - 1) * GAP, height = h * CELL + (h - 1) * GAP;
          return (
            <div key={panel.id} data-panel={panel.title} data-type={panel.type} style={{ position: 'absolute', left: x * (column + GAP), top: y * (CELL + GAP), width, height }}>
              {panel.type === 'row'
                ? <div style={{ fontSize: 16, fontWeight: 500, paddingTop: 6 }}>{closed ? '›' : '⌄'} {panel.title} {closed > 0 && <small>({closed} panels)</small>}</div>
                : <Panel {...{ panel, row, width, height, scope, notes, done }} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}
