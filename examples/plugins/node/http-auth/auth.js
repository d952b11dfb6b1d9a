// Asks a HTTP service who may come in, and keeps its answers for a while.
import { createHmac, randomBytes } from 'node:crypto';
import { allowAs, log } from 'moonwire-hook';
import { Cache } from './cache.js';

/** The most bytes that an answer of the service may have. */
const MOST = 64 << 10;

/**
 * @typedef {{ identity?: import('moonwire-hook').Identity, reason?: string }} Answer an identity, or why there is none
 */

export class Auth {
  #settings;
  #key = randomBytes(32);
  #cache;
  #asking = new Map(); // promises of answers that are under way

  /** @param {import('./settings.js').Settings} settings */
  constructor(settings) {
    this.#settings = settings;
    this.#cache = new Cache(settings.cache.entries);
  }

  /**
   * Who a client is. It rejects when the service does not say.
   * @param {import('moonwire-hook').ConnectRequest} request
   * @param {AbortSignal} signal for how long the answer is of use
   * @returns {Promise<Answer>}
   */
  async ask(request, signal) {
    signal.throwIfAborted();
    const body = question(request);
    const key = this.#name(body);
    const kept = this.#cache.get(key, Date.now());
    if (kept) {
      return kept;
    }
    // A thousand connections of one client, all at once, are one question.
    let answer = this.#asking.get(key);
    if (!answer) {
      answer = this.#fetch(body).then((a) => {
        this.#keep(key, a);
        return a;
      }).finally(() => this.#asking.delete(key));
      this.#asking.set(key, answer);
    }
    return Promise.race([answer, ended(signal)]);
  }

  /**
   * What an answer is kept under: a hash, so that no password is kept. The key is of
   * this process and its successors, so hashes that were made beforehand are of no use.
   */
  #name(body) {
    return createHmac('sha256', this.#key).update(`${this.#settings.url}\n${body}`).digest('base64');
  }

  /** Keeps an answer for as long as the settings and the identity want, and until a time at most. */
  #keep(key, answer, most = Infinity) {
    const now = Date.now();
    const { ttlMs, negativeTtlMs } = this.#settings.cache;
    let until = Math.min(now + (answer.identity ? ttlMs : negativeTtlMs), most);
    if (typeof answer.identity?.expires === 'number') {
      until = Math.min(until, answer.identity.expires * 1000);
    }
    this.#cache.set(key, answer, until, now);
  }

  /** @returns {Promise<Answer>} */
  async #fetch(body) {
    const { url, headers, timeoutMs } = this.#settings;
    let response;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
        body,
        redirect: 'error', // passwords go nowhere but to the address that the operator named
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.status === 401 || response.status === 403) {
        return { reason: `the service answers ${response.status}` };
      }
      if (response.status !== 200) {
        throw new Error(`it answers ${response.status}: want 200, 401 or 403`);
      }
      const identity = JSON.parse(await text(response));
      allowAs(identity); // it throws if that is none, which is not to be kept
      return { identity };
    } catch (error) {
      throw new Error(`asking ${new URL(url).origin}: ${reason(error, timeoutMs)}`);
    } finally {
      response?.body?.cancel().catch(() => {}); // what is not read is not waited for
    }
  }

  /** What is kept, for the next process. */
  save() {
    return JSON.stringify({ key: this.#key.toString('base64'), entries: this.#cache.entries(Date.now()) });
  }

  /**
   * Takes over what another process has kept. Whatever that was, this one works
   * without it.
   * @param {Buffer | null} state
   */
  restore(state) {
    if (!state) {
      return;
    }
    try {
      const saved = JSON.parse(state.toString());
      this.#key = Buffer.from(saved.key, 'base64');
      for (const [key, answer, until] of saved.entries) {
        if (answer.identity) {
          allowAs(answer.identity);
        }
        this.#keep(key, answer, until);
      }
    } catch (error) {
      log.warn('the last process has handed over something else: its answers are asked for again', { why: error.message });
    }
  }
}

/** What the service is asked. */
function question(request) {
  const { user, password, client, tls } = request;
  return JSON.stringify({ user, password, host: client.host, name: client.name, kind: client.kind, tls });
}

/** The text of a response, as far as it is not too long. */
async function text(response) {
  const chunks = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MOST) {
      throw new Error(`its answer has more than ${MOST} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Rejects when a signal is aborted. */
function ended(signal) {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** Why a request failed: fetch hides it behind its own words. */
function reason(error, timeoutMs) {
  if (error.name === 'TimeoutError') {
    return `no answer within ${timeoutMs} ms`;
  }
  return error.cause?.message || error.cause?.code || error.message;
}
