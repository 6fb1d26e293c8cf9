// poisson.js - when the next arrival is due. Arrivals of people who know nothing of each other are a
// Poisson process: what lies between them is distributed exponentially. Pure.

const MINUTE_MS = 60000;

// random: in [0, 1). Milliseconds to the next arrival; never when nothing is to arrive.
export function gapMs(perMinute, random) {
  return perMinute > 0 ? (-Math.log(1 - random) * MINUTE_MS) / perMinute : Infinity;
}

// An arrival schedule that outlives throttled timers: due() tells how many have come due since the
// last call. A browser that slept for longer than that does not make up for it in one flood.
export class Arrivals {
  #next = Infinity;

  constructor(random = Math.random, longestSleepMs = 3000) {
    this.random = random;
    this.longestSleepMs = longestSleepMs;
    this.perMinute = 0;
  }

  // The process has no memory: at another rate the wait for the next begins anew.
  setRate(perMinute, now) {
    this.perMinute = perMinute;
    this.#next = now + gapMs(perMinute, this.random());
  }

  due(now) {
    let n = 0;
    if (now - this.#next > this.longestSleepMs) this.setRate(this.perMinute, now - this.longestSleepMs);
    while (this.#next <= now) {
      n++;
      this.#next += gapMs(this.perMinute, this.random());
    }
    return n;
  }

  nextInMs(now) {
    return this.#next - now;
  }
}
