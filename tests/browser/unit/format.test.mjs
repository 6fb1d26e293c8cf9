// Figures as a reader in that locale writes them, each with its unit.
import assert from "node:assert/strict";
import test from "node:test";
import { formatter, NOTHING, timeOf } from "../../../static/js/format.js";

const f = formatter("en-US", "UTC");
const de = formatter("de-DE", "UTC");

test("a duration has the unit that fits it", () => {
  const cases = [[0, "0 s"], [0.0004, "0 ms"], [0.42, "420 ms"], [0.9994, "999 ms"], [0.9996, "1.0 s"], [9.94, "9.9 s"],
    [9.96, "10 s"], [59.4, "59 s"], [59.6, "1 min"], [61, "1 min 1 s"], [3599.4, "59 min 59 s"], [3599.6, "1 h"],
    [5400, "1 h 30 min"], [86400, "1 d"], [100000, "1 d 3 h"], [-2, "−2.0 s"]];
  for (const [s, text] of cases) assert.equal(f.seconds(s), text, `${s}`);
});

test("sizes are in decimal units", () => {
  const cases = [[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [99949, "99.9 kB"], [99950, "100 kB"], [999500, "1.0 MB"],
    [25e6, "25.0 MB"], [1.5e9, "1.50 GB"]];
  for (const [n, text] of cases) assert.equal(f.bytes(n), text, `${n}`);
});

test("numbers are the reader's own", () => {
  assert.equal(f.count(10000), "10,000");
  assert.equal(de.count(10000), "10.000");
  assert.equal(de.seconds(4.25), "4,3 s");
  assert.equal(f.rate(3.456), "3.46/s");
  assert.equal(f.rate(34.56), "34.6/s");
  assert.equal(f.percent(0.715), "72 %");
  assert.equal(f.plural(1, "job"), "1 job");
  assert.equal(f.plural(2, "job"), "2 jobs");
});

test("what is not known is a dash, whatever it is instead", () => {
  for (const x of [null, undefined, NaN, Infinity, "12", {}])
    for (const name of ["count", "seconds", "bytes", "rate", "percent", "figure", "time", "exactTime"])
      assert.equal(f[name](x), NOTHING, `${name} of ${x}`);
});

test("a size in pixels may leave out one side", () => {
  assert.equal(f.pixels(640, 480), "640 × 480 px");
  assert.equal(f.pixels(640, undefined), "640 × auto px");
  assert.equal(f.pixels(null, undefined), NOTHING);
});

test("a time of another day has its date", () => {
  const at = Date.parse("2026-01-02T03:04:05.678Z");
  assert.match(f.time(at, at + 60000), /^03:04:05/);
  assert.match(f.time(at, at + 13 * 3600000), /Jan 2/);
  assert.match(f.exactTime(at), /January 2, 2026.*05\.678/);
});

test("a time that is none is null", () => {
  for (const text of [null, undefined, "", "soon", 12]) assert.equal(timeOf(text), null);
  assert.equal(timeOf("1970-01-01T00:00:01Z"), 1000);
});
