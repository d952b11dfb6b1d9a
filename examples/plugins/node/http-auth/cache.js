// Answers that are kept for a while, as many as there is room for: the one that
// was not looked at for the longest time makes place for another.

export class Cache {
  #most;
  #kept = new Map(); // { value, until } by key, oldest first

  constructor(most) {
    this.#most = most;
  }

  get(key, now) {
    const entry = this.#kept.get(key);
    if (!entry) {
      return undefined;
    }
    this.#kept.delete(key);
    if (entry.until <= now) {
      return undefined;
    }
    this.#kept.set(key, entry); // it is the youngest now
    return entry.value;
  }

  set(key, value, until, now) {
    if (this.#most === 0 || until <= now) {
      return;
    }
    this.#kept.delete(key);
    if (this.#kept.size >= this.#most) {
      this.#kept.delete(this.#kept.keys().next().value);
    }
    this.#kept.set(key, { value, until });
  }

  /** Key, value and end of all that is still good, oldest first. */
  entries(now) {
    return [...this.#kept].filter(([, e]) => e.until > now).map(([key, e]) => [key, e.value, e.until]);
  }
}
