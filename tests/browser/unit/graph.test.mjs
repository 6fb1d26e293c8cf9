// How a role fares, told from what GET /graph answers.
import assert from "node:assert/strict";
import test from "node:test";
import { clearsIn, conditionOf, readGraph } from "../../../static/js/graph.js";

const node = (workers, messages = 0, out = 5, more = {}) => ({
  name: "resize", role: true, priority: "interactive", deadline_s: 30, workers,
  queue: { messages, out_per_second: out }, ...more,
});
const level = (...args) => conditionOf(node(...args), "up").level;

test("a role without a worker is bad; for bulk, which may wait, it is not", () => {
  assert.equal(level(0), "bad");
  assert.equal(level(0, 5), "bad");
  assert.equal(level(0, 0, 0, { priority: "bulk" }), "idle");
  assert.equal(level(0, 1, 0, { priority: "bulk" }), "warn");
});

test("a queue that is full, or is not there, is bad whatever else", () => {
  assert.deepEqual(conditionOf(node(2, 10, 5, { queue: { messages: 10, full: true } }), "up"), { level: "bad", text: "queue is full" });
  assert.equal(level(2, 0, 5, { queue: { exists: false, messages: null } }), "bad");
  assert.equal(level(2, 0, 5, { queue: { exists: true, full: false, messages: 0 } }), "ok");
  assert.equal(level(null, 0, 0, { queue: null }), "ok");
});

test("a queue that takes longer than the deadline is bad, over half of it a warning", () => {
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
