// A plugin in a unit test: it is asked by the messages of the protocol, as the
// broker does it, but without a process. Types are in testing.d.ts.
import { anything, check, flag, text, whole } from './lib/check.js';
import { lines } from './lib/message.js';
import { FIELDS, POINTS, VERDICTS, type } from './lib/protocol.js';
import { Service } from './lib/service.js';
import { Session } from './lib/session.js';

const verdictNames = Object.keys(VERDICTS); // by number: they start at 0 and have no gaps
const Batch = type('Batch');
const Replies = type('Replies');

/** Configures a plugin and returns a broker that asks it. */
export async function start(plugin, registrations, options = {}) {
  check(options, 'options', { config: anything, state: anything, restarted: flag, hook: anything });
  const service = new Service(plugin, registrations);
  const request = type('ConfigureRequest');
  const said = await service.configure(request.decode(request.encode({
    hook: options.hook ?? 'test',
    serverName: 'test',
    serverVersion: '0.0.0',
    config: Buffer.from(JSON.stringify(options.config ?? {})),
    state: Buffer.from(options.state ?? ''),
    restarted: options.restarted ?? false,
  }).finish()));
  if (said.error) {
    throw new Error(`the plugin refuses its configuration: ${said.error}`);
  }
  return new TestBroker(service, said.version);
}

class TestBroker {
  #service;
  #session;
  #waiting = new Map(); // resolvers by the id of the request
  #last = 0;

  constructor(service, version) {
    this.version = version;
    this.commands = [];
    this.#service = service;
    this.#session = new Session(service, (replies) => this.#take(replies));
  }

  connect({ client, timeoutMs, ...connect } = {}) {
    check(connect, 'connect', {
      user: text, password: text, token: text, jwt: text, nkey: text, signature: text, nonce: text, tls: anything,
    });
    return this.#ask('connect', { client, timeoutMs, connect });
  }

  rewrite(what) { return this.#message('rewrite', what); }

  publish(what) { return this.#message('publish', what); }

  subscribe(what) { return this.#message('subscribe', what); }

  inspect(what) { return this.#message('inspect', what); }

  #message(name, what) {
    check(what, name, {
      subject: anything, originalSubject: text, reply: text, queue: text, headers: anything, payload: anything,
      client: anything, timeoutMs: whole(0, 2 ** 31), maxPayload: whole(0, 2 ** 31),
    });
    return this.#ask(name, what);
  }

  #take(replies) {
    const got = Replies.decode(Replies.encode(replies).finish());
    for (const c of got.commands) {
      this.commands.push(Replies.lookup('Command').toObject(c, { defaults: false, longs: Number }));
    }
    for (const r of got.replies) {
      const id = r.id.toNumber();
      this.#waiting.get(id)(answer(r));
      this.#waiting.delete(id);
    }
  }

  #ask(name, what) {
    const registration = this.#service.registrations.findIndex((r) => r.point === POINTS[name] && wanted(r, what));
    if (registration < 0) {
      return Promise.resolve({ verdict: 'unasked' });
    }
    this.#last++;
    const id = this.#last;
    const { request, client } = shown(this.#service.registrations[registration], what);
    const batch = {
      clients: [{ ...client, ref: 1 }],
      requests: [{ ...request, id, registration, point: POINTS[name], client: 1 }],
    };
    const answered = new Promise((resolve) => { this.#waiting.set(id, resolve); });
    this.#session.frame(Batch.decode(Batch.encode(batch).finish()));
    return answered;
  }

  async event(event) {
    check(event, 'event', { type: anything, time: anything, client: anything, reason: anything, subject: anything, queue: anything });
    const registration = this.#service.registrations.findIndex((r) => r.point === POINTS.event
      && (!r.events?.length || r.events.includes(event.type)) && among(r.accounts, event.client?.account));
    if (registration < 0) {
      return;
    }
    const request = type('NotifyRequest');
    const time = event.time ?? new Date();
    await this.#service.notify(request.decode(request.encode({
      events: [{
        ...event,
        timeNs: time.getTime() * 1e6,
        client: event.client && shown(this.#service.registrations[registration], event).client,
        subject: Buffer.from(event.subject ?? ''),
        queue: Buffer.from(event.queue ?? ''),
        registration,
      }],
    }).finish()).events);
  }

