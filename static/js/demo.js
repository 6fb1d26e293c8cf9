// demo.js - the panel that breaks the system on purpose; there only where the deployment is a
// demonstration. What was done is noted by the service, so that every open page shows it.

import { get, Outage, post } from "./api.js";
import { announce, byId, el, reconcile, setText } from "./dom.js";
import { format, timeOf } from "./format.js";

const NOTES_SHOWN = 6;
const QUANTITY_MAX = 10; // as /openapi.json says of /demo/scale

let formation = [];

function say(text) {
  setText(byId("break-result"), text);
  announce(text);
}

async function act(button, path, body, tell) {
  button.disabled = true;
  try {
    say(tell(await post(path, body)));
  } catch (error) {
    say(error instanceof Outage
      ? "No answer came: it may have been done, or not."
      : `That was not done. ${error.text ?? error.message}`);
  }
  button.disabled = false;
  await readDemo().catch(() => {}); // read again with the next graph
}

function killed({ killed: names }) {
  const list = Array.isArray(names) ? names : [];
  return list.length ? `Killed ${list.join(", ")}. What they had in hand goes to another worker.` : "There was no worker to kill.";
}

function button(className, label, spoken, onClick) {
  const made = el("button", { type: "button", class: `quiet ${className}`, "aria-label": spoken }, label);
  made.addEventListener("click", () => onClick(made));
  return made;
}

function makeRow({ type }) {
  const quantity = el("input", { type: "number", min: 0, max: QUANTITY_MAX, step: 1, inputmode: "numeric", required: true,
    class: "break-quantity", "aria-label": `Workers of ${type}` });
  const scale = () => {
    if (!quantity.reportValidity()) return;
    act(apply, "/demo/scale", { type, quantity: quantity.valueAsNumber },
      () => `${type} is set to ${format.plural(quantity.valueAsNumber, "worker")}; guv leaves it alone until you hand back.`);
  };
  const apply = button("break-scale", "Set", `Set the workers of ${type}`, scale);
  quantity.addEventListener("keydown", (event) => event.key === "Enter" && scale());
  return el("li", { "data-type": type, class: "break-row" },
    el("span", { class: "break-type" }, type), el("span", { class: "break-up" }),
    el("span", { class: "break-buttons" },
      button("break-kill", "Kill one", `Kill one worker of ${type}`, (b) => act(b, "/demo/kill", { type }, killed)),
      button("break-kill-all", "Kill all", `Kill all workers of ${type}`, (b) => act(b, "/demo/kill", { type, all: true }, killed)),
      el("span", { class: "break-set" }, quantity, apply)));
}

function updateRow(row, { quantity, up }) {
  setText(row.querySelector(".break-up"), `${format.count(up)} of ${format.count(quantity)} up`);
  const input = row.querySelector(".break-quantity");
  if (document.activeElement !== input) input.value = quantity;
}

// web serves this page and is left alone; guv is turned on and off by its own button.
const isWorker = ({ type }) => type !== "web" && type !== "guv";

async function readDemo() {
  const answer = await get("/demo");
  formation = (Array.isArray(answer.formation) ? answer.formation : []).filter(isWorker);
  reconcile(byId("break-types"), formation, ({ type }) => type, makeRow, updateRow);
  setText(byId("break-guv-state"), answer.guv ? "guv scales the workers." : "guv is off: you scale by hand.");
  byId("break-guv").disabled = answer.guv === true;
}

function showNotes(notes) {
  byId("break-notes-block").hidden = notes.length === 0;
  reconcile(byId("break-notes"), notes.slice(-NOTES_SHOWN).reverse(), ({ at, text }) => `${at} ${text}`,
    ({ at, text }) => el("li", {}, el("time", { datetime: at, title: format.exactTime(timeOf(at)) },
      format.timeOfDay(timeOf(at))), ` ${text}`),
    () => {});
}

export function onGraph(graph) {
  byId("break").hidden = byId("nav-break").hidden = !graph.demo;
  if (!graph.demo) return;
  showNotes(graph.notes);
  readDemo().catch((error) => error.status && setText(byId("break-result"), `The workers cannot be read. ${error.text}`));
}

export function startDemo() {
  byId("break-guv").addEventListener("click", () =>
    act(byId("break-guv"), "/demo/guv", { on: true }, () => "Handed back: guv scales the workers."));
}
