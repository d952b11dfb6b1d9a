// Who a client is and what it may do, from an author's objects to the protocol's.
import { anything, check, map, show, text, texts, whole } from './check.js';

const int32 = whole(-(2 ** 31), 2 ** 31 - 1);
const natural32 = whole(0, 2 ** 31 - 1);

/** @param {import('../index.js').Identity} id */
export function identity(id) {
  check(id, 'identity', {
    user: text, account: text, permissions: anything, limits: anything, tags: map, expires: anything,
  });
  const out = { user: id.user, account: id.account, tags: id.tags };
  if (given(id.permissions)) {
    out.permissions = permissions(id.permissions, 'identity.permissions');
  }
  if (given(id.limits)) {
    check(id.limits, 'identity.limits', { subscriptions: natural32, payload: natural32 });
    out.limits = id.limits;
  }
  if (given(id.expires)) {
    out.expires = seconds(id.expires);
  }
  return out;
}

/** @param {import('../index.js').Permissions} p */
export function permissions(p, where = 'permissions') {
  check(p, where, { publish: anything, subscribe: anything, responses: anything });
  const out = {};
  for (const side of ['publish', 'subscribe']) {
    if (given(p[side])) {
      check(p[side], `${where}.${side}`, { allow: texts, deny: texts });
      // No subjects at all is what an empty list means to whoever writes it, and
      // all of them what it means to the broker.
      if (p[side].allow?.length === 0) {
        throw new TypeError(`${where}.${side}.allow: an empty list would allow everything: leave it out, or deny ">"`);
      }
      out[side] = p[side];
    }
  }
  if (given(p.responses)) {
    check(p.responses, `${where}.responses`, { max: int32, expiresMs: whole(-1, Number.MAX_SAFE_INTEGER) });
    out.responses = p.responses;
  }
  return out;
}

/** What a selector names. With nothing it would mean every connection. */
export function selector(of, where) {
  check(of, where, { id: whole(0, Number.MAX_SAFE_INTEGER), user: text, account: text, tags: map });
  if (!of.id && !of.user && !of.account && Object.keys(of.tags ?? {}).length === 0) {
    throw new TypeError(`${where}: nothing is set: say which connections are meant by id, user, account or tags`);
  }
  return of;
}

const given = (v) => v !== undefined && v !== null;

/** Seconds since 1970 of a Date or a number of them. */
function seconds(v) {
  const n = v instanceof Date ? v.getTime() / 1000 : v;
  if (typeof n !== 'number' || !Number.isFinite(n)) {
    throw new TypeError(`identity.expires: want a Date or seconds since 1970, got ${v instanceof Date ? 'an invalid date' : show(v)}`);
  }
  if (n > 1e11) {
    throw new TypeError('identity.expires: it is in the year 5138 or later: want a Date, or seconds, not milliseconds');
  }
  return Math.max(Math.floor(n), 1); // 0 would be never
}
