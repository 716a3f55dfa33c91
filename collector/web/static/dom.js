// The few moves this page makes on the document. Text is only ever set as text, so a name is never read as markup.

export function byId(id) {
  return document.getElementById(id);
}

export function make(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

// Writing what already stands there would make screen readers speak and selections jump.
export function say(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node && node.hidden === visible) node.hidden = !visible;
}

// Makes the children of `parent` be one for each item, in order, keeping those that were there already.
export function keep(parent, items, keyOf, create, update) {
  const before = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let node = before.get(key);
    if (node === undefined) {
      node = create(item);
      node.dataset.key = key;
    }
    before.delete(key);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    update(node, item);
  }
  for (const gone of before.values()) gone.remove();
}

export function part(node, name) {
  return node.querySelector(`[data-part="${name}"]`);
}

export function named(name, tag, className = "") {
  const node = make(tag, className);
  node.dataset.part = name;
  return node;
}

// An age goes on by itself between two answers of the server (tick() in live.js); without one, words stand there.
export function setAge(node, ms, otherwise = "–") {
  if (ms === null || ms === undefined) {
    delete node.dataset.ageMs;
    say(node, otherwise);
  } else node.dataset.ageMs = ms;
}

// A time to come shrinks by itself in the same way.
export function setDue(node, ms, otherwise) {
  if (ms === null || ms === undefined) {
    delete node.dataset.dueMs;
    say(node, otherwise);
  } else node.dataset.dueMs = ms;
}

// A stacked bar: one segment a reason, as wide as its share; `length` is the whole bar's, of 1.
export function stack(bar, groups, length) {
  bar.style.width = `${Math.max(length * 100, 0.5)}%`;
  keep(
    bar,
    groups,
    (group) => group.reason,
    (group) => make("span", `r-${group.reason}`),
    (segment, group) => {
      segment.style.flexGrow = group.workflows;
    },
  );
}
