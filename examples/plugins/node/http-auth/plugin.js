// A plugin that asks a HTTP service who may come in, and blackens fields of
// messages, or does one of both. auth.js and redact.js do the work; here it is made
// a plugin.
import { allowAs, deny, drop, pass } from 'moonwire-hook';
import { Auth } from './auth.js';
import { redact } from './redact.js';
import { read } from './settings.js';

/**
 * What it is asked is what it is configured for.
 * @type {import('moonwire-hook').Registrations}
 */
export function registrations({ config }) {
  const list = [];
  if (config.url) {
    list.push({ point: 'connect', fields: ['host', 'name', 'kind', 'connect', 'secrets'] });
  }
  if (config.redact?.length > 0) {
    // Which subjects it is about the operator says, by `subjects` of the hook.
    list.push({ point: 'inspect', fields: ['payload'], maxPayload: 1 << 20 });
  }
  return list;
}

export class Plugin {
  version = '0.1.0';

  #auth;

  #fields;

  configure({ config, state }) {
    const settings = read(config);
    this.#fields = new Set(settings.redact);
    this.#auth = new Auth(settings);
    this.#auth.restore(state);
  }

  /** What is known of clients goes to the next process, so that a reload does not have all of them asked about again. */
  state() {
    return this.#auth.save();
  }

  async connect(request, { signal }) {
    if (request.user === '') {
      return pass(); // it shows something else, which other hooks may know
    }
    const answer = await this.#auth.ask(request, signal);
    return answer.identity ? allowAs(answer.identity) : deny(answer.reason);
  }

  inspect(message) {
    let document;
    try {
      document = JSON.parse(message.payload.toString());
    } catch {
      return drop('it is not JSON, so nobody knows what is in it');
    }
    if (redact(document, this.#fields)) {
      message.payload = JSON.stringify(document);
    }
    return pass();
  }
}
