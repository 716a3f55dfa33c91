// What an eye would stumble over: texts that are cut, legends that scroll, panels beside the page, rows with holes.
import type { PanelModel } from '../shared/model';
import type { Finding } from './report';

const COLUMNS = 24;

/** Every line of the grid between the rows is filled from edge to edge, by one panel at each place. */
function holes(panels: PanelModel[]): Finding[] {
  const made: Finding[] = [];
  const bottom = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));
  for (let y = 0, reported = ''; y < bottom; y++) {
    const across = panels.filter(({ gridPos }) => gridPos.y <= y && y < gridPos.y + gridPos.h);
    const filled = across.reduce((sum, { gridPos }) => sum + gridPos.w, 0);
    const names = across.map((panel) => panel.title).join(', ');
    if (filled !== COLUMNS && names !== reported) made.push({ panel: names, kind: filled < COLUMNS ? 'hole' : 'overlap', what: `line ${y} of the grid has ${filled} of ${COLUMNS} columns` });
    reported = filled === COLUMNS ? '' : names;
  }
  for (const { title, gridPos } of panels) if (gridPos.x + gridPos.w > COLUMNS) made.push({ panel: title, kind: 'outside', what: `ends in column ${gridPos.x + gridPos.w}` });
  return made;
}

/** The nearest box that hides a part of the text, and which part. */
function hidden(node: Text, panel: Element): { box: Element; across: number; down: number } | undefined {
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const text of range.getClientRects())
    for (let box = node.parentElement; box && panel.contains(box); box = box.parentElement) {
      const style = getComputedStyle(box), seen = box.getBoundingClientRect();
      // A row of a table has no box of its own.
      if (style.display === 'contents') continue;
      // What only a screen reader hears is in a box of a pixel, or clipped.
      if (seen.width <= 1 || style.clip !== 'auto' || style.clipPath !== 'none') return undefined;
      const across = style.overflowX === 'visible' ? 0 : Math.max(text.right - seen.right, seen.left - text.left);
      const down = style.overflowY === 'visible' ? 0 : Math.max(text.bottom - seen.bottom, seen.top - text.top);
      // A line's box is taller than its letters: a quarter of it hides nothing.
      if (across > 1.5 || down > text.height / 4) return { box, across, down };
    }
  return undefined;
}

/** Whether a click on the cell shows its whole text: the column has `inspect`. */
function inspected(node: Text): boolean {
  const column = node.parentElement!.closest('[role="gridcell"]')?.getAttribute('aria-colindex');
  return node.parentElement!.closest('[data-inspect]')?.getAttribute('data-inspect')?.split(' ').includes(column ?? '-') ?? false;
}

function cuts(panel: Element): Finding[] {
  const title = panel.getAttribute('data-panel')!, type = panel.getAttribute('data-type');
  const made: Finding[] = [...panel.querySelectorAll('[data-cut]')].map((one) => ({ panel: title, kind: 'cut', what: one.getAttribute('data-cut')! }));
  const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode() as Text | null; node; node = walker.nextNode() as Text | null) {
    const text = node.data.trim();
    if (!text || !node.parentElement!.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const found = hidden(node, panel);
    if (!found) continue;
    if (inspected(node)) continue;
    const scrolls = ['auto', 'scroll'].includes(getComputedStyle(found.box).overflowY);
    // Rows of a table below its edge are one scroll away, as everybody knows of tables.
    if (type === 'table' && scrolls && found.across <= 1.5) continue;
    made.push({ panel: title, kind: scrolls ? 'scrolls' : 'cut', what: text.slice(0, 80) });
  }
  return made;
}

/** A panel with nothing in it is worse than one that says why. */
function blank(panel: Element): Finding[] {
  const inside = [...panel.querySelectorAll('section > div, section')].at(-1) ?? panel;
  const drawing = panel.querySelector('canvas, svg[data-drawing], [role="gridcell"], [data-testid*="Bar gauge value"], [data-testid*="BarGauge value"]');
  const text = inside.textContent?.trim() ?? '';
  return drawing || text || panel.getAttribute('data-type') === 'row' ? [] : [{ panel: panel.getAttribute('data-panel')!, kind: 'blank', what: 'nothing is drawn' }];
}

const failed = (panel: Element): Finding[] => [...panel.querySelectorAll('[data-failed]')].map((one) => ({ panel: panel.getAttribute('data-panel')!, kind: 'failed', what: one.getAttribute('data-failed')! }));

export function measured(panels: PanelModel[]): Finding[] {
  const drawn = [...document.querySelectorAll('[data-panel]')];
  const beside = drawn.filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => ({ panel: one.getAttribute('data-panel')!, kind: 'outside', what: 'beside the page' }));
  return [...holes(panels), ...beside, ...drawn.flatMap((one) => [...failed(one), ...blank(one), ...cuts(one)])];
}
