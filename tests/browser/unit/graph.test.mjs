// How a role fares, told from what GET /graph answers.
import assert from "node:assert/strict";
import test from "node:test";
import { clearsIn, conditionOf, readGraph } from "../../../static/js/graph.js";

const node = (workers, messages = 0, out = 5, more = {}) => ({
  name: "resize", role: true, priority: "interactive", deadline_s: 30, workers,
  queue: { messages, out_per_second: out }, ...more,
});
const level = (...args) => conditionOf(node(...args), "up").level;

test("a role without a worker is bad, but for bulk with nothing to do", () => {
  assert.equal(level(0), "bad");
  assert.equal(level(0, 5), "bad");
  assert.equal(level(0, 0, 0, { priority: "bulk" }), "idle");
  assert.equal(level(0, 1, 0, { priority: "bulk" }), "bad");
});

test("a queue that takes longer than the deadline is full, over half of it long", () => {
  assert.equal(level(2, 75, 5), "ok"); // 15 s
  assert.equal(level(2, 76, 5), "warn");
  assert.equal(level(2, 150, 5), "warn"); // 30 s
  assert.equal(level(2, 151, 5), "bad");
});

test("a broker that is away is bad for every node", () => {
  assert.equal(conditionOf(node(3), "down").level, "bad");
  assert.equal(conditionOf({ name: "interactive", role: false }, "down").level, "bad");
});

test("what is not known is no alarm", () => {
  assert.equal(level(null), "idle");
  assert.equal(level(2, null, null), "ok");
  assert.equal(level(2, 10, null), "ok");
  assert.equal(conditionOf(node(1, 0, 0, { queue: null }), "up").level, "ok");
  assert.equal(clearsIn(node(1, 10, 0)), null);
  assert.equal(clearsIn(node(1, 0, 0)), 0);
  assert.equal(clearsIn(node(1, 10, 5)), 2);
});

test("an answer with members missing or odd is still a graph", () => {
  const graph = readGraph({ nodes: [null, { name: 3 }, node(1)], edges: null, notes: [{ text: "x" }], demo: "yes" });
  assert.deepEqual(graph.roles, ["resize"]);
  assert.deepEqual([graph.edges, graph.samples, graph.notes, graph.demo], [[], [], [], false]);
  assert.deepEqual(graph.deadlineBy, { interactive: 30 });
});
