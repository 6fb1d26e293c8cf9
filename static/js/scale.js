// scale.js - from values to pixels, and where an axis has its ticks. Pure.

// The steps that people count in: 1, 2 and 5 times a power of ten.
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const times = rough / power;
  return (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10) * power;
}

// From 0 to at least max, in about n steps; whole: of things that there are no halves of.
export function linearTicks(max, n = 4, whole = false) {
  const top = max > 0 && Number.isFinite(max) ? max : 1;
  const step = Math.max(niceStep(top / n), whole ? 1 : 0);
  const steps = Math.max(Math.ceil(top / step - 1e-9), 1);
  return Array.from({ length: steps + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

// Powers of ten around min..max.
export function logTicks(min, max) {
  const low = Math.floor(Math.log10(min) + 1e-9);
  const high = Math.max(Math.ceil(Math.log10(max) - 1e-9), low + 1);
  return Array.from({ length: high - low + 1 }, (_, i) => Number((10 ** (low + i)).toPrecision(6)));
}

const TIME_STEPS_S = [1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400];

// Round times between from and to, both in milliseconds, at most n.
export function timeTicks(from, to, n) {
  const step = 1000 * (TIME_STEPS_S.find((s) => (to - from) / (s * 1000) <= n) ?? 86400);
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}

export const linear = (from, to, low, high) => (x) =>
  low + ((x - from) / (to - from || 1)) * (high - low);

// What is below the axis lies on its end.
export function logarithmic(from, to, low, high) {
  const inner = linear(Math.log(from), Math.log(to), low, high);
  return (x) => inner(Math.log(Math.max(x, from)));
}

// Runs of points that belong together: broken where a value is missing or nobody has measured.
export function runsOf(points, longestGap) {
  const runs = [];
  let run = null;
  let before = -Infinity;
  for (const point of points) {
    if (point[1] === null || point[1] === undefined) {
      run = null;
      continue;
    }
    if (!run || point[0] - before > longestGap) runs.push((run = []));
    run.push(point);
    before = point[0];
  }
  return runs;
}

// The index of the point closest in time; -1 where there is none.
export function nearest(points, at) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < at) low = middle + 1;
    else high = middle;
  }
  if (low === points.length) return low - 1;
  return low > 0 && at - points[low - 1][0] < points[low][0] - at ? low - 1 : low;
}
