// Helpers for the document. Text is set only as text, so a name is never parsed as markup.

export function byId(id) {
  return document.getElementById(id);
}

export function el(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

// Writes only a changed text: otherwise screen readers would speak and selections would jump.
export function setText(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node && node.hidden === visible) node.hidden = !visible;
}

// Makes `parent` have one child for each item, in order; reuses the children of items that were there before.
export function reconcile(parent, items, keyOf, create, update) {
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
  for (const node of before.values()) node.remove();
}

export function part(node, name) {
  return node.querySelector(`[data-part="${name}"]`);
}

// Leads a link to the page of a workflow: by its uid, else by its name in a place.
export function leadTo(link, { uid, cluster, namespace, name }) {
  const place = new URLSearchParams({ cluster, namespace, name });
  const address = uid ? `/workflows/${encodeURIComponent(uid)}` : `/workflows?${place}`;
  if (link.getAttribute("href") !== address) link.setAttribute("href", address);
}

// Leads a link to the history of a queue; without a queue it leads nowhere.
export function leadToQueue(link, place) {
  const address = place && `/queues/${[place.cluster, place.namespace, place.queue].map(encodeURIComponent).join("/")}`;
  if (!address) link.removeAttribute("href");
  else if (link.getAttribute("href") !== address) link.setAttribute("href", address);
}

export function named(name, tag, className = "") {
  const node = el(tag, className);
  node.dataset.part = name;
  return node;
}

// Shows an age, which grows by itself between two answers of the server (tick() in live.js); without an age, a text.
// `sentence` has the age as {age}.
export function setAge(node, ms, otherwise = "–", sentence = "{age}") {
  if (ms === null || ms === undefined) {
    delete node.dataset.ageMs;
    setText(node, otherwise);
  } else {
    node.dataset.ageMs = ms;
    node.dataset.sentence = sentence;
  }
}

// Shows the time until an instant, which shrinks in the same way.
export function setDue(node, ms, otherwise) {
  if (ms === null || ms === undefined) {
    delete node.dataset.dueMs;
    setText(node, otherwise);
  } else node.dataset.dueMs = ms;
}

// Draws a stacked bar: one segment for each reason, as wide as its share; `length` is the length of the whole bar, of 1.
export function stack(bar, groups, length) {
  bar.style.width = `${Math.max(length * 100, 0.5)}%`;
  reconcile(
    bar,
    groups,
    (group) => group.reason,
    (group) => el("span", `r-${group.reason}`),
    (segment, group) => {
      segment.style.flexGrow = group.workflows;
    },
  );
}
