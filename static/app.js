// The form: submits a job, then asks for it until it has ended. Texts from outside go into the page
// as text, never as HTML.

const $ = (id) => document.getElementById(id);
const ended = (job) => !["queued", "running"].includes(job.status);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

// ---- what is asked

function bodyOf(form) {
  const number = (name) => (form[name].value === "" ? undefined : Number(form[name].value));
  const common = {
    width: number("width"),
    height: number("height"),
    fit: form.fit.value,
    format: form.format.value || undefined,
  };
  const inputs = form.urls.value.split("\n").map((line) => line.trim()).filter(Boolean);
  return { images: inputs.map((input) => ({ input, ...common })) };
}

// ---- what went wrong

// "/images/2/width" to "image 3, width".
function placeOf(pointer) {
  const [, list, index, ...rest] = pointer.split("/");
  if (list !== "images" || index === undefined) return pointer.slice(1) || "the request";
  return [`image ${Number(index) + 1}`, ...rest].join(", ");
}

function showProblem(title, faults = []) {
  const list = element("ul", {}, ...faults.map((text) => element("li", { textContent: text })));
  $("problem").replaceChildren(element("strong", { textContent: title }), ...(faults.length ? [list] : []));
  $("problem").hidden = false;
}

async function showRefusal(response) {
  const problem = await response.json().catch(() => ({}));
  const faults = (problem.errors ?? []).map((e) => `${placeOf(e.pointer)}: ${e.detail}`);
  if (!faults.length && problem.detail) faults.push(problem.detail);
  showProblem(problem.title ?? `The service answered ${response.status}`, faults);
}

// ---- what has come of it

const words = { queued: "waits", running: "in work", completed: "done", failed: "failed", cancelled: "cancelled" };

function size(bytes) {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

function detailsOf(image) {
  const { result, error } = image;
  if (error) return error.message;
  if (!result) return image.attempts > 1 ? `attempt ${image.attempts}` : "";
  const source = result.source ? ` from ${result.source.width} × ${result.source.height}, ${size(result.source.bytes)}` : "";
  return `${result.width} × ${result.height}, ${size(result.bytes)} ${result.format}${source}`;
}

function tileOf(image) {
  const picture = element("div", { className: "picture" });
  if (image.result) {
    const thumbnail = element("img", { src: image.result.output, alt: `Resized: ${image.input}`, loading: "lazy" });
    picture.append(element("a", { href: image.result.output }, thumbnail));
  } else {
    picture.append(words[image.status]);
  }
  return element("li", { className: image.status }, picture,
    element("p", {}, element("strong", { textContent: words[image.status] }), ` ${detailsOf(image)}`),
    element("p", { textContent: image.input }));
}

// Tiles that have not changed are kept, so that no picture is loaded twice.
function showImages(images) {
  const list = $("images");
  images.forEach((image, i) => {
    const state = JSON.stringify([image.id, image.status, image.attempts]);
    if (list.children[i]?.dataset.state === state) return;
    const tile = tileOf(image);
    tile.dataset.state = state;
    if (list.children[i]) list.children[i].replaceWith(tile);
    else list.append(tile);
  });
}

function showJob(job) {
  const { total, completed, failed, cancelled } = job.counts;
  const over = completed + failed + cancelled;
  const seconds = (Date.parse(job.completed_at ?? job.failed_at) - Date.parse(job.created_at)) / 1000;
  $("summary").textContent = ended(job)
    ? `${completed} of ${total} done in ${seconds.toFixed(1)} s${failed ? `, ${failed} failed` : ""}`
    : `${over} of ${total} done`;
  $("progress").max = total;
  $("progress").value = over;
  showImages(job.images);
  $("job").hidden = false;
}

// ---- the way there

// Shows the job until it has ended; a service that is away for a while is asked again.
async function follow(address) {
  let etag = "";
  let failures = 0;
  for (;;) {
    const headers = etag ? { "If-None-Match": etag } : {};
    const response = await fetch(address, { headers, cache: "no-store" }).catch(() => null);
    if (response?.status === 200) {
      const job = await response.json();
      etag = response.headers.get("ETag") ?? "";
      failures = 0;
      showJob(job);
      if (ended(job)) return;
    } else if (response?.status !== 304) {
      if (++failures > 20 || response?.status === 404) throw new Error("the job cannot be read");
    }
    await sleep(Math.min(400 * 1.5 ** failures, 5000));
  }
}

async function submit(form) {
  $("problem").hidden = $("job").hidden = true;
  $("images").replaceChildren();
  const response = await fetch("/jobs", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(bodyOf(form)),
  });
  if (!response.ok) return showRefusal(response);
  const job = await response.json();
  $("job-link").href = `/jobs/${job.id}`;
  showJob(job);
  await follow(`/jobs/${job.id}`);
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("submit").disabled = true;
  try {
    await submit(event.target);
  } catch (error) {
    showProblem("The service cannot be reached now", [String(error.message ?? error)]);
  } finally {
    $("submit").disabled = false;
  }
});

// The samples are this deployment's own files; the button stays away when it has none.
const samples = await fetch("/static/samples/index.json").then((r) => (r.ok ? r.json() : []), () => []);
$("samples").hidden = samples.length === 0;
$("samples").addEventListener("click", () => {
  $("urls").value = samples.map((name) => new URL(`/static/samples/${name}`, location.href).href).join("\n");
});

for (const origin of document.querySelectorAll(".origin")) origin.textContent = location.origin;
