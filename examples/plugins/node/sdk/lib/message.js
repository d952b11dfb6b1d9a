// What questions are about: clients, messages, subscriptions, events.
import { number } from './protocol.js';

const EMPTY = Buffer.alloc(0);

/** How many bytes a frame of replies may have. */
const MOST = 2 ** 26;

/** The bytes of a field, which protobufjs has as an empty list where there are none. */
const bytes = (v) => (v.length > 0 ? v : EMPTY);

/** The connection that a question is about. It is shared by its questions. */
export class Client {
  constructor(c) {
    this.id = number(c.id);
    this.user = c.user;
    this.account = c.account;
    this.name = c.name;
    this.host = c.host;
    this.kind = c.kind;
    this.lang = c.lang;
    this.version = c.version;
    this.tags = Object.freeze({ ...c.tags });
    Object.freeze(this);
  }
}

export const nobody = new Client({
  id: 0, user: '', account: '', name: '', host: '', kind: '', lang: '', version: '', tags: {},
});

/** A subscription that a client wants to make. */
export class Subscription {
  constructor(request, client) {
    this.client = client;
    this.subject = request.subject.toString();
    this.queue = request.queue.toString();
  }
}

/** A message that a client publishes. Its text is decoded when it is looked at. */
export class Message {
  #request;
  #header; // as it is now, where that is another
  #payload; // likewise
  #writable;
  #whole;

  /** It is writable at inspect, and its headers if the plugin is shown the whole block. */
  constructor(request, client, writable, whole = false) {
    this.#request = request;
    this.#whole = whole;
    this.#writable = writable;
    this.client = client;
  }

  get subject() { return this.#request.subject.toString(); }

  get subjectBytes() { return bytes(this.#request.subject); }

  get originalSubject() { return this.#request.originalSubject.toString(); }

  get reply() { return this.#request.reply.toString(); }

  get size() { return this.#request.size; }

  get maxPayload() { return this.#request.maxPayload; }

  get header() { return this.#header ?? bytes(this.#request.header); }

  get payload() { return this.#payload ?? bytes(this.#request.payload); }

  set payload(v) {
    this.#change('payload');
    if (typeof v !== 'string' && !(v instanceof Uint8Array)) {
      throw new TypeError('payload: want a string or bytes');
    }
    // A copy: it goes out with the answers of others, and bytes may be another's by then.
    this.#payload = Buffer.from(v);
  }

  get(name) { return this.values(name)[0]; }

  values(name) {
    const wanted = name.toLowerCase();
    return lines(this.header).filter((l) => nameOf(l) === wanted).map(valueOf);
  }

  setHeader(name, value) {
    this.#change('headers');
    if (typeof name !== 'string' || !/^[!-9;-~]+$/.test(name) || typeof value !== 'string' || /[\r\n\0]/.test(value)) {
      throw new TypeError(`header ${JSON.stringify(name)}: its name has printable letters without colon, and its value no line ends`);
    }
    const wanted = name.toLowerCase();
    const rest = lines(this.header).filter((l) => nameOf(l) !== wanted);
    this.#write([...rest, `${name}: ${Buffer.from(value).toString('latin1')}`]);
  }

  deleteHeader(name) {
    this.#change('headers');
    const wanted = name.toLowerCase();
    const all = lines(this.header);
    const rest = all.filter((l) => nameOf(l) !== wanted);
    if (rest.length < all.length) {
      this.#write(rest);
    }
  }

  #change(what) {
    if (!this.#writable) {
      throw new TypeError(`${what}: only inspect changes a message`);
    }
    if (what === 'headers' && !this.#whole) { // the block goes back as a whole, and the others would be lost
      throw new TypeError('headers: the registration has to name headers among its fields, and no single ones, or no field at all');
    }
  }

  #write(list) {
    const first = this.header.length > 0 ? latin1(this.header).split('\r\n', 1)[0] : 'NATS/1.0';
    this.#header = Buffer.from(`${[first, ...list].join('\r\n')}\r\n\r\n`, 'latin1');
  }

  /** What was changed, as the protocol has it; undefined if nothing was. It throws a RangeError if that is too much. */
  changes() {
    if (this.#header === undefined && this.#payload === undefined) {
      return undefined;
    }
    const n = (this.#header?.length ?? 0) + (this.#payload?.length ?? 0);
    const most = Math.min(this.maxPayload || MOST, MOST);
    if (n > most) { // or the broker would take no answer of the frame
      throw new RangeError(`the message has ${n} bytes after the change: at most ${most}`);
    }
    return { header: this.#header, payload: this.#payload };
  }
}

// Header blocks are handled as Latin-1, which keeps every byte as it is.
const latin1 = (b) => Buffer.from(b.buffer, b.byteOffset, b.byteLength).toString('latin1');

/** The lines of a block after the first, without the empty one at its end. */
export function lines(block) {
  if (block.length === 0) {
    return [];
  }
  const all = latin1(block).split('\r\n').slice(1);
  const end = all.indexOf('');
  return end < 0 ? all : all.slice(0, end);
}

export const nameOf = (line) => line.split(':', 1)[0].trim().toLowerCase();
export const valueOf = (line) => Buffer.from(line.slice(nameEnd(line)), 'latin1').toString().trim();
const nameEnd = (line) => (line.includes(':') ? line.indexOf(':') + 1 : line.length);

/** What a client presents to be let in. It prints as its user alone. */
export class ConnectRequest {
  constructor(connect, client) {
    this.client = client;
    this.user = connect?.user ?? '';
    this.nkey = connect?.nkey ?? '';
    this.nonce = connect?.nonce ?? '';
    const t = connect?.tls;
    this.tls = t ? {
      version: t.version, commonName: t.commonName, dnsNames: t.dnsNames, uris: t.uris, fingerprint: t.fingerprint,
    } : null;
    // Secrets do not show when the object is logged or written as JSON.
    for (const secret of ['password', 'token', 'jwt', 'signature']) {
      Object.defineProperty(this, secret, { value: connect?.[secret] ?? '', enumerable: false });
    }
  }
}

/** Something that has happened. */
export class Event {
  constructor(e) {
    this.type = e.type;
    this.time = new Date(number(e.timeNs) / 1e6);
    this.client = e.client ? new Client(e.client) : null;
    this.reason = e.reason;
    this.subject = e.subject.toString();
    this.queue = e.queue.toString();
  }
}
