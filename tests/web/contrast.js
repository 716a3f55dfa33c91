// Returns what WCAG 2 AA calls faint on its ground: texts below 4.5, or 3 for large letters, and marks of a chart below 3.

function parse(color) {
  const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
  // color-mix() is computed as color(srgb ...) with channels from 0 to 1.
  return color.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
}

function over([r, g, b, a], ground) {
  return [r, g, b].map((channel, i) => channel * a + ground[i] * (1 - a));
}

function ground(node) {
  const layers = [];
  for (let at = node; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function opacity(node) {
  let product = 1;
  for (let at = node; at; at = at.parentElement) product *= Number(getComputedStyle(at).opacity);
  return product;
}

// A part of a bar, a swatch or a shape of an SVG, on the surface below: its length stands beside it as text, the track only guides.
function mark(node) {
  const surface = ground(node.closest(".track") ? node.closest(".track").parentElement : node.parentElement);
  const style = getComputedStyle(node);
  return contrast(over(parse(node instanceof SVGElement ? style.fill : style.backgroundColor), surface), surface);
}

function contrast(one, other) {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((x, y) => y - x);
  return (lighter + 0.05) / (darker + 0.05);
}

const faint = [];
for (const node of document.body.querySelectorAll(".bar > *, .swatch, svg [class]")) {
  const name = [...node.classList].find((one) => /^[rok]-/.test(one));
  const box = node.getBoundingClientRect();
  if (name && box.width >= 2 && box.height >= 2 && mark(node) < 3) faint.push(`${mark(node).toFixed(2)} ${name}`);
}
for (const node of document.body.querySelectorAll("*")) {
  const own = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
  const box = node.getBoundingClientRect();
  if (!own || box.width < 2 || box.height < 2) continue;
  const style = getComputedStyle(node);
  const behind = ground(node);
  const [r, g, b, a] = parse(style.color);
  const ratio = contrast(over([r, g, b, a * opacity(node)], behind), behind);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} ${node.textContent.trim().slice(0, 40)}`);
}
return faint;
