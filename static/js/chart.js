// chart.js - a line chart over time in SVG. Its cursor follows the pointer or the arrow keys; what it
// points at is told as text above, in room that is kept for it, so that nothing covers the lines or
// moves. Charts that are given the same Cursor move theirs together.

import { el, setAttribute, setText, svg } from "./dom.js";
import { format } from "./format.js";
import { linear, linearTicks, logarithmic, logTicks, nearest, runsOf, timeTicks } from "./scale.js";
import { FrameQueue } from "./work.js";

const HEIGHT = 168;
const BOX = { left: 62, right: 10, top: 12, bottom: 24 };
const TICK_PX = 64; // between times on the axis, at least
const LABEL_PX = 14;

const drawings = new FrameQueue();

export class Cursor {
  at = null;
  charts = [];

  set(at) {
    this.at = at;
    for (const chart of this.charts) chart.showCursor();
  }
}

// Of a chart: {title, unit, figure(value) to text, tick(value) where the axis has others, whole, log,
// atLeast (the axis reaches it), empty (said when there is nothing)}.
export class Chart {
  #data = null;
  #width = 0;

  constructor(host, cursor, kind) {
    this.kind = kind;
    this.cursor = cursor;
    cursor.charts.push(this);
    this.readout = el("ul", { class: "readout" });
    this.when = el("span", { class: "when" });
    this.empty = el("p", { class: "plot-empty" }, "Not known yet.");
    this.plot = el("div", {
      class: "plot", tabindex: "0", role: "slider", "aria-orientation": "horizontal",
      "aria-label": `${kind.title}: a time of the chart`, "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0,
      "aria-valuetext": "nothing is known yet",
    });
    this.svg = svg("svg", { height: HEIGHT, "aria-hidden": "true" });
    this.grid = svg("g", { class: "grid" });
    this.marks = svg("g", { class: "marks" });
    this.lines = svg("g", { class: "series" });
    this.rule = svg("line", { class: "cursor", y1: BOX.top, y2: HEIGHT - BOX.bottom, visibility: "hidden" });
    this.dots = svg("g", { class: "dots" });
    this.svg.append(this.grid, this.lines, this.marks, this.rule, this.dots);
    this.plot.append(this.svg, this.empty);
    host.append(
      el("figcaption", {}, el("span", { class: "plot-title" }, kind.title),
        " ", el("span", { class: "plot-unit" }, kind.unit), this.when),
      this.readout, this.plot);
    this.#listen();
    new ResizeObserver(([entry]) => {
      this.#width = Math.floor(entry.contentRect.width);
      drawings.put(this, () => this.#draw());
    }).observe(this.plot);
  }

  // series: [{key, name, tone, points: [[ms, value or null]], dashed, step, band: points}],
  // thresholds: [{value, name, tone}], notes: [{at, text}]; from, to: ms.
  update(data) {
    this.#data = data;
    drawings.put(this, () => this.#draw());
  }

  #listen() {
    const { plot, cursor } = this;
    const at = (event) => {
      const x = event.clientX - plot.getBoundingClientRect().left;
      const { from, to } = this.#data;
      const time = linear(BOX.left, this.#width - BOX.right, from, to)(x);
      return Math.min(Math.max(time, from), to);
    };
    plot.addEventListener("pointermove", (event) => this.#data && cursor.set(at(event)));
    plot.addEventListener("pointerdown", (event) => this.#data && cursor.set(at(event)));
    plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && cursor.set(null));
    plot.addEventListener("blur", () => cursor.set(null));
    plot.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #onKey(event) {
    if (!this.#data) return;
    const times = this.#times();
    const here = this.cursor.at === null ? times.length - 1 : nearest(times, this.cursor.at);
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 12, PageDown: -12,
      Home: -Infinity, End: Infinity };
    if (event.key === "Escape") this.cursor.set(null);
    if (!(event.key in steps) || !times.length) return;
    event.preventDefault();
    this.cursor.set(times[Math.min(Math.max(here + steps[event.key], 0), times.length - 1)][0]);
  }

  // Of the series that has most.
  #times() {
    return this.#data.series.reduce((most, { points }) => (points.length > most.length ? points : most), []);
  }

  #yScale() {
    const { series, thresholds } = this.#data;
    const values = series.flatMap(({ points }) => points.map(([, v]) => v)).filter((v) => v !== null && v !== undefined);
    const all = [...values, ...(values.length || this.kind.log ? thresholds.map(({ value }) => value) : [])];
    const bottom = HEIGHT - BOX.bottom;
    if (this.kind.log) {
      const positive = all.filter((v) => v > 0);
      const ticks = logTicks(Math.min(0.1, ...positive.map((v) => Math.max(v, 0.001))), Math.max(10, ...positive));
      return { ticks, y: logarithmic(ticks[0], ticks[ticks.length - 1], bottom, BOX.top) };
    }
    const ticks = linearTicks(Math.max(this.kind.atLeast ?? 0, ...all), 4, this.kind.whole);
    return { ticks, y: linear(0, ticks[ticks.length - 1], bottom, BOX.top) };
  }

  #draw() {
    if (!this.#data || this.#width < 50) return;
    const { from, to, series, thresholds, notes } = this.#data;
    const right = this.#width - BOX.right;
    const x = linear(from, to, BOX.left, right);
    const { ticks, y } = this.#yScale();
    const tick = this.kind.tick ?? this.kind.figure;
    this.x = x;
    this.y = y;
    setAttribute(this.svg, "width", this.#width);
    setAttribute(this.svg, "viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.grid.replaceChildren(
      ...ticks.flatMap((value) => [
        svg("line", { x1: BOX.left, x2: right, y1: y(value), y2: y(value) }),
        svg("text", { x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end" }, tick(value))]),
      ...timeTicks(from, to, Math.max(2, Math.floor((right - BOX.left) / TICK_PX))).map((at) =>
        svg("text", { x: x(at), y: HEIGHT - 7, "text-anchor": x(at) > right - 20 ? "end" : x(at) < BOX.left + 20 ? "start" : "middle" },
          format.timeOfAxis(at))));
    this.lines.replaceChildren(...series.flatMap((one) => this.#drawSeries(one)));
    this.marks.replaceChildren(
      ...thresholds.flatMap((threshold) => [
        svg("line", { class: `threshold tone-${threshold.tone}`, x1: BOX.left, x2: right, y1: y(threshold.value), y2: y(threshold.value) }),
        svg("text", { class: `threshold-name tone-${threshold.tone}`, x: BOX.left + 4,
          y: y(threshold.value) < BOX.top + LABEL_PX ? y(threshold.value) + LABEL_PX - 1 : y(threshold.value) - 4 }, threshold.name)]),
      ...notes.filter(({ at }) => at >= from && at <= to).map((note) =>
        svg("g", { class: "note" },
          svg("line", { x1: x(note.at), x2: x(note.at), y1: BOX.top, y2: HEIGHT - BOX.bottom }),
          svg("path", { d: `M${x(note.at) - 5} ${BOX.top - 8}h10l-5 8z` }))));
    this.empty.hidden = series.some(({ points }) => points.some(([, v]) => v !== null));
    setText(this.empty, this.kind.empty);
    this.showCursor();
  }

  #drawSeries({ points, tone, dashed, step, band, longestGap }) {
    const line = (run) => run.map(([at, v], i) => {
      const px = this.x(at).toFixed(1);
      const py = this.y(v).toFixed(1);
      return i === 0 ? `M${px} ${py}` : step ? `H${px}V${py}` : `L${px} ${py}`;
    }).join("");
    const made = [];
    if (band)
      for (const run of runsOf(band.map(([at, low, high]) => [at, high === null ? null : low, high]), longestGap))
        made.push(svg("path", { class: `band tone-${tone}`,
          d: `${line(run)}${run.slice().reverse().map(([at, , high]) => `L${this.x(at).toFixed(1)} ${this.y(high).toFixed(1)}`).join("")}Z` }));
    for (const run of runsOf(points, longestGap))
      made.push(run.length === 1
        ? svg("circle", { class: `point tone-${tone}`, cx: this.x(run[0][0]), cy: this.y(run[0][1]), r: 2.5 })
        : svg("path", { class: `line tone-${tone}${dashed ? " dashed" : ""}`, d: line(run) }));
    return made;
  }

  // What each series is at the cursor, else at its end.
  showCursor() {
    if (!this.#data || !this.x) return;
    const { series, notes, from, to } = this.#data;
    const { at } = this.cursor;
    const dots = [];
    const words = [];
    let shownAt = null;
    const read = series.map((one) => {
      const index = at === null ? one.points.length - 1 : nearest(one.points, at);
      const point = one.points[index] ?? null;
      const near = point && (at === null || Math.abs(point[0] - at) <= one.longestGap) ? point : null;
      if (near && at !== null) shownAt ??= near[0];
      if (near && at !== null && near[1] !== null)
        dots.push(svg("circle", { class: `dot tone-${one.tone}`, cx: this.x(near[0]), cy: this.y(near[1]), r: 3.5 }));
      const value = near && near[1] !== null && near[1] !== undefined ? this.kind.figure(near[1]) : "–";
      words.push(`${one.name} ${value}`);
      return { ...one, value };
    });
    this.#showReadout(read);
    const note = at === null ? null : notes.find((one) => Math.abs(this.x(one.at) - this.x(at)) < 8);
    setAttribute(this.when, "title", at === null ? null : format.exactTime(shownAt ?? at));
    setText(this.when, at === null ? "" : ` ${format.timeOfDay(shownAt ?? at)}${note ? ` · ${note.text}` : ""}`);
    setAttribute(this.rule, "visibility", at === null ? "hidden" : "visible");
    if (at !== null) {
      setAttribute(this.rule, "x1", this.x(shownAt ?? at).toFixed(1));
      setAttribute(this.rule, "x2", this.x(shownAt ?? at).toFixed(1));
    }
    this.dots.replaceChildren(...dots);
    const spoken = at ?? to;
    setAttribute(this.plot, "aria-valuemax", Math.max(1, Math.round((to - from) / 1000)));
    setAttribute(this.plot, "aria-valuenow", Math.min(Math.max(Math.round((spoken - from) / 1000), 0), Math.round((to - from) / 1000)));
    setAttribute(this.plot, "aria-valuetext",
      `${at === null ? "latest" : format.timeOfDay(shownAt ?? at)}: ${words.join(", ") || "nothing is known"}${note ? `; ${note.text}` : ""}`);
  }

  #showReadout(read) {
    const shape = read.map(({ key }) => key).join(" ");
    if (this.readout.dataset.shape !== shape) {
      this.readout.dataset.shape = shape;
      this.readout.replaceChildren(...read.map((one) =>
        el("li", {}, svg("svg", { class: `swatch tone-${one.tone}`, viewBox: "0 0 16 8", "aria-hidden": "true" },
          svg("line", { class: one.dashed ? "dashed" : "", x1: 0, x2: 16, y1: 4, y2: 4 })),
          el("span", { class: "series-name" }, one.name), " ", el("b", {}))));
    }
    read.forEach(({ value }, i) => setText(this.readout.children[i].querySelector("b"), value));
  }
}
