// What a refusal says, and when to come back. The document is a stand-in: nothing here shows anything.
import assert from "node:assert/strict";
import test from "node:test";

globalThis.document = { getElementById: () => ({ dataset: {} }), addEventListener() {} };
const { placeOf, Refusal, retryAfterOf } = await import("../../../static/js/api.js");

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("Fri, 02 Jan 2026 03:04:05 GMT");
  assert.equal(retryAfterOf("3"), 3);
  assert.equal(retryAfterOf(" 0 "), 0);
  assert.equal(retryAfterOf("Fri, 02 Jan 2026 03:04:15 GMT", now), 10);
  assert.equal(retryAfterOf("Fri, 02 Jan 2026 03:04:00 GMT", now), 0);
  for (const text of [null, undefined, "", "soon"]) assert.equal(retryAfterOf(text, now), null);
});

test("a fault says which image it is about", () => {
  assert.equal(placeOf("/images/0/width"), "image 1, width");
  assert.equal(placeOf("/images/2/outputs/0/name"), "image 3, outputs, 0, name");
  assert.equal(placeOf("/priority"), "priority");
  assert.equal(placeOf(""), "the request");
});

test("a refusal is one sentence with its faults, at most eight", () => {
  const errors = Array.from({ length: 10 }, (_, i) => ({ pointer: `/images/${i}/width`, detail: "must be 1..4096" }));
  const { text } = new Refusal(422, { title: "The job is not valid", detail: "10 faults", errors }, null);
  assert.match(text, /^The job is not valid: image 1, width: must be 1\.\.4096; /);
  assert.match(text, /image 8, width: must be 1\.\.4096; and 2 more$/);
});

test("a refusal without a problem document is told by its status", () => {
  assert.equal(new Refusal(429, {}, 5).text, "The service answered 429");
  assert.equal(new Refusal(400, { title: 3, detail: {}, errors: "x" }, null).text, "The service answered 400");
});
