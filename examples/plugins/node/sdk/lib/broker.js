// What a plugin may ask the broker to do by itself.
import { utf8 } from './decision.js';
import { permissions, selector } from './identity.js';

/** How many commands a frame has: it must not become larger than the broker takes. */
const MOST = 1000;

/** Its methods do not wait; what the broker refuses stands in its log. */
export class Broker {
  #commands = [];
  #wake = () => {};

  disconnect(of, reason = '') {
    this.#send({ disconnect: { of: selector(of, 'disconnect'), reason: utf8(String(reason)) } });
  }

  setPermissions(of, allowed) {
    if (allowed === undefined) {
      // Null has to be written: it allows everything.
      throw new TypeError('setPermissions: say which permissions, or null for everything');
    }
    this.#send({
      setPermissions: {
        of: selector(of, 'setPermissions'),
        permissions: allowed === null ? undefined : permissions(allowed),
      },
    });
  }

  invalidate() {
    this.#send({ invalidate: {} });
  }

  #send(command) {
    this.#commands.push(command);
    this.#wake();
  }

  /** Has wake called when there is something to take. */
  attach(wake) {
    this.#wake = wake;
    if (this.#commands.length > 0) {
      wake();
    }
  }

  /** What is to be sent in a frame, and will not be returned again; the next one is asked for. */
  take() {
    const list = this.#commands;
    if (list.length > 0) {
      this.#commands = list.slice(MOST);
    }
    if (this.#commands.length > 0) {
      this.#wake();
    }
    return list.slice(0, MOST);
  }
}
