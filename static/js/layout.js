// layout.js - where nodes and edges of the graph are drawn: layers from left to right, each node right
// of all that send to it, few crossings. Knows sizes, not what is drawn. Pure; any graph will do,
// with loops too.

export const NODE = { width: 152, height: 78, small: 34 };
const GAP = { x: 104, y: 30, margin: 14 };
const SWEEPS = 6;

// Edges between the same two ports' nodes are one line.
function bundles(edges, known) {
  const bundle = new Map();
  for (const edge of edges) {
    if (!known.has(edge.from) || !known.has(edge.to)) continue;
    const key = `${edge.from} ${edge.to} ${edge.to_port}`;
    if (!bundle.has(key)) bundle.set(key, { key, from: edge.from, to: edge.to, to_port: edge.to_port, edges: [] });
    bundle.get(key).edges.push(edge);
  }
  return [...bundle.values()];
}

// The edges that lead back to where one came from, by a walk in the order given.
function backward(names, lines) {
  const out = new Map(names.map((name) => [name, []]));
  const state = new Map(); // 1: on the way, 2: done
  const back = new Set();
  for (const line of lines) out.get(line.from).push(line);
  const visit = (name) => {
    state.set(name, 1);
    for (const line of out.get(name)) {
      if (state.get(line.to) === 1) back.add(line);
      else if (!state.has(line.to)) visit(line.to);
    }
    state.set(name, 2);
  };
  for (const name of names) if (!state.has(name)) visit(name);
  return back;
}

// The layer of each node: one more than the highest that sends to it.
function layersOf(names, forward) {
  const rank = new Map(names.map((name) => [name, 0]));
  for (let moved = true; moved;) {
    moved = false;
    for (const { from, to } of forward) {
      if (rank.get(to) > rank.get(from)) continue;
      rank.set(to, rank.get(from) + 1);
      moved = true;
    }
  }
  return rank;
}

const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

function untangle(layers, neighbours) {
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const rightwards = sweep % 2 === 0;
    const side = rightwards ? "left" : "right";
    const order = rightwards ? layers.slice(1) : layers.slice(0, -1).reverse();
    for (const layer of order) {
      for (const place of layer) {
        const near = neighbours.get(place)[side];
        place.wish = near.length ? mean(near.map((other) => other.index)) : place.index;
      }
      layer.sort((a, b) => a.wish - b.wish || a.index - b.index);
      layer.forEach((place, index) => (place.index = index));
    }
  }
}

// Each as close to the middle of its neighbours as those above and below let it.
function settle(layers, neighbours) {
  for (const layer of layers) {
    let y = 0;
    for (const place of layer) {
      place.y = y;
      y += place.height + GAP.y;
    }
  }
  const middle = (place) => place.y + place.height / 2;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const layer of sweep % 2 ? layers.slice().reverse() : layers) {
      let floor = -Infinity;
      let shift = 0;
      for (const place of layer) {
        const { left, right } = neighbours.get(place);
        const near = [...left, ...right];
        const wish = near.length ? mean(near.map(middle)) - place.height / 2 : place.y;
        place.y = Math.max(wish, floor);
        shift += wish - place.y;
        floor = place.y + place.height + GAP.y;
      }
      for (const place of layer) place.y += shift / layer.length; // what was pushed down, shared out
    }
  }
}

// A line through the places, level where it leaves and arrives.
function pathThrough(points) {
  let d = `M${points[0].x} ${points[0].y}`;
  for (let i = 1; i < points.length; i++) {
    const a = points[i - 1];
    const b = points[i];
    const half = (a.x + b.x) / 2;
    d += a.y === b.y ? `L${b.x} ${b.y}` : `C${half} ${a.y} ${half} ${b.y} ${b.x} ${b.y}`;
  }
  return d;
}

// Around below, from the right side of a node back to the left of one before it.
function pathBack(from, to, bottom) {
  return `M${from.x} ${from.y}C${from.x + 60} ${from.y} ${from.x + 60} ${bottom} ${from.x - 40} ${bottom}` +
    `L${to.x + 40} ${bottom}C${to.x - 60} ${bottom} ${to.x - 60} ${to.y} ${to.x} ${to.y}`;
}