  async state() {
    return await this.#service.state() ?? Buffer.alloc(0);
  }

  async close() {
    this.#session.close();
    await this.#service.close();
  }
}

/** Whether a registration is for a question. */
function wanted(r, what) {
  const subject = what.subject ?? '';
  return among(r.accounts, what.client?.account)
    && (!r.subjects.length || r.subjects.some((p) => matches(p.toString(), String(subject))));
}

const among = (list, name) => !list?.length || list.includes(name);

/** Whether a pattern matches a subject, or overlaps with another pattern. */
function matches(pattern, subject) {
  const p = pattern.split('.');
  const s = subject.split('.');
  for (let i = 0; ; i++) {
    if (p[i] === '>' || s[i] === '>') {
      return i < p.length && i < s.length;
    }
    if (i === p.length || i === s.length) {
      return p.length === s.length;
    }
    if (p[i] !== s[i] && p[i] !== '*' && s[i] !== '*') {
      return false;
    }
  }
}

/** What the registration lets the plugin see of a question. */
function shown(r, what) {
  const everything = !r.fields.length && !r.tags.length && !r.headers.length;
  const sees = (field) => r.fields.includes(FIELDS[field]) || (everything && field !== 'secrets');
  const when = (field, v) => (sees(field) ? v : undefined);
  const bytes = (v) => (v === undefined ? undefined : Buffer.from(v));

  const c = { id: 1, kind: 'STANDARD', host: '127.0.0.1', ...what.client };
  const client = {
    id: when('client', c.id), user: when('user', c.user), account: when('account', c.account), name: when('name', c.name),
    host: when('host', c.host), kind: when('kind', c.kind), lang: when('connect', c.lang), version: when('connect', c.version),
    tags: sees('tags') ? c.tags : only(c.tags, r.tags),
  };
  const all = block(what.headers);
  const header = sees('headers') ? all : block(only(what.headers, r.headers, true));
  const payload = bytes(what.payload ?? '');
  const { user, nkey, nonce, tls, ...secrets } = what.connect ?? {};
  return {
    client,
    request: {
      subject: when('subject', bytes(what.subject)),
      originalSubject: when('original_subject', bytes(what.originalSubject)),
      reply: when('reply', bytes(what.reply)),
      queue: when('queue', bytes(what.queue)),
      header,
      payload: when('payload', payload),
      size: when('size', all.length + payload.length),
      timeoutMs: what.timeoutMs ?? 1000,
      maxPayload: what.maxPayload,
      connect: what.connect && { ...when('connect', { user, nkey, nonce, tls }), ...when('secrets', secrets) },
    },
  };
}

/** The entries of an object that have one of some names. */
function only(object, names, anyCase = false) {
  const fold = (n) => (anyCase ? n.toLowerCase() : n);
  return Object.fromEntries(Object.entries(object ?? {}).filter(([k]) => names.some((n) => fold(n) === fold(k))));
}

/** A header block of an object; empty without entries. */
function block(headers) {
  const list = Object.entries(headers ?? {}).flatMap(([k, v]) => [v].flat().map((one) => `${k}: ${one}\r\n`));
  return list.length === 0 ? Buffer.alloc(0) : Buffer.from(`NATS/1.0\r\n${list.join('')}\r\n`);
}

/** A reply as a test compares it: what is not set is not there. */
function answer(r) {
  if (r.error) {
    return { verdict: 'failed', error: r.error };
  }
  const out = { verdict: verdictNames[r.verdict] };
  const set = (key, v, is) => { if (is) { out[key] = v; } };
  set('reason', r.reason, r.reason !== '');
  set('ttlMs', r.ttlMs, r.ttlMs > 0);
  set('noCache', true, r.noCache);
  set('subject', Buffer.from(r.subject).toString(), r.subject.length > 0);
  if (r.identity) {
    out.identity = type('Identity').toObject(r.identity, { defaults: false, longs: Number });
  }
  if (r.message?.payload) {
    out.payload = Buffer.from(r.message.payload);
  }
  if (r.message?.header) {
    out.headers = lines(r.message.header).reduce((all, line) => {
      const [name, value] = [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()];
      return { ...all, [name]: [...(all[name] ?? []), Buffer.from(value, 'latin1').toString()] };
    }, {});
  }
  return out;
}
