// job.js - a job opened: its images with thumbnail, sizes, attempts, error and waterfall, and the
// button that cancels it. Read when opened, then kept up by the news.

import { get, post } from "./api.js";
import { announce, el, linkTo, reconcile, setAttribute, setText, svg, webAddress } from "./dom.js";
import { format, timeOf } from "./format.js";
import { hasEnded, withImage, withSummary } from "./joblist.js";
import { mayShow } from "./policy.js";

const STAGES = ["wait", "fetch", "decode", "store"];
const WORDS = { queued: "waiting", running: "in work", completed: "done", failed: "failed", cancelled: "cancelled" };
const LATER_MS = 250; // reads of one job within that are one

// What the image took in each stage, in milliseconds, as far as it is known.
function stagesOf(image) {
  const timings = image.result?.timings_ms;
  if (timings) return STAGES.map((name) => ({ name, ms: Math.max(0, Number(timings[name]) || 0) }));
  const created = timeOf(image.created_at);
  const started = timeOf(image.started_at);
  const ended = timeOf(image.failed_at ?? image.completed_at);
  if (created === null || ended === null) return [];
  const stages = [{ name: "wait", ms: Math.max(0, (started ?? ended) - created) }];
  if (started !== null) stages.push({ name: "work", ms: Math.max(0, ended - started) });
  return stages;
}

const sum = (stages) => stages.reduce((total, { ms }) => total + ms, 0);

// A bar of the stages, all images of a job on one scale; the words under it say the same.
function waterfall(stages, longest) {
  if (!stages.length) return null;
  let x = 0;
  const bars = stages.map(({ name, ms }) => {
    const width = longest ? (100 * ms) / longest : 0;
    const bar = svg("rect", { class: `stage stage-${name}`, x: `${x}%`, y: 0, width: `${width}%`, height: 10 });
    x += width;
    return bar;
  });
  const words = stages.flatMap(({ name, ms }) => [
    el("span", { class: `stage-word stage-${name}` }, `${name} ${format.seconds(ms / 1000)}`), " "]);
  return el("div", { class: "waterfall" },
    svg("svg", { class: "bars", "aria-hidden": "true", height: 10 }, ...bars),
    el("p", { class: "stages" }, ...words));
}

function picture(image) {
  const frame = el("div", { class: "thumb" });
  const output = image.result?.output;
  if (output && webAddress(output) && mayShow(output)) {
    const shown = el("img", { src: webAddress(output), alt: "", loading: "lazy", decoding: "async" });
    shown.addEventListener("error", () => frame.replaceChildren("not shown"));
    frame.append(shown);
  } else {
    frame.append(output ? "elsewhere" : WORDS[image.status] ?? "");
  }
  return frame;
}

function facts(image) {
  const { result } = image;
  const asked = image.outputs?.length
    ? format.plural(image.outputs.length, "output")
    : `${format.pixels(image.width, image.height)}${image.fit ? ` ${image.fit}` : ""}`;
  const parts = [`asked ${asked}`];
  if (result) {
    parts.push(`made ${format.pixels(result.width, result.height)} ${result.format} ${format.bytes(result.bytes)}`);
    if (result.source)
      parts.push(`from ${format.pixels(result.source.width, result.source.height)} ${result.source.format} ${format.bytes(result.source.bytes)}`);
  }
  parts.push(format.plural(image.attempts, "attempt"));
  return parts.join(" · ");
}

function outputs(image) {
  const list = image.result?.outputs ?? (image.result ? [{ ...image.result, name: "output" }] : []);
  return list.flatMap((output) => [linkTo(output.output, output.name ?? "output"), " "]);
}

function makeImage() {
  return el("li", { class: "image" });
}

