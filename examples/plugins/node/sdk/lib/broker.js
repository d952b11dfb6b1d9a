// What a plugin may ask the broker to do by itself.
import { permissions, selector } from './identity.js';

/** Its methods do not wait; what the broker refuses stands in its log. */
export class Broker {
  #commands = [];
  #wake = () => {};

  disconnect(of, reason = '') {
    this.#send({ disconnect: { of: selector(of, 'disconnect'), reason: String(reason) } });
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

  /** What is to be sent, and will not be returned again. */
  take() {
    const list = this.#commands;
    if (list.length > 0) {
      this.#commands = [];
    }
    return list;
  }
}
