// system.js - the panel of the graph: a picture of it, and a table that says the same in words and is
// what a phone and a screen reader use. Laid out anew only when the graph itself is another one.

import { el, byId, icon, reconcile, setAttribute, setText, svg } from "./dom.js";
import { format, NOTHING } from "./format.js";
import { clearsIn, conditionOf } from "./graph.js";
import { layout } from "./layout.js";

const LEVEL_ICONS = { ok: "completed", idle: "queued", warn: "warn", bad: "failed" };
const WIDEST = 5; // pixels of a line with much traffic
const LABEL_MAX = 18; // characters that fit into a node

let drawn = null; // the shape of the graph that is drawn
let parts = new Map(); // of the picture, by "node NAME" and "line KEY"

const cut = (text) => (text.length > LABEL_MAX ? `${text.slice(0, LABEL_MAX - 1)}…` : text);

// ---- the picture

const shapeOf = ({ nodes, edges }) => JSON.stringify([
  nodes.map(({ name, component, role }) => [name, component, role]),
  edges.map(({ from, from_port, to, to_port }) => [from, from_port, to, to_port]),
]);

function drawLine(line) {
  const dead = line.edges.every(({ from_port }) => from_port === "DEADLETTER");
  const ports = line.edges.map(({ from_port }) => from_port).join(", ");
  const path = svg("path", { class: "line", d: line.d, "marker-end": "url(#arrow)" });
  const label = (dy) => svg("text", { class: "line-label", x: line.label.x, y: line.label.y + dy, "text-anchor": "middle" });
  const rate = label(-7);
  const depth = label(17);
  const group = svg("g", { class: dead ? "edge dead" : "edge", "data-edge": line.key },
    svg("title", {}, `${line.from} ${ports} to ${line.to} ${line.to_port}`), path, rate, depth);
  parts.set(`line ${line.key}`, { line, path, rate, depth, group });
  return group;
}

function drawNode(node, place) {
  const x = place.x + place.width / 2;
  const text = (className, y, value) =>
    svg("text", { class: className, x, y: place.y + y, "text-anchor": "middle" }, value ?? "");
  const box = svg("rect", { x: place.x, y: place.y, width: place.width, height: place.height, rx: node.role ? 9 : 17 });
  const group = svg("g", { class: node.role ? "node" : "node routing", "data-node": node.name },
    svg("title", {}, `${node.name} (${node.component})`), box);
  const name = text("node-name", node.role ? 22 : 21, cut(node.name));
  const workers = text("node-line", 43);
  const queue = text("node-line", 61);
  group.append(name);
  if (node.role) group.append(workers, queue);
  parts.set(`node ${node.name}`, { group, workers, queue });
  return group;
}

function draw(graph) {
  const plan = layout(graph.nodes.map(({ name, role }) => ({ name, small: !role })), graph.edges);
  const picture = byId("system-graph");
  parts = new Map();
  setAttribute(picture, "viewBox", `0 0 ${plan.width} ${plan.height}`);
  setAttribute(picture, "width", plan.width);
  setAttribute(picture, "height", plan.height);
  byId("system-lines").replaceChildren(...plan.lines.map(drawLine));
  byId("system-nodes").replaceChildren(...graph.nodes.map((node) => drawNode(node, plan.nodes.get(node.name))));
}

function updateNode(node, broker) {
  const part = parts.get(`node ${node.name}`);
  const { level } = conditionOf(node, broker);
  setAttribute(part.group, "data-level", node.role ? level : broker === "down" ? "bad" : "ok");
  if (!node.role) return;
  setText(part.workers, node.workers === null || node.workers === undefined
    ? node.queue ? "workers: –" : ""
    : node.workers === 0 ? "no worker" : format.plural(node.workers, "worker"));
  setText(part.queue, node.queue ? `${format.count(node.queue.messages)} waiting` : "");
}

const total = (edges, member) => {
  const known = edges.map((edge) => edge[member]).filter((x) => typeof x === "number");
  return known.length ? known.reduce((sum, x) => sum + x, 0) : null;
};