// What has not changed is left alone, so that no picture is loaded twice.
function updateImage(element, image, longest) {
  const stages = stagesOf(image);
  const state = JSON.stringify([image.status, image.attempts, image.error, image.result?.output,
    image.started_at, stages.length ? longest : 0]);
  if (element.dataset.shown === state) return;
  element.dataset.shown = state;
  element.dataset.state = image.status;
  element.dataset.image = image.id;
  const old = element.querySelector("img");
  const thumb = picture(image);
  const fresh = thumb.querySelector("img");
  if (old && fresh && old.getAttribute("src") === fresh.getAttribute("src")) fresh.replaceWith(old);
  element.replaceChildren(thumb,
    el("div", { class: "image-text" },
      el("p", { class: "image-head" },
        el("strong", { class: "image-state" }, WORDS[image.status] ?? String(image.status)), " ",
        linkTo(image.input), image.ref ? ` (${image.ref})` : ""),
      el("p", { class: "facts" }, facts(image), image.result ? " · " : "", ...outputs(image)),
      image.error
        ? el("p", { class: "error" }, el("code", {}, String(image.error.code)), ` ${image.error.message}`,
            image.status === "queued" ? " Tried again soon." : "")
        : null,
      waterfall(stages, longest)));
}

export class JobDetail {
  #job = null;
  #wanted = null;
  #reading = false;

  constructor(id) {
    this.id = id;
    this.note = el("p", { class: "help" }, "Reading the job…");
    this.images = el("ul", { class: "images" });
    this.cancel = el("button", { type: "button", class: "quiet job-cancel", hidden: true }, "Cancel this job");
    this.metadata = el("code", { class: "metadata" });
    this.cancel.addEventListener("click", () => this.#cancel());
    this.element = el("div", { class: "job-detail" },
      el("p", { class: "job-line" },
        el("code", { class: "job-id" }, id), " ",
        el("a", { href: `/jobs/${encodeURIComponent(id)}` }, "as JSON"), " ",
        this.metadata, this.cancel),
      this.note, this.images);
  }

  read() {
    this.#wanted ??= setTimeout(() => this.#read(), this.#job === null ? 0 : LATER_MS);
  }

  async #read() {
    this.#wanted = null;
    if (this.#reading) return this.read();
    this.#reading = true;
    try {
      const job = await get(`/jobs/${encodeURIComponent(this.id)}`);
      if ((job.version ?? Infinity) >= (this.#job?.version ?? -1)) this.#show(job);
    } catch (error) {
      this.#say(`The job cannot be read now. ${error.text ?? error.message}`);
    }
    this.#reading = false;
  }

  #say(text) {
    setText(this.note, text);
    this.note.hidden = text === "";
  }

  #show(job) {
    // A power of two, so that not every image that ends makes all bars anew.
    const longest = 2 ** Math.ceil(Math.log2(Math.max(1, ...job.images.map((image) => sum(stagesOf(image))))));
    this.#job = job;
    this.#say("");
    this.cancel.hidden = hasEnded(job.status);
    setAttribute(this.metadata, "hidden", job.metadata ? null : "");
    setText(this.metadata, job.metadata ? JSON.stringify(job.metadata) : "");
    reconcile(this.images, job.images, ({ id }) => id, makeImage,
      (element, image) => updateImage(element, image, longest));
  }

  // A summary from the list. What the images are comes by itself, but for what was missed on the way.
  update(summary) {
    if (!this.#job || !this.element.parentElement.open) return;
    const over = hasEnded(summary.status) && !hasEnded(this.#job.status);
    this.#show(withSummary(this.#job, summary));
    if (over) this.read();
  }

  takeImage(news) {
    if (!this.#job || !this.element.parentElement.open) return;
    const job = withImage(this.#job, news);
    if (job !== this.#job) this.#show(job);
  }

  async #cancel() {
    this.cancel.disabled = true;
    try {
      const job = await post(`/jobs/${encodeURIComponent(this.id)}/cancel`);
      this.#show(job);
      announce(hasEnded(job.status) ? `The job is ${WORDS[job.status]}.` : "Cancelled; what is in work ends by itself.");
    } catch (error) {
      this.#say(`The job was not cancelled. ${error.text ?? error.message}`);
      announce(this.note.textContent);
    }
    this.cancel.disabled = false;
  }
}
