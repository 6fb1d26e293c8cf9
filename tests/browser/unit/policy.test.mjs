// Which pictures the policy of this page lets it show.
import assert from "node:assert/strict";
import test from "node:test";
import { imageSources, isAmong } from "../../../static/js/policy.js";

const HERE = "https://images.example.org";
const sources = imageSources(
  "default-src 'none'; img-src 'self' https://bucket.s3.example.org/public/ https://one.example.org/a.png; script-src 'self'", HERE);

test("pictures of this host and of the bucket are shown", () => {
  assert.ok(isAmong(sources, `${HERE}/outputs/a.jpg`));
  assert.ok(isAmong(sources, "https://bucket.s3.example.org/public/a.jpg"));
  assert.ok(isAmong(sources, "https://one.example.org/a.png"));
});

test("others are not, however alike", () => {
  for (const address of ["https://bucket.s3.example.org/private/a.jpg", "http://bucket.s3.example.org/public/a.jpg",
    "https://images.example.org.evil.test/a.jpg", "https://one.example.org/a.png/b", "https://images.example.org:8443/a.jpg",
    "data:image/png;base64,AAAA", "javascript:alert(1)"])
    assert.ok(!isAmong(sources, address), address);
});

test("a policy without pictures allows none", () => {
  assert.deepEqual(imageSources("default-src 'none'", HERE), []);
  assert.deepEqual(imageSources("", HERE), []);
});
