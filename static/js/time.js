// time.js - the panel of the last 15 minutes: from the samples of GET /graph by role and the buckets
// of GET /stats by class, the charts. A class has the tone of the role that works on it.

import { get } from "./api.js";
import { serverNow } from "./connection.js";
import { Chart, Cursor } from "./chart.js";
import { byId, el, reconcile, setText } from "./dom.js";
import { format, timeOf } from "./format.js";
import { Span } from "./span.js";

const SPAN_MS = 15 * 60000;
const GAP_SAMPLES = 4; // samples that may be missing before a line is broken
const TONES = 6; // in style.css
const BUCKET_S = 10;

const cursor = new Cursor();
let charts;
let graph = null;
let stats = null;
const span = new Span();

const CHARTS = {
  queue: { title: "Queue depth", unit: "images waiting, by role", figure: format.count, whole: true, atLeast: 4,
    empty: "No measurements yet." },
  workers: { title: "Workers", unit: "processes, by role", figure: format.count, whole: true, atLeast: 4,
    empty: "No measurements yet." },
  completion: { title: "Completion time", unit: "seconds from sent to done, logarithmic; a line is p90, its band begins at p50",
    figure: format.seconds, tick: (s) => (s < 0.01 ? format.seconds(s) : `${format.figure(s)} s`), log: true, empty: "Nothing has ended in this time. Start some load." },
  throughput: { title: "Images done", unit: "a second, by class", figure: format.figure, atLeast: 1,
    empty: "Nothing has ended in this time. Start some load." },
  utilisation: { title: "Utilisation", unit: "part of the places at workers that are taken, by role", figure: format.percent,
    atLeast: 1, empty: "Not measured yet." },
};

// Of the roles that have a queue: others have no lines here.
function toneOf(role) {
  const queued = graph.nodes.filter((node) => node.role && node.queue).map(({ name }) => name);
  return Math.max(0, queued.indexOf(role)) % TONES;
}

// The role that does the work of a class.
function toneOfClass(priority) {
  const node = graph.nodes.find((one) => one.role && one.priority === priority);
  return node ? toneOf(node.name) : TONES - 1;
}

function period(times) {
  const gaps = times.slice(1).map((at, i) => at - times[i]).sort((a, b) => a - b);
  return gaps[gaps.length >> 1] ?? 5000;
}

// Series of one member of the samples; roles where it is never known have none.
function byRole(member, step) {
  const samples = graph.samples.map((sample) => ({ at: timeOf(sample.at), roles: sample.roles ?? {} }))
    .filter(({ at }) => at !== null);
  const longestGap = GAP_SAMPLES * period(samples.map(({ at }) => at));
  return graph.roles.map((role) => ({
    key: role, name: role, tone: toneOf(role), step, longestGap,
    points: samples.map(({ at, roles }) => [at, roles[role]?.[member] ?? null]),
  })).filter(({ points }) => points.some(([, value]) => value !== null));
}

function buckets(priority) {
  return stats.buckets.filter((bucket) => bucket.priority === priority)
    .map((bucket) => ({ ...bucket, ms: timeOf(bucket.at) + (stats.bucket_s * 1000) / 2 }))
    .sort((a, b) => a.ms - b.ms);
}

const classes = () => [...new Set(stats.buckets.map(({ priority }) => priority))].sort().reverse(); // interactive first

function completionSeries() {
  return classes().flatMap((priority) => {
    const ended = buckets(priority).filter(({ completion_s }) => typeof completion_s?.p90 === "number");
    const common = { tone: toneOfClass(priority), longestGap: 6 * stats.bucket_s * 1000 };
    if (!ended.length) return [];
    return [
      { ...common, key: `${priority} p50`, name: `${priority} p50`, dashed: true,
        points: ended.map(({ ms, completion_s }) => [ms, completion_s.p50 ?? null]) },
      { ...common, key: `${priority} p90`, name: `${priority} p90`,
        points: ended.map(({ ms, completion_s }) => [ms, completion_s.p90]),
        band: ended.map(({ ms, completion_s }) => [ms, completion_s.p50 ?? null, completion_s.p90]) },
    ];
  });
}