// Ports of one queue share its messages: those are not added up.
const depthOf = (edges) => {
  const known = edges.map(({ messages }) => messages).filter((x) => typeof x === "number");
  return known.length ? Math.max(...known) : null;
};

function updateLine({ line, path, rate: rateLabel, depth: depthLabel, group }, edgesNow) {
  const edges = edgesNow.filter((edge) =>
    edge.from === line.from && edge.to === line.to && edge.to_port === line.to_port);
  const rate = total(edges, "per_second");
  const depth = depthOf(edges);
  setText(rateLabel, rate > 0 ? format.rate(rate) : "");
  setText(depthLabel, depth > 0 ? `${format.count(depth)} waiting` : "");
  setAttribute(path, "stroke-width", (1.5 + Math.min(Math.log2(1 + (rate ?? 0)), WIDEST - 1.5)).toFixed(1));
  setAttribute(group, "data-busy", rate > 0 ? "" : null);
}

// ---- the table

function makeRow(node) {
  return el("tr", { "data-role": node.name },
    el("th", { scope: "row" }, node.name), el("td", { class: "cell-state" }),
    ...["workers", "messages", "in", "out", "clears"].map((name) => el("td", { class: `number cell-${name}` })));
}

function updateRow(row, node, broker) {
  const { level, text } = conditionOf(node, broker);
  const cell = (name, value) => setText(row.querySelector(`.cell-${name}`), value);
  cell("workers", format.count(node.workers));
  cell("messages", format.count(node.queue?.messages));
  cell("in", format.rate(node.queue?.in_per_second));
  cell("out", format.rate(node.queue?.out_per_second));
  const clears = clearsIn(node);
  cell("clears", node.deadline_s ? `${clears === null ? NOTHING : format.seconds(clears)} of ${format.seconds(node.deadline_s)}` : NOTHING);
  const state = row.querySelector(".cell-state");
  if (row.dataset.level !== level || row.dataset.text !== text) {
    row.dataset.level = level;
    row.dataset.text = text;
    state.replaceChildren(icon(LEVEL_ICONS[level]), ` ${text}`);
  }
}

// ---- all of it

function statusText(graph, troubled) {
  if (graph.broker === "down") return "The broker is away. Jobs are still accepted; they are sent when it is back.";
  if (troubled.length) return `${troubled.map(({ node, text }) => `${node.name}: ${text}`).join("; ")}.`;
  return "All roles are well.";
}

export function onGraph(graph) {
  const shape = shapeOf(graph);
  if (shape !== drawn) {
    draw(graph);
    drawn = shape;
  }
  const roles = graph.nodes.filter(({ role }) => role);
  for (const node of graph.nodes) updateNode(node, graph.broker);
  for (const [key, part] of parts) if (key.startsWith("line ")) updateLine(part, graph.edges);
  reconcile(byId("system-roles"), roles, ({ name }) => name, makeRow, (row, node) => updateRow(row, node, graph.broker));

  const troubled = roles.map((node) => ({ node, ...conditionOf(node, graph.broker) }))
    .filter(({ level }) => level === "bad" || level === "warn");
  const level = graph.broker === "down" || troubled.some((role) => role.level === "bad") ? "bad" : troubled.length ? "warn" : "ok";
  setAttribute(byId("system-status"), "data-level", level);
  if (byId("system-status-text").textContent !== statusText(graph, troubled)) {
    byId("system-status-icon").replaceChildren(icon(LEVEL_ICONS[level]));
    setText(byId("system-status-text"), statusText(graph, troubled));
  }
  setText(byId("system-source"), graph.source === "passive"
    ? "Rates are not known: the broker's management API is not set or does not answer." : "");
  setAttribute(byId("system"), "data-broker", graph.broker ?? "unknown");
}

export function onGraphError(error) {
  if (drawn !== null) return; // what is shown stays; the banner tells of an outage
  setAttribute(byId("system-status"), "data-level", "warn");
  setText(byId("system-status-text"), `The system cannot be shown: ${error.text ?? error.message}. Asked again in a few seconds.`);
}
