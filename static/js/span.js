// span.js - how many minutes are asked for where the service does too much for all of them: a refusal
// shortens the range, and now and then the next longer one is tried. Pure.

const SPANS_MIN = [15, 5, 2, 1];
const TRY_LONGER_MS = 60000; // a refusal costs the service as much as an answer

export class Span {
  #at = 0;
  #tried = null; // when a longer one was last refused; null: none was

  // What to ask for now.
  next(now) {
    return SPANS_MIN[this.#at > 0 && now - this.#tried >= TRY_LONGER_MS ? this.#at - 1 : this.#at];
  }

  answered(minutes) {
    this.#at = SPANS_MIN.indexOf(minutes);
  }

  // Returns whether there is a shorter one to ask for.
  refused(minutes, now) {
    this.#tried = now;
    const shorter = SPANS_MIN.indexOf(minutes) + 1;
    if (shorter === SPANS_MIN.length) return false;
    this.#at = shorter;
    return true;
  }

  get isWhole() {
    return this.#at === 0;
  }
}