// nodes: [{name, small}], edges: [{from, from_port, to, to_port}].
// Returns {width, height, nodes: Map of name to {x, y, width, height, layer},
//          lines: [{key, from, to, to_port, edges, d, label: {x, y}}]}.
export function layout(nodes, edges) {
  const names = nodes.map(({ name }) => name);
  const places = new Map(nodes.map((node) => [node.name,
    { name: node.name, width: NODE.width, height: node.small ? NODE.small : NODE.height }]));
  const lines = bundles(edges, places);
  const back = backward(names, lines);
  const forward = lines.filter((line) => !back.has(line));
  const rank = layersOf(names, forward);
  const layers = Array.from({ length: Math.max(0, ...rank.values()) + 1 }, () => []);
  const neighbours = new Map();
  const put = (place, layer) => {
    place.index = layers[layer].length;
    place.layer = layer;
    layers[layer].push(place);
    neighbours.set(place, { left: [], right: [] });
  };
  for (const [name, place] of places) put(place, rank.get(name));
  for (const line of forward) {
    line.through = [places.get(line.from)];
    for (let layer = rank.get(line.from) + 1; layer < rank.get(line.to); layer++) {
      const bend = { bend: true, width: NODE.width, height: 0 };
      put(bend, layer);
      line.through.push(bend);
    }
    line.through.push(places.get(line.to));
    for (let i = 1; i < line.through.length; i++) {
      neighbours.get(line.through[i - 1]).right.push(line.through[i]);
      neighbours.get(line.through[i]).left.push(line.through[i - 1]);
    }
  }
  untangle(layers, neighbours);
  settle(layers, neighbours);

  const all = layers.flat();
  const top = Math.min(0, ...all.map(({ y }) => y));
  for (const place of all) {
    place.x = GAP.margin + place.layer * (NODE.width + GAP.x);
    place.y = Math.round(place.y - top + GAP.margin);
  }
  const lowest = Math.max(0, ...all.map(({ y, height }) => y + height));
  drawLines(lines, places, back, lowest);
  return {
    width: 2 * GAP.margin + layers.length * (NODE.width + GAP.x) - GAP.x,
    height: lowest + GAP.margin + (back.size ? 30 : 0),
    nodes: places,
    lines: lines.map(({ through, ...line }) => line),
  };
}

// Lines that meet at a side of a node keep apart there, in the order of where they go next.
function portOffsets(lines, places, end, nextOf) {
  const offsets = new Map();
  for (const place of places.values()) {
    const here = lines.filter((line) => line[end] === place.name);
    const y = new Map(here.map((line) => [line, nextOf(line).y + nextOf(line).height / 2]));
    here.sort((a, b) => y.get(a) - y.get(b));
    here.forEach((line, i) => offsets.set(line,
      place.y + place.height / 2 + (i - (here.length - 1) / 2) * Math.min(16, place.height / (here.length + 1))));
  }
  return offsets;
}

function drawLines(lines, places, back, lowest) {
  const leave = portOffsets(lines, places, "from", (line) => line.through?.[1] ?? places.get(line.to));
  const arrive = portOffsets(lines, places, "to", (line) => line.through?.at(-2) ?? places.get(line.from));
  for (const line of lines) {
    const from = places.get(line.from);
    const to = places.get(line.to);
    const start = { x: from.x + from.width, y: Math.round(leave.get(line)) };
    const end = { x: to.x, y: Math.round(arrive.get(line)) };
    if (back.has(line)) {
      line.d = pathBack(start, end, lowest + 26);
      line.label = { x: (start.x + end.x) / 2, y: lowest + 26 };
      continue;
    }
    const points = [start];
    for (const bend of line.through.slice(1, -1))
      points.push({ x: bend.x, y: bend.y }, { x: bend.x + bend.width, y: bend.y });
    points.push(end);
    line.d = pathThrough(points);
    const last = points[points.length - 2];
    line.label = { x: (last.x + end.x) / 2, y: (last.y + end.y) / 2 };
  }
}
