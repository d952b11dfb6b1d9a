// What a plugin wants to be asked, from an author's objects to the protocol's.
import { anything, check, text, texts, whole } from './check.js';
import { FIELDS, POINTS } from './protocol.js';

const uint32 = whole(0, 2 ** 32 - 1);
const EVENTS = ['connect', 'disconnect', 'subscribe', 'unsubscribe', 'slow_consumer', 'auth_error', 'reload'];

/**
 * The Registration message of one registration. It throws when something in it is
 * not as it should be.
 * @param {import('../index.js').Registration} r
 */
export function registration(r, where) {
  check(r, where, {
    point: text, subjects: texts, accounts: texts, fields: texts, cache: anything, maxPayload: uint32, events: texts,
  });
  if (!Object.hasOwn(POINTS, r.point ?? '')) {
    throw new TypeError(`${where}.point: ${JSON.stringify(r.point)} is no point: want ${Object.keys(POINTS).join(', ')}`);
  }
  for (const e of r.events ?? []) {
    if (!EVENTS.includes(e)) {
      throw new TypeError(`${where}.events: ${JSON.stringify(e)} is no event: want ${EVENTS.join(', ')}`);
    }
  }
  const out = {
    point: POINTS[r.point],
    subjects: (r.subjects ?? []).map((s) => Buffer.from(s)),
    accounts: r.accounts,
    events: r.events,
    maxPayload: r.maxPayload,
  };
  Object.assign(out, fields(r.fields ?? [], `${where}.fields`, 'fields'));
  if (r.point === 'connect' && !r.fields?.length) {
    out.fields = Object.values(FIELDS); // secrets too: without them there is little to decide by
  }
  if (r.cache) {
    check(r.cache, `${where}.cache`, { by: texts, ttlMs: uint32, negativeTtlMs: uint32 });
    out.cache = {
      ...fields(r.cache.by ?? [], `${where}.cache.by`, 'by'),
      ttlMs: r.cache.ttlMs,
      negativeTtlMs: r.cache.negativeTtlMs,
    };
  }
  return out;
}

/** Fields by name, and single ones of the form tags.NAME and header.NAME. */
function fields(names, where, key) {
  const out = { [key]: [], tags: [], headers: [] };
  for (const n of names) {
    if (Object.hasOwn(FIELDS, n)) {
      out[key].push(FIELDS[n]);
    } else if (/^tags\../.test(n)) {
      out.tags.push(n.slice('tags.'.length));
    } else if (/^header\../.test(n)) {
      out.headers.push(n.slice('header.'.length));
    } else {
      throw new TypeError(`${where}: ${JSON.stringify(n)} is no field: want ${Object.keys(FIELDS).join(', ')}, tags.NAME or header.NAME`);
    }
  }
  return out;
}
