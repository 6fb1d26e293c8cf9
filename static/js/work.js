// work.js - work on the document that comes in many small pieces: done a few milliseconds in each
// frame, in order, so that no frame is held up however much there is.

const FRAME_MS = 8;

export class FrameQueue {
  #pieces = new Map(); // key to function: the latest for a key replaces an earlier one, in its place
  #asked = false;

  // afterEach: called once at the end of each frame that did some.
  constructor(afterEach = () => {}) {
    this.afterEach = afterEach;
  }

  put(key, fn) {
    this.#pieces.set(key, fn);
    this.#ask();
  }

  drop(key) {
    this.#pieces.delete(key);
  }

  clear() {
    this.#pieces.clear();
  }

  #ask() {
    if (this.#asked || this.#pieces.size === 0) return;
    this.#asked = true;
    requestAnimationFrame(() => this.#run());
  }

  #run() {
    const end = performance.now() + FRAME_MS;
    this.#asked = false;
    for (const [key, fn] of this.#pieces) {
      this.#pieces.delete(key);
      fn();
      if (performance.now() >= end) break;
    }
    this.afterEach();
    this.#ask();
  }
}
