// Where the graph's nodes and lines go: the project's own, and graphs that are odd.
import assert from "node:assert/strict";
import test from "node:test";
import { layout, NODE } from "../../../static/js/layout.js";

const edge = (from, from_port, to, to_port = "IN") => ({ from, from_port, to, to_port });
const nodesOf = (...names) => names.map((name) => ({ name }));

const NODES = nodesOf("web", "interactive", "background", "resize", "bulk", "store");
const EDGES = [
  edge("web", "RESIZEIMAGE", "interactive"), edge("interactive", "OUT", "resize"),
  edge("interactive", "DEADLETTER", "store", "DEAD"), edge("web", "RESIZEBULK", "background"),
  edge("background", "OUT", "bulk"), edge("background", "DEADLETTER", "store", "DEAD"),
  ...["STARTED", "OUT", "ERROR"].flatMap((port) => [edge("resize", port, "store"), edge("bulk", port, "store")]),
];

function assertNoOverlap({ nodes, width, height }) {
  const all = [...nodes.values()];
  for (const a of all) {
    assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + a.height <= height, `${a.name} is inside`);
    for (const b of all)
      if (a !== b) assert.ok(a.layer !== b.layer || a.y + a.height <= b.y || b.y + b.height <= a.y, `${a.name}, ${b.name}`);
  }
}

test("the service's graph has four layers, each right of what sends to it", () => {
  const plan = layout(NODES, EDGES);
  const layer = (name) => plan.nodes.get(name).layer;
  assert.deepEqual(NODES.map(({ name }) => layer(name)), [0, 1, 1, 2, 2, 3]);
  for (const line of plan.lines) assert.ok(plan.nodes.get(line.from).x + NODE.width < plan.nodes.get(line.to).x);
  assertNoOverlap(plan);
});

test("its lines do not cross: what comes from above arrives above", () => {
  const { nodes } = layout(NODES, EDGES);
  const y = (name) => nodes.get(name).y;
  assert.equal(y("interactive") < y("background"), y("resize") < y("bulk"));
});

// Of a path: where it starts.
const startOf = ({ d }) => Number(/^M[\d.]+ ([\d.]+)/.exec(d)[1]);

test("lines leave a node in the order of where they go: none crosses another at once", () => {
  const { lines } = layout(NODES, EDGES);
  const [dead, live] = ["store", "bulk"].map((to) => lines.find((line) => line.from === "background" && line.to === to));
  const bendIsAbove = dead.label.y < live.label.y;
  assert.equal(startOf(dead) < startOf(live), bendIsAbove);
});

test("edges of several ports to one port are one line", () => {
  const { lines } = layout(NODES, EDGES);
  const line = lines.find(({ from, to }) => from === "resize" && to === "store");
  assert.deepEqual(line.edges.map(({ from_port }) => from_port), ["STARTED", "OUT", "ERROR"]);
  assert.equal(lines.length, 8);
});

test("loops, even of one node, are drawn", () => {
  const plan = layout(nodesOf("a", "b", "c"),
    [edge("a", "OUT", "b"), edge("b", "OUT", "c"), edge("c", "AGAIN", "a"), edge("b", "SELF", "b")]);
  assert.deepEqual(["a", "b", "c"].map((name) => plan.nodes.get(name).layer), [0, 1, 2]);
  assert.ok(plan.lines.every(({ d }) => /^M[-\d., LCMHV]+$/.test(d)), JSON.stringify(plan.lines));
  assertNoOverlap(plan);
});

test("no graph, one node, and edges to nowhere", () => {
  assert.equal(layout([], []).lines.length, 0);
  assert.equal(layout(nodesOf("a"), [edge("a", "OUT", "ghost"), edge("ghost", "OUT", "a")]).lines.length, 0);
  assertNoOverlap(layout(nodesOf("a"), []));
});

test("names that objects have too are names", () => {
  const plan = layout(nodesOf("__proto__", "constructor"), [edge("__proto__", "OUT", "constructor")]);
  assert.equal(plan.nodes.get("constructor").layer, 1);
});

test("a wide and long graph has no overlap", () => {
  const names = Array.from({ length: 60 }, (_, i) => `n${i}`);
  const edges = names.flatMap((name, i) => [1, 2, 7].map((step) => edge(name, "OUT", names[i + step]))).filter(({ to }) => to);
  assertNoOverlap(layout(nodesOf(...names), edges));
});