// Buckets in which nothing happened are not in the answer: that is none a second.
function throughputSeries(from, to) {
  const step = stats.bucket_s * 1000;
  return classes().map((priority) => {
    const known = new Map(buckets(priority).map((bucket) => [Math.floor(timeOf(bucket.at) / step), bucket.images_per_second]));
    const points = [];
    for (let i = Math.floor(from / step) + 1; (i + 1) * step <= to; i++) points.push([(i + 0.5) * step, known.get(i) ?? 0]);
    return { key: priority, name: priority, tone: toneOfClass(priority), longestGap: 3 * step, points };
  });
}

function thresholds() {
  return Object.entries(graph.deadlineBy).map(([priority, value]) =>
    ({ value, tone: toneOfClass(priority), name: `deadline of ${priority}: ${format.seconds(value)}` }));
}

function drawAll() {
  if (!graph || document.hidden) return;
  const to = Math.max(serverNow(), timeOf(graph.at) ?? 0);
  const notes = graph.notes.map(({ at, text }) => ({ at: timeOf(at), text: String(text) }));
  const common = { from: to - SPAN_MS, to, notes, thresholds: [] };
  charts.queue.update({ ...common, series: byRole("messages") });
  charts.workers.update({ ...common, series: byRole("workers", true) });
  charts.utilisation.update({ ...common, series: byRole("utilisation") });
  if (stats) {
    charts.completion.update({ ...common, series: completionSeries(), thresholds: thresholds() });
    charts.throughput.update({ ...common, series: throughputSeries(to - stats.minutes * 60000, to) });
  }
  showNotes(notes);
}

function showNotes(notes) {
  byId("time-notes-block").hidden = notes.length === 0;
  reconcile(byId("time-notes"), notes.slice().reverse(), ({ at, text }) => `${at} ${text}`,
    ({ at, text }) => el("li", {},
      el("time", { datetime: new Date(at).toISOString(), title: format.exactTime(at) }, format.timeOfDay(at)), ` ${text}`),
    () => {});
}

function showTotals() {
  const failed = Array.isArray(stats.failures) ? stats.failures : [];
  byId("time-failures-block").hidden = failed.length === 0;
  reconcile(byId("time-failures"), failed, ({ code }) => code,
    ({ code }) => el("li", {}, el("code", {}, String(code)), " ", el("span")),
    (item, { images }) => setText(item.querySelector("span"), format.plural(images, "image")));
}

export function onGraph(news) {
  graph = news;
  drawAll();
}

// The range is this page's own: only its length can be at fault.
const isTooMuch = (error) => error.parameters?.includes("since") ?? false;

// A refusal of this range costs an error on the browser's own console; a shorter one is asked for.
async function askStats() {
  for (;;) {
    const now = Date.now();
    const minutes = span.next(now);
    try {
      const answer = await get(`/stats?since=${minutes}m&bucket=${BUCKET_S}s`);
      span.answered(minutes);
      return { ...answer, minutes };
    } catch (error) {
      if (!isTooMuch(error) || !span.refused(minutes, now)) throw error;
    }
  }
}

// For poll().
export async function readStats() {
  try {
    const answer = await askStats();
    stats = { ...answer, buckets: Array.isArray(answer.buckets) ? answer.buckets : [], bucket_s: answer.bucket_s || BUCKET_S };
    setText(byId("time-error"), "");
    setText(byId("time-span"), span.isWhole ? "" :
      `Completion times and images done are those of the last ${format.plural(stats.minutes, "minute")}: more happens here than statistics are made of (IMAGERESIZE_MAX_STATS).`);
    showTotals();
    drawAll();
  } catch (error) {
    if (error.status) {
      const why = isTooMuch(error)
        ? "even in a minute, more happens here than statistics are made of (IMAGERESIZE_MAX_STATS)" : error.text;
      setText(byId("time-error"), `Completion times and throughput cannot be read: ${why}. Asked again in a few seconds.`);
      setText(byId("time-span"), "");
    }
    throw error;
  }
}

export function startTime() {
  charts = Object.fromEntries(Object.entries(CHARTS).map(([name, kind]) =>
    [name, new Chart(byId(`chart-${name}`), cursor, kind)]));
}
