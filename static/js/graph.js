// graph.js - what GET /graph says, in the form the panels use: roles, how each of them fares, and the
// deadlines of classes. Pure.

// Jobs that would take more than this part of the deadline to clear are a warning.
const NEAR = 0.5;

const numberOrNull = (x) => (typeof x === "number" && Number.isFinite(x) ? x : null);

// How a node fares: level is ok, idle, warn or bad; text says why in few words.
export function conditionOf(node, broker) {
  if (broker === "down") return { level: "bad", text: "broker away" };
  if (!node.role) return { level: "ok", text: "" };
  const workers = numberOrNull(node.workers);
  const messages = numberOrNull(node.queue?.messages);
  if (!node.queue && workers === null) return { level: "ok", text: "has no queue" };
  if (node.queue?.exists === false) return { level: "bad", text: "its queue is missing" };
  if (node.queue?.full === true) return { level: "bad", text: "queue is full" };
  if (workers === 0) return withoutWorkers(node, messages > 0);
  if (workers === null) return { level: "idle", text: "workers not known" };
  return backlogOf(node, messages);
}

// For bulk guv may let jobs wait a while before it has a worker started; for others there is always one.
function withoutWorkers({ priority }, jobsWait) {
  if (jobsWait) return { level: priority === "bulk" ? "warn" : "bad", text: "no worker, and jobs wait" };
  return priority === "bulk" ? { level: "idle", text: "no worker; none is needed" } : { level: "bad", text: "no worker" };
}

function backlogOf(node, messages) {
  const out = numberOrNull(node.queue?.out_per_second);
  if (!messages || node.deadline_s === null || node.deadline_s === undefined) return { level: "ok", text: "works" };
  if (!out) return { level: "ok", text: "works" };
  const clears = messages / out;
  if (clears > node.deadline_s) return { level: "bad", text: "queue is too long: jobs will be late" };
  if (clears > node.deadline_s * NEAR) return { level: "warn", text: "queue is long" };
  return { level: "ok", text: "works" };
}

// In seconds, at the present rate; null when not known.
export function clearsIn(node) {
  const messages = numberOrNull(node.queue?.messages);
  const out = numberOrNull(node.queue?.out_per_second);
  if (messages === 0) return 0;
  return messages !== null && out ? messages / out : null;
}

// The answer, made safe to use: lists are lists. deadlineBy: seconds by priority.
export function readGraph(answer) {
  const list = (x) => (Array.isArray(x) ? x : []);
  const nodes = list(answer.nodes).filter((node) => typeof node?.name === "string");
  const deadlineBy = {};
  for (const { priority, deadline_s } of nodes) if (priority && deadline_s > 0) deadlineBy[priority] ??= deadline_s;
  return {
    at: answer.at ?? null,
    broker: answer.broker,
    source: answer.source ?? null,
    nodes,
    edges: list(answer.edges),
    samples: list(answer.samples),
    notes: list(answer.notes).filter((note) => typeof note?.at === "string"),
    demo: answer.demo === true,
    roles: nodes.filter(({ role }) => role).map(({ name }) => name),
    deadlineBy,
  };
}
