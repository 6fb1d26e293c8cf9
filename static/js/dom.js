// dom.js - making and changing elements. The one place where texts from outside meet the document:
// they become text nodes, and addresses become links only when they are http or https. There is no
// innerHTML on this page.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

// What turns the direction of the text after it, and so shows an address as another one, is shown itself.
const plain = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined)
    .map((child) => (typeof child === "string" ? plain(child) : child)));
  return made;
}

// el("p", {class: "help"}, "text", otherElement)
export const el = (name, attributes = {}, ...children) =>
  fill(document.createElement(name), attributes, children);

export const svg = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

// A picture of the sprite in index.html; words beside it say what it means.
export const icon = (name) =>
  svg("svg", { class: `icon icon-${name}`, "aria-hidden": "true", viewBox: "0 0 16 16" },
    svg("use", { href: `#icon-${name}` }));

// Setting what is there already would still make the browser lay out again.
export function setText(element, text) {
  const shown = plain(String(text));
  if (element.textContent !== shown) element.textContent = shown;
}

export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// The address, or null where a browser should not follow it.
export function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

// The text as a link where it is an address of the web.
export function linkTo(text, label = text) {
  const address = webAddress(text);
  return address === null
    ? el("span", {}, String(label))
    : el("a", { href: address, rel: "noreferrer", target: "_blank" }, String(label));
}

// Makes the parent's children those of items, in their order: what has a known key is kept and
// updated, so that focus, open details and loaded pictures stay.
export function reconcile(parent, items, keyOf, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    old.delete(key);
    if (!child) {
      child = make(item);
      child.dataset.key = key;
    }
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
    update(child, item);
  }
  for (const child of old.values()) child.remove();
}

// Said once by screen readers: what came of something the reader did, never news that keep coming.
export function announce(text) {
  byId("announce").textContent = text;
}
