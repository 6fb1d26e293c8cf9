// format.js - figures as the reader writes them, each with its unit. Pure.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const NOTHING = "–";

const isNumber = (x) => typeof x === "number" && Number.isFinite(x);

// locale: undefined is the reader's own.
export function formatter(locale, timeZone) {
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const digits = (least, most = least) =>
    new Intl.NumberFormat(locale, { minimumFractionDigits: least, maximumFractionDigits: most });
  const one = digits(1);
  const two = digits(2);
  const short = digits(0, 2);
  const clock = new Intl.DateTimeFormat(locale,
    { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone });
  const minute = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", timeZone });
  const day = new Intl.DateTimeFormat(locale,
    { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZone });
  const exact = new Intl.DateTimeFormat(locale, {
    year: "numeric", month: "long", day: "numeric", hour: "2-digit", minute: "2-digit",
    second: "2-digit", fractionalSecondDigits: 3, timeZoneName: "short", timeZone,
  });

  const count = (n) => (isNumber(n) ? whole.format(n) : NOTHING);

  const plural = (n, word, words = `${word}s`) => `${count(n)} ${n === 1 ? word : words}`;

  function seconds(s) {
    if (!isNumber(s)) return NOTHING;
    if (s === 0) return "0 s";
    if (s < 0) return `−${seconds(-s)}`;
    if (s < 0.9995) return `${whole.format(s * 1000)} ms`;
    if (s < 9.95) return `${one.format(s)} s`;
    if (s < MINUTE - 0.5) return `${whole.format(s)} s`;
    const rounded = Math.round(s);
    if (rounded < HOUR) return pair(rounded, MINUTE, "min", 1, "s");
    if (rounded < DAY) return pair(rounded, HOUR, "h", MINUTE, "min");
    return pair(rounded, DAY, "d", HOUR, "h");
  }

  function pair(s, large, largeUnit, small, smallUnit) {
    const rest = Math.floor((s % large) / small);
    return `${whole.format(Math.floor(s / large))} ${largeUnit}${rest ? ` ${rest} ${smallUnit}` : ""}`;
  }

  function bytes(n) {
    if (!isNumber(n)) return NOTHING;
    if (n < 1000) return `${whole.format(n)} B`;
    if (n < 99950) return `${one.format(n / 1e3)} kB`;
    if (n < 999500) return `${whole.format(n / 1e3)} kB`;
    if (n < 1e9) return `${one.format(n / 1e6)} MB`;
    return `${two.format(n / 1e9)} GB`;
  }

  // Few digits, for axes and live figures.
  const figure = (x) => {
    if (!isNumber(x)) return NOTHING;
    const size = Math.abs(x);
    return size >= 100 || Number.isInteger(x) ? whole.format(x) : size >= 10 ? one.format(x) : short.format(x);
  };

  const rate = (x) => (isNumber(x) ? `${figure(x)}/s` : NOTHING);
  const percent = (x) => (isNumber(x) ? `${whole.format(x * 100)} %` : NOTHING);
  const pixels = (w, h) => (isNumber(w) || isNumber(h) ? `${w ?? "auto"} × ${h ?? "auto"} px` : NOTHING);

  // The time of day; with the date where that is another one.
  function time(at, now = Date.now()) {
    if (!isNumber(at)) return NOTHING;
    return Math.abs(now - at) < 12 * HOUR * 1000 ? clock.format(at) : day.format(at);
  }

  return {
    count, plural, seconds, bytes, figure, rate, percent, pixels, time,
    timeOfDay: (at) => (isNumber(at) ? clock.format(at) : NOTHING),
    timeOfAxis: (at) => minute.format(at),
    exactTime: (at) => (isNumber(at) ? exact.format(at) : NOTHING),
  };
}

export const format = formatter(undefined);

// Milliseconds of a time of the API, or null.
export function timeOf(text) {
  const at = typeof text === "string" ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at;
}
