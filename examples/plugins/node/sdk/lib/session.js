// One stream of the broker: frames of questions in, frames of answers out.
import { Context } from './context.js';
import { Client, nobody } from './message.js';
import { name } from './protocol.js';

export class Session {
  #service;
  #send;
  #clients = new Map(); // by ref
  #waiting = new Set(); // contexts with a signal
  #replies = []; // that are still to be sent
  #scheduled = false;
  #closed = false;

  /**
   * @param {import('./service.js').Service} service
   * @param {(replies: object) => void} send takes a Replies message
   */
  constructor(service, send) {
    this.#service = service;
    this.#send = send;
    service.broker.attach(() => this.#schedule());
  }

  /**
   * Has the questions of a frame answered. Answers that are ready go in one frame;
   * those of methods that wait for something follow when they come.
   */
  frame(batch) {
    for (const c of batch.clients) {
      this.#clients.set(name(c.ref), new Client(c));
    }
    const now = performance.now();
    for (const r of batch.requests) {
      const ref = name(r.client);
      const client = ref === 0 ? nobody : this.#clients.get(ref);
      if (client === undefined) { // or somebody would be decided about as nobody
        this.#replies.push({ id: r.id, error: `the broker has not said who client ${ref} is` });
        continue;
      }
      const context = new Context(r.timeoutMs > 0 ? now + r.timeoutMs : Infinity, this.#waiting);
      const answer = this.#service.decide(r, client, context);
      if (answer instanceof Promise) {
        answer.then((later) => {
          this.#replies.push(later);
          this.#schedule();
        });
      } else {
        this.#replies.push(answer);
      }
    }
    for (const ref of batch.gone) { // the requests of this frame have theirs
      this.#clients.delete(name(ref));
    }
    if (this.#replies.length === batch.requests.length) {
      this.#flush();
    } else if (this.#replies.length > 0) {
      this.#schedule();
    }
  }

  /** Ends what is under way: nobody waits for it any more. */
  close() {
    this.#closed = true;
    for (const context of [...this.#waiting]) {
      context.abort('the broker has gone');
    }
    this.#clients.clear();
  }

  /** Sends what there is when the promises that are settled have had their turn. */
  #schedule() {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
  }

  #flush() {
    if (this.#closed) {
      return; // commands stay for the next stream
    }
    const commands = this.#service.broker.take();
    const replies = this.#replies;
    if (replies.length + commands.length === 0) {
      return;
    }
    this.#replies = [];
    this.#send({ replies, commands });
  }
}
