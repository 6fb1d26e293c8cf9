// The list under events that come late, twice and out of order.
import assert from "node:assert/strict";
import test from "node:test";
import { deadlineOf, JobList, secondsOf, withImage, withSummary } from "../../../static/js/joblist.js";

const job = (n, version = 1, more = {}) => ({
  id: `id-${String(n).padStart(5, "0")}`, version, status: "queued",
  created_at: new Date(1e12 + n * 1000).toISOString(), ...more,
});
const ids = (list) => list.all().map(({ id }) => id);

test("jobs are newest first, in whatever order they come", () => {
  const list = new JobList(10);
  for (const n of [3, 1, 5, 2, 4]) assert.equal(list.put(job(n)), "added");
  assert.deepEqual(ids(list), [5, 4, 3, 2, 1].map((n) => job(n).id));
});

test("ids decide between jobs of one millisecond", () => {
  const list = new JobList(10);
  const at = job(1).created_at;
  for (const id of ["b", "c", "a"]) list.put({ ...job(1), id, created_at: at });
  assert.deepEqual(ids(list), ["c", "b", "a"]);
  assert.equal(list.olderThan("c").id, "b");
  assert.equal(list.olderThan("a"), undefined);
});

test("the newest version wins, and the same again changes nothing", () => {
  const list = new JobList(10);
  list.put(job(1, 2, { status: "running" }));
  assert.equal(list.put(job(1, 1)), "same");
  assert.equal(list.put(job(1, 2, { status: "running" })), "same");
  assert.equal(list.get(job(1).id).status, "running");
  assert.equal(list.put(job(1, 3, { status: "completed" })), "changed");
  assert.equal(list.size, 1);
  assert.equal(list.all()[0].status, "completed");
});

test("the oldest go when there are too many, but those that are held", () => {
  const held = job(1).id;
  const list = new JobList(3, undefined, (id) => id === held);
  for (let n = 1; n <= 5; n++) list.put(job(n));
  assert.deepEqual(list.trim().sort(), [job(2).id, job(3).id]);
  assert.deepEqual(ids(list), [5, 4, 1].map((n) => job(n).id));
  assert.deepEqual(list.trim(), []);
});

test("a job that does not belong here any more leaves", () => {
  const list = new JobList(10, ({ status }) => status === "queued");
  list.put(job(1));
  assert.equal(list.put(job(1, 2, { status: "running" })), "removed");
  assert.equal(list.put(job(2, 1, { status: "running" })), "same");
  assert.equal(list.size, 0);
});

test("10,000 jobs in random order are in order", () => {
  const list = new JobList(1000);
  for (let i = 0; i < 10000; i++) list.put(job((i * 7919) % 10000));
  list.trim();
  assert.equal(list.size, 1000);
  assert.deepEqual([ids(list)[0], ids(list)[999]], [job(9999).id, job(9000).id]);
});

test("counts are of all states, unknown ones aside", () => {
  const list = new JobList(10);
  list.put(job(1));
  list.put(job(2, 1, { status: "failed" }));
  list.put(job(3, 1, { status: "constructor" }));
  assert.deepEqual(list.countByState(), { queued: 1, running: 0, completed: 0, failed: 1, cancelled: 0 });
});

const whole = { ...job(1, 5), images: [{ id: "a", status: "running" }, { id: "b", status: "completed" }] };

test("an image event changes its image and no other", () => {
  const changed = withImage(whole, { version: 6, image: { id: "a", status: "completed" } });
  assert.deepEqual(changed.images.map(({ status }) => status), ["completed", "completed"]);
  assert.equal(whole.images[0].status, "running");
});

test("an older image event, or one of another job's image, changes nothing", () => {
  assert.equal(withImage(whole, { version: 4, image: { id: "a", status: "queued" } }), whole);
  assert.equal(withImage(whole, { version: 9, image: { id: "c", status: "queued" } }), whole);
  const newer = withImage(whole, { version: 8, image: { id: "a", status: "completed" } });
  assert.equal(withImage(newer, { version: 7, image: { id: "a", status: "running" } }), newer);
});

test("an image that has ended is not taken back by news of the same version", () => {
  assert.equal(withImage(whole, { version: 5, image: { id: "b", status: "running" } }), whole);
});

test("a summary keeps the images, and an older one changes nothing", () => {
  assert.deepEqual(withSummary(whole, { ...job(1, 6, { status: "completed" }) }).images.map(({ status }) => status),
    ["running", "completed"]);
  assert.equal(withSummary(whole, job(1, 4)), whole);
});

test("an image event that a summary of its job has overtaken is still news", () => {
  const ahead = withSummary(withSummary(whole, job(1, 7)), job(1, 8));
  const changed = withImage(ahead, { version: 6, image: { id: "a", status: "completed" } });
  assert.equal(changed.images[0].status, "completed");
  assert.equal(withImage(ahead, { version: 4, image: { id: "a", status: "queued" } }), ahead);
});

test("the time of a job runs until it has ended, and is never below nothing", () => {
  const created = Date.parse(job(1).created_at);
  assert.equal(secondsOf(job(1), created + 2500), 2.5);
  assert.equal(secondsOf(job(1), created - 2500), 0);
  for (const member of ["completed_at", "failed_at", "cancelled_at"])
    assert.equal(secondsOf(job(1, 1, { [member]: new Date(created + 4000).toISOString() }), created + 9000), 4);
});

test("a deadline is the sender's own, else the class's; odd ones are none", () => {
  const by = { interactive: 30 };
  assert.equal(deadlineOf({ priority: "interactive", metadata: { deadline_s: 5 } }, by), 5);
  for (const deadline_s of ["5", -1, 0, null, 1e300, {}])
    assert.equal(deadlineOf({ priority: "interactive", metadata: { deadline_s } }, by), 30);
  assert.equal(deadlineOf({ priority: "bulk", metadata: null }, by), null);
});
