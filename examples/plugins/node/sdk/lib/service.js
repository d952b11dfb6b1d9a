// A plugin as the protocol sees it: it is configured, asked, told and ended here,
// without a word about gRPC.
import { Broker } from './broker.js';
import { decided, reasonOf, utf8 } from './decision.js';
import { log } from './log.js';
import { ConnectRequest, Event, Message, Subscription } from './message.js';
import { FIELDS, POINTS, POINT_NAMES, VERDICTS } from './protocol.js';
import { registration } from './registration.js';
import { show } from './check.js';

/** What the method of a point is given, besides the context. */
const question = [];
question[POINTS.connect] = (r, c) => new ConnectRequest(r.connect, c);
question[POINTS.rewrite] = (r, c) => new Message(r, c, false);
question[POINTS.publish] = question[POINTS.rewrite];
question[POINTS.subscribe] = (r, c) => new Subscription(r, c);
question[POINTS.inspect] = (r, c, registration) => new Message(r, c, true, showsHeaders(registration));

/** Whether messages come with all their headers by a Registration message. */
function showsHeaders(r) {
  return r !== undefined && r.headers.length === 0
    && (r.fields.length + r.tags.length === 0 || r.fields.includes(FIELDS.headers));
}

export class Service {
  #methods = []; // by the number of the point

  /**
   * It throws when a registration has no method, or something else in it is wrong.
   * @param {import('../index.js').Plugin} plugin
   * @param {import('../index.js').Registrations} registrations
   */
  constructor(plugin, registrations = []) {
    if ((typeof plugin !== 'object' && typeof plugin !== 'function') || plugin === null) {
      throw new TypeError(`plugin: want an object with methods, got ${show(plugin)}`);
    }
    this.plugin = plugin;
    this.broker = new Broker();
    for (const [name, point] of Object.entries(POINTS)) {
      if (typeof plugin[name] === 'function') {
        this.#methods[point] = plugin[name];
      }
    }
    if (this.#methods.length === 0) {
      throw new TypeError(`the plugin has none of the methods ${Object.keys(POINTS).join(', ')}`);
    }
    /** What the plugin wants to be asked: Registration messages, or a function of the settings. */
    this.registrations = typeof registrations === 'function' ? registrations : this.#withAll(this.#register(registrations));
  }

  /** The Registration messages of a list. */
  #register(list) {
    if (!Array.isArray(list)) {
      throw new TypeError(`registrations: want a list, got ${show(list)}`);
    }
    return list.map((r, i) => {
      const out = registration(r, `registrations[${i}]`);
      if (!this.#methods[out.point]) {
        throw new TypeError(`registrations[${i}]: the plugin has no method ${r.point}`);
      }
      return out;
    });
  }

  /** The list, and with it the methods that it does not name: they are asked about everything. */
  #withAll(list) {
    const rest = POINT_NAMES.filter((_, point) => this.#methods[point] && !list.some((r) => r.point === point));
    return [...list, ...rest.map((point) => registration({ point }, point))];
  }

  /** Answers a ConfigureRequest. It does not throw. */
  async configure(request) {
    const { plugin } = this;
    const version = plugin.version === undefined ? '' : utf8(String(plugin.version));
    try {
      const settings = {
        hook: request.hook,
        serverName: request.serverName,
        serverVersion: request.serverVersion,
        config: JSON.parse(request.config.length > 0 ? Buffer.from(request.config).toString() : '{}'),
        state: request.state.length > 0 ? Buffer.from(request.state) : null,
        restarted: request.restarted,
        broker: this.broker,
      };
      await plugin.configure?.(settings);
      if (typeof this.registrations === 'function') {
        this.registrations = this.#register(this.registrations(settings));
      }
    } catch (error) {
      return { error: reasonOf(error), version };
    }
    return { version, registrations: this.registrations };
  }

  /** What the successor gets, as bytes; null if the plugin keeps nothing. */
  async state() {
    if (typeof this.plugin.state !== 'function') {
      return null;
    }
    const state = await this.plugin.state();
    if (state === undefined || state === null) {
      return Buffer.alloc(0);
    }
    if (typeof state !== 'string' && !(state instanceof Uint8Array)) {
      throw new TypeError(`state returned ${show(state)}: want a string or bytes`);
    }
    return Buffer.from(state);
  }

  /** Tells the plugin of events, one after another. It does not throw. */
  async notify(events) {
    for (const e of events) {
      try {
        await this.#methods[POINTS.event]?.call(this.plugin, new Event(e));
      } catch (error) {
        log.error(`event: ${reasonOf(error)}`, { stack: error?.stack });
      }
    }
  }

  /** Lets the plugin put away what it has. */
  async close() {
    try {
      await this.plugin.close?.();
    } catch (error) {
      log.error(`close: ${reasonOf(error)}`, { stack: error?.stack });
    }
  }

  /**
   * The Reply to a request, or a promise of it. It neither throws nor rejects.
   * @param {import('./context.js').Context} context
   */
  decide(request, client, context) {
    const { point } = request;
    const method = question[point] && this.#methods[point];
    if (!method) {
      context.end();
      return { id: request.id, error: `the plugin is not for the point ${POINT_NAMES[point] ?? point}` };
    }
    try {
      const about = question[point](request, client, this.registrations[request.registration]);
      const answer = method.call(this.plugin, about, context);
      if (typeof answer?.then === 'function') {
        return this.#later(request, about, answer, context);
      }
      context.end();
      return reply(request, about, answer);
    } catch (error) {
      context.end();
      return thrown(request, error);
    }
  }

  async #later(request, about, answer, context) {
    try {
      return reply(request, about, await answer);
    } catch (error) {
      return thrown(request, error);
    } finally {
      context.end();
    }
  }
}

/** A reply of what a method has returned. */
function reply(request, about, answer) {
  const d = decided(answer, request.point);
  if (d.error !== undefined) {
    return { id: request.id, error: d.error };
  }
  const out = {
    id: request.id,
    verdict: d.verdict,
    reason: d.reason,
    identity: d.identity,
    subject: d.subject,
    message: undefined,
    noCache: d.uncached,
    ttlMs: d.ttlMs,
  };
  if (request.point === POINTS.inspect && d.verdict === VERDICTS.pass) {
    try {
      out.message = about.changes();
    } catch (error) { // whoever sent the message has a part in it: the log is not for that
      return { id: request.id, error: `inspect: ${error.message}` };
    }
    if (out.message) {
      out.verdict = VERDICTS.replace;
    }
  }
  return out;
}

/** A reply for a method that threw: a mistake of its author, who gets the place. */
function thrown(request, error) {
  const name = POINT_NAMES[request.point];
  log.error(`${name}: ${reasonOf(error)}`, { stack: error?.stack });
  return { id: request.id, error: `${name}: ${reasonOf(error)}` };
}
