// Ticks of axes, scales, and lines with gaps.
import assert from "node:assert/strict";
import test from "node:test";
import { linear, linearTicks, logarithmic, logTicks, nearest, runsOf, timeTicks } from "../../../static/js/scale.js";

test("ticks are round, begin at nothing and reach the largest value", () => {
  assert.deepEqual(linearTicks(10), [0, 5, 10]);
  assert.deepEqual(linearTicks(0.07), [0, 0.02, 0.04, 0.06, 0.08]);
  assert.deepEqual(linearTicks(1234), [0, 500, 1000, 1500]);
  for (const max of [0.001, 0.3, 1, 7, 99, 101, 12345, 1e9]) {
    const ticks = linearTicks(max);
    assert.ok(ticks.at(-1) >= max && ticks.length >= 2 && ticks.length <= 6, `${max}: ${ticks}`);
  }
});

test("there are no halves of a worker", () => {
  assert.deepEqual(linearTicks(1, 4, true), [0, 1]);
  assert.deepEqual(linearTicks(2, 4, true), [0, 1, 2]);
});

test("odd maxima give an axis all the same", () => {
  for (const max of [0, -1, NaN, Infinity]) assert.deepEqual(linearTicks(max, 4, true), [0, 1]);
});

test("logarithmic ticks are powers of ten around the values", () => {
  assert.deepEqual(logTicks(0.1, 600), [0.1, 1, 10, 100, 1000]);
  assert.deepEqual(logTicks(1, 1), [1, 10]);
  assert.deepEqual(logTicks(0.1, 1000), [0.1, 1, 10, 100, 1000]);
});

test("times on the axis are round and no more than fit", () => {
  const from = Date.parse("2026-01-02T03:04:05Z");
  const ticks = timeTicks(from, from + 900000, 4);
  assert.deepEqual(ticks.map((at) => new Date(at).toISOString().slice(11, 19)), ["03:05:00", "03:10:00", "03:15:00"]);
  for (const n of [2, 3, 8, 20]) assert.ok(timeTicks(from, from + 900000, n).length <= n + 1);
});

test("scales map ends to ends, and what is below a logarithmic one lies on its end", () => {
  assert.equal(linear(0, 10, 100, 0)(5), 50);
  assert.equal(linear(3, 3, 0, 10)(3), 0);
  const y = logarithmic(0.1, 1000, 100, 0);
  assert.equal(Math.round(y(10)), 50);
  assert.equal(y(0), 100);
});

test("a line is broken where a value is missing or nobody has measured", () => {
  const points = [[0, 1], [1, 2], [2, null], [3, 4], [9, 5]];
  assert.deepEqual(runsOf(points, 3), [[[0, 1], [1, 2]], [[3, 4]], [[9, 5]]]);
  assert.deepEqual(runsOf([], 3), []);
});

test("the nearest point in time", () => {
  const points = [[0], [10], [20]];
  assert.deepEqual([-5, 4, 6, 14, 99].map((at) => nearest(points, at)), [0, 0, 1, 1, 2]);
  assert.equal(nearest([], 5), -1);
});
