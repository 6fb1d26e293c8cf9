// Arrivals: their mean, their spread, and what comes of a browser that slept.
import assert from "node:assert/strict";
import test from "node:test";
import { Arrivals, gapMs } from "../../../static/js/poisson.js";

// The same numbers in each run (mulberry32).
function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

test("gaps have the mean and the deviation of an exponential distribution", () => {
  const random = seeded(1);
  const gaps = Array.from({ length: 20000 }, () => gapMs(120, random()));
  const mean = gaps.reduce((sum, x) => sum + x, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, x) => sum + (x - mean) ** 2, 0) / gaps.length);
  assert.ok(Math.abs(mean - 500) < 15, `mean ${mean}`);
  assert.ok(Math.abs(deviation - 500) < 25, `deviation ${deviation}`);
});

test("the extremes of random() give a finite time", () => {
  assert.equal(gapMs(60, 0) + 0, 0);
  assert.ok(Number.isFinite(gapMs(60, 1 - 2 ** -53)));
});

test("nothing arrives at a rate of nothing", () => {
  const arrivals = new Arrivals(seeded(2));
  arrivals.setRate(0, 0);
  assert.equal(arrivals.due(1e9), 0);
});

test("as many arrive in an hour as the rate says, however seldom one asks", () => {
  for (const step of [100, 1000]) {
    const arrivals = new Arrivals(seeded(3));
    let n = 0;
    arrivals.setRate(60, 0);
    for (let now = 0; now <= 3600000; now += step) n += arrivals.due(now);
    assert.ok(Math.abs(n - 3600) < 200, `${n} at steps of ${step}`);
  }
});

test("a browser that slept does not send all of it at once", () => {
  const arrivals = new Arrivals(seeded(4), 3000);
  arrivals.setRate(600, 0);
  arrivals.due(1000);
  const n = arrivals.due(601000);
  assert.ok(n < 80, `${n} after ten minutes`); // 3 s at 10 a second, and some luck
});
