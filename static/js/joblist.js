// joblist.js - the jobs that are known here, newest first, and what an event changes in them. Events
// come late, twice and out of order: the newest version of a job wins. Keeps a bounded number. Pure.

export const STATES = ["queued", "running", "completed", "failed", "cancelled"];

export const hasEnded = (state) => state !== "queued" && state !== "running";

// Newest first; ids, which rise with time, decide between jobs of one millisecond.
const comesBefore = (a, b) =>
  a.created_at === b.created_at ? a.id > b.id : a.created_at > b.created_at;

export class JobList {
  #jobs = new Map();
  #order = []; // of the jobs

  // keeps: whether a job belongs here; isHeld: whether an old one must stay.
  constructor(max, keeps = () => true, isHeld = () => false) {
    this.max = max;
    this.keeps = keeps;
    this.isHeld = isHeld;
  }

  get size() {
    return this.#order.length;
  }

  get(id) {
    return this.#jobs.get(id);
  }

  all() {
    return this.#order;
  }

  #indexOf(job) {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comesBefore(this.#order[middle], job)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // The next older job, before which a new one is put; undefined for the oldest.
  olderThan(id) {
    return this.#order[this.#indexOf(this.#jobs.get(id)) + 1];
  }

  // "added", "changed", "removed" (it does not belong here any more) or "same".
  put(job) {
    const old = this.#jobs.get(job.id);
    if (old && (job.version ?? Infinity) <= (old.version ?? -1)) return "same";
    if (!this.keeps(job)) return old ? this.remove(job.id) : "same";
    this.#jobs.set(job.id, job);
    if (old) {
      this.#order[this.#indexOf(old)] = job;
      return "changed";
    }
    this.#order.splice(this.#indexOf(job), 0, job);
    return "added";
  }

  remove(id) {
    this.#order.splice(this.#indexOf(this.#jobs.get(id)), 1);
    this.#jobs.delete(id);
    return "removed";
  }

  // The oldest over the limit, but those that are held: their ids, which are gone.
  trim() {
    const gone = [];
    for (let i = this.#order.length - 1; i >= 0 && this.#order.length > this.max; i--) {
      const { id } = this.#order[i];
      if (this.isHeld(id)) continue;
      this.remove(id);
      gone.push(id);
    }
    return gone;
  }

  // Those that go on changing.
  open() {
    return this.#order.filter(({ status }) => !hasEnded(status));
  }

  countByState() {
    const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
    for (const { status } of this.#order) if (Object.hasOwn(counts, status)) counts[status]++;
    return counts;
  }
}

// A whole job with an image event in it, or the same object where that is older than what is known.
// An image that has ended stays as it is unless newer news say otherwise.
export function withImage(job, { version, image }) {
  const i = job.images.findIndex(({ id }) => id === image.id);
  if (i < 0) return job;
  const known = job.images[i].version ?? job.version ?? -1;
  if (version < known || (version === known && hasEnded(job.images[i].status))) return job;
  const images = job.images.slice();
  images[i] = { ...image, version };
  return { ...job, images };
}

// A whole job with a summary's newer state. Its images stay as old as they were: events of them that the
// summary has overtaken are still news.
export function withSummary(job, summary) {
  if ((summary.version ?? Infinity) < (job.version ?? -1)) return job;
  const { images, ...rest } = summary;
  return { ...job, ...rest, images: images ?? job.images.map((image) => ({ version: job.version, ...image })) };
}

// How long a job has taken, or has so far, in seconds.
export function secondsOf(job, now) {
  const end = Date.parse(job.completed_at ?? job.failed_at ?? job.cancelled_at ?? "");
  const until = Number.isNaN(end) ? now : end;
  return Math.max(0, (until - Date.parse(job.created_at)) / 1000);
}

// By when it is due: what its sender has noted in the metadata, else its class's.
export function deadlineOf(job, byPriority) {
  const own = job.metadata?.deadline_s;
  return typeof own === "number" && own > 0 && own < 1e7 ? own : byPriority[job.priority] ?? null;
}
