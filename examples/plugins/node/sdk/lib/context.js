// The context of one question: for how long the broker waits for the answer.

/**
 * A signal, and with it a timer, is made only for those who look at it: most
 * methods answer at once, and a timer costs more than they do.
 */
export class Context {
  #controller;
  #timer;
  #ended = false;
  #forget;

  /**
   * @param {number} deadline by performance.now(); Infinity for none
   * @param {Set<Context>} waiting the contexts to abort when the stream ends
   */
  constructor(deadline, waiting) {
    this.#forget = waiting;
    /** @readonly */ this.deadline = deadline;
  }

  get timeLeftMs() { return Math.max(this.deadline - performance.now(), 0); }

  get signal() {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (!this.#ended) {
        this.#forget.add(this);
        if (this.deadline !== Infinity) {
          this.#timer = setTimeout(() => this.abort('the broker does not wait any longer'), this.timeLeftMs);
        }
      }
    }
    return this.#controller.signal;
  }

  abort(why) {
    this.#controller.abort(new DOMException(why, 'TimeoutError'));
    this.end();
  }

  /** Lets go of the timer: the question is answered. */
  end() {
    this.#ended = true;
    if (this.#controller) {
      clearTimeout(this.#timer);
      this.#forget.delete(this);
    }
  }
}
