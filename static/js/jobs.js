// jobs.js - the panel of jobs: the list, its filters and its counts. A row is made once and then
// changed in place; rows, like all work here, come a few in a frame.

import { get } from "./api.js";
import { serverNow } from "./connection.js";
import { byId, el, icon, setAttribute, setText } from "./dom.js";
import { format, NOTHING, timeOf } from "./format.js";
import { JobDetail } from "./job.js";
import { deadlineOf, hasEnded, JobList, secondsOf, STATES } from "./joblist.js";
import { FrameQueue } from "./work.js";

const KEPT = 1000;
const PAGE = 100;
const RETRY_MS = 4000;
const METER_OVER = 1.25; // the meter's end, in deadlines
const NEAR = 0.8; // of the deadline: it is close

export const STATE_WORDS = {
  queued: "Waiting", running: "In work", completed: "Done", failed: "Failed", cancelled: "Cancelled",
};

const rows = new Map(); // job id to Row
const unended = new Set(); // ids of rows whose meters move
const frames = new FrameQueue(showSummary);
let list;
let pages = 0; // that were read; read again after a reset
let nextCursor = null;
let generation = 0; // of the list: answers for an earlier filter come too late
let deadlineBy = {};
let loaded = false;
let retryTimer = null;

// ---- a row

class Row {
  constructor(job) {
    this.id = job.id;
    this.word = el("span", { class: "state-word" });
    this.icon = el("span", { class: "state-icon" });
    this.state = null;
    this.name = el("span", { class: "job-name" }, `…${job.id.slice(-8)}`);
    this.priority = el("span", { class: "job-class" }, String(job.priority));
    this.images = el("span", { class: "job-images" });
    this.meter = el("meter", { min: "0", "aria-label": "Time against the deadline" });
    this.seconds = el("span", { class: "job-seconds" });
    const created = timeOf(job.created_at);
    this.created = el("time", { class: "job-time", datetime: job.created_at, title: format.exactTime(created) },
      format.time(created));
    this.summary = el("summary", {},
      el("span", { class: "job-state" }, this.icon, this.word),
      el("span", { class: "job-who" }, this.name, " ", this.priority),
      this.images,
      el("span", { class: "job-meter" }, this.meter, this.seconds),
      this.created);
    this.details = el("details", {}, this.summary);
    this.element = el("li", { class: "job", "data-job": job.id }, this.details);
    this.details.addEventListener("toggle", () => this.toggle());
    this.update(job);
  }

  update(job) {
    const { counts } = job;
    if (this.state !== job.status) {
      this.state = job.status;
      this.element.dataset.state = job.status;
      this.icon.replaceChildren(icon(STATES.includes(job.status) ? job.status : "queued"));
      setText(this.word, STATE_WORDS[job.status] ?? String(job.status));
    }
    const bad = counts.failed ? `, ${format.count(counts.failed)} failed` : "";
    setText(this.images, `${format.count(counts.completed)} of ${format.plural(counts.total, "image")}${bad}`);
    this.showTime(job, serverNow());
    this.detail?.update(job);
  }

  showTime(job, now) {
    const seconds = secondsOf(job, now);
    const deadline = deadlineOf(job, deadlineBy);
    const ended = hasEnded(job.status);
    const late = deadline !== null && seconds > deadline;
    if (ended) unended.delete(this.id);
    else unended.add(this.id);
    this.meter.hidden = deadline === null;
    if (deadline !== null) {
      if (this.deadline !== deadline) {
        this.deadline = deadline;
        this.meter.max = deadline * METER_OVER;
        this.meter.low = deadline * NEAR;
        this.meter.high = deadline;
        this.meter.optimum = 0;
      }
      this.meter.value = seconds;
    }
    const shown = format.seconds(ended ? seconds : Math.floor(seconds));
    setText(this.seconds, deadline === null ? shown : `${late ? "late: " : ""}${shown} of ${format.seconds(deadline)}`);
    setAttribute(this.seconds, "data-late", late ? "" : null);
  }

  toggle() {
    if (!this.details.open) return;
    if (!this.detail) {
      this.detail = new JobDetail(this.id);
      this.details.append(this.detail.element);
    }
    this.detail.read();
  }
}

// ---- the list in the document

function place(row) {
  const older = list.olderThan(row.id);
  let next = older && rows.get(older.id)?.element;
  // The older one may not be there yet; then its own older one decides.
  for (let job = older; job && !next;) {
    job = list.olderThan(job.id);
    next = job && rows.get(job.id)?.element;
  }
  byId("jobs-list").insertBefore(row.element, next ?? null);
}

function render(id) {
  const job = list.get(id);
  const row = rows.get(id);
  if (!job) removeRow(id);
  else if (row) row.update(job);
  else {
    const made = new Row(job);
    rows.set(id, made);
    place(made);
  }
}

function removeRow(id) {
  frames.drop(id);
  unended.delete(id);
  rows.get(id)?.element.remove();
  rows.delete(id);
}

function put(job) {
  if (!job?.id || !job.counts || list.put(job) === "same") return;
  frames.put(job.id, () => render(job.id));
}

function drop(id) {
  list.remove(id);
  frames.put(id, () => render(id));
}

function trim() {
  for (const id of list.trim()) frames.put(id, () => removeRow(id));
}

// ---- what is said of it

function showSummary() {
  const counts = list.countByState();
  for (const state of STATES) setText(byId(`jobs-count-${state}`), loaded ? format.count(counts[state]) : NOTHING);
  setText(byId("jobs-total"), loaded ? `${format.plural(list.size, "job")} listed${list.size >= KEPT ? ", the newest" : ""}` : "");
  byId("jobs-empty").hidden = !loaded || list.size > 0;
  byId("jobs-more").hidden = nextCursor === null || list.size >= KEPT;
}

function showError(error) {
  byId("jobs-error").hidden = error === null;
  if (error) setText(byId("jobs-error-text"), `The jobs cannot be read: ${error.text ?? error.message}. Asked again in a few seconds.`);
}

// ---- reading

const filter = () => ({ status: byId("jobs-filter").value, priority: byId("jobs-priority").value });

function belongs(job) {
  const { status, priority } = filter();
  return (!status || job.status === status) && (!priority || job.priority === priority);
}

function address(cursor) {
  const query = new URLSearchParams({ limit: PAGE });
  for (const [name, value] of Object.entries(filter())) if (value) query.set(name, value);
  if (cursor) query.set("cursor", cursor);
  return `/jobs?${query}`;
}

// The n newest pages, and so many more that all is heard of which has not ended as far as this page
// knows. What of that is not among the jobs that were read does not belong here any more.
async function readPages(n) {
  const mine = generation;
  const unheard = new Map(list.open().map((job) => [job.id, job]));
  const oldest = [...unheard.keys()].reduce((least, id) => (id < least ? id : least), "~");
  let cursor = null;
  let last = "~"; // after all ids
  let i = 0;
  do {
    const page = await get(address(cursor));
    if (mine !== generation) return;
    for (const job of page.jobs ?? []) {
      put(job);
      unheard.delete(job.id);
      last = job.id;
    }
    cursor = page.next ?? null;
    pages = ++i;
  } while (cursor !== null && (i < n || (oldest < last && i < KEPT / PAGE)));
  for (const job of unheard.values())
    if ((cursor === null || job.id > last) && list.get(job.id) === job) drop(job.id);
  nextCursor = cursor;
}

// Reads again what is shown, until that has been done.
export async function reloadJobs() {
  const mine = generation;
  clearTimeout(retryTimer);
  byId("jobs").setAttribute("aria-busy", "true");
  try {
    await readPages(Math.max(pages, 1));
    if (mine !== generation) return;
    loaded = true;
    showError(null);
    for (const row of rows.values()) if (row.details.open) row.detail?.read();
  } catch (error) {
    showError(error);
    clearTimeout(retryTimer);
    retryTimer = setTimeout(reloadJobs, Math.max(RETRY_MS, 1000 * (error.retryAfterS ?? 0)));
  }
  byId("jobs").setAttribute("aria-busy", "false");
  trim();
  showSummary();
}

async function readMore() {
  const mine = generation;
  byId("jobs-more").disabled = true;
  try {
    const page = await get(address(nextCursor));
    if (mine !== generation) return;
    for (const job of page.jobs ?? []) put(job);
    nextCursor = page.next ?? null;
    pages++;
    showError(null);
  } catch (error) {
    showError(error);
  } finally {
    byId("jobs-more").disabled = false;
  }
  trim();
  showSummary();
}

function makeList() {
  generation++;
  pages = 0;
  nextCursor = null;
  loaded = false;
  frames.clear();
  rows.clear();
  unended.clear();
  byId("jobs-list").replaceChildren();
  list = new JobList(KEPT, belongs, (id) => rows.get(id)?.details.open ?? false);
}

// ---- news

export function onJobNews(jobs, images) {
  for (const job of jobs) put(job);
  for (const news of images) {
    const { detail } = rows.get(news.job) ?? {};
    if (detail) frames.put(`image ${news.image.id}`, () => detail.takeImage(news));
  }
  trim();
}

export function onGraph(graph) {
  if (JSON.stringify(deadlineBy) === JSON.stringify(graph.deadlineBy)) return;
  deadlineBy = graph.deadlineBy;
  for (const id of rows.keys()) frames.put(id, () => render(id));
}

function moveMeters() {
  if (document.hidden) return;
  for (const id of unended) frames.put(`time ${id}`, () => {
    const job = list.get(id);
    if (job) rows.get(id)?.showTime(job, serverNow());
  });
}

export function startJobs() {
  makeList();
  showSummary();
  for (const id of ["jobs-filter", "jobs-priority"])
    byId(id).addEventListener("change", () => {
      makeList();
      reloadJobs();
    });
  byId("jobs-more").addEventListener("click", readMore);
  byId("jobs-retry").addEventListener("click", () => reloadJobs());
  setInterval(moveMeters, 1000);
}
