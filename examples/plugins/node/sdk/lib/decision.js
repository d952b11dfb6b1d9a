// Answers. Each helper makes one; what a point does not take is found when it is
// answered, so that the author reads it and not only the broker's operator.
import { POINTS, VERDICTS } from './protocol.js';
import { identity } from './identity.js';
import { show } from './check.js';

/** An answer. Authors make it with the helpers below; it does not change. */
export class Decision {
  constructor(fields) {
    /** @readonly */ this.verdict = fields.verdict;
    /** @readonly */ this.reason = fields.reason ?? '';
    /** @readonly */ this.identity = fields.identity;
    /** @readonly */ this.subject = fields.subject;
    /** @readonly */ this.error = fields.error;
    /** @readonly */ this.ttlMs = fields.ttlMs ?? 0;
    /** @readonly */ this.uncached = fields.uncached ?? false;
  }

  for(ttlMs) {
    if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs >= 2 ** 32) {
      throw new TypeError(`for: want whole milliseconds from 1 to ${2 ** 32 - 1}`);
    }
    return new Decision({ ...this, ttlMs });
  }

  noCache() {
    return new Decision({ ...this, uncached: true });
  }
}

const passed = new Decision({ verdict: VERDICTS.pass });
const allowed = new Decision({ verdict: VERDICTS.allow });

export const pass = () => passed;
export function allow(...none) {
  if (none.length > 0) {
    throw new TypeError('allow: it takes nothing: an identity is for allowAs');
  }
  return allowed;
}
export const allowAs = (id) => new Decision({ verdict: VERDICTS.allow, identity: identity(id) });
export const deny = (reason = '') => new Decision({ verdict: VERDICTS.deny, reason: utf8(String(reason)) });
export const drop = (reason = '') => new Decision({ verdict: VERDICTS.drop, reason: utf8(String(reason)) });
export function to(subject) {
  const bytes = typeof subject === 'string' ? Buffer.from(subject) : subject;
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) {
    throw new TypeError(`to: want a subject, got ${show(subject)}`);
  }
  return new Decision({ verdict: VERDICTS.replace, subject: bytes });
}
export const fail = (error) => new Decision({ verdict: VERDICTS.pass, error: reasonOf(error) });

/** What an error says; never empty, as that would be no error. It does not throw. */
export function reasonOf(error) {
  let said = '';
  try {
    said = String((error instanceof Error ? error.message || error.name : error) ?? '');
  } catch {
    // it is something that cannot be shown
  }
  return utf8(said) || 'the plugin failed and does not say why';
}

/** Text as the protocol takes it: half of a pair of surrogates is no UTF-8. */
export const utf8 = (s) => s.replace(/\p{Surrogate}/gu, '\ufffd');

/** The helpers whose answers each point takes. */
const taken = [];
taken[POINTS.connect] = ['pass', 'allow', 'deny'];
taken[POINTS.rewrite] = ['pass', 'deny', 'replace'];
taken[POINTS.publish] = ['pass', 'allow', 'deny'];
taken[POINTS.subscribe] = ['pass', 'allow', 'deny'];
taken[POINTS.inspect] = ['pass', 'deny', 'drop'];
const helper = { pass: 'pass()', allow: 'allow()', deny: 'deny()', drop: 'drop()', replace: 'to()' };
const mask = taken.map((names) => names.reduce((bits, n) => bits | 1 << VERDICTS[n], 0));

/**
 * What a method has returned, as a Decision: nothing is pass(). It throws when that
 * is none, or not for the point.
 */
export function decided(answer, point) {
  if (answer === undefined || answer === null) {
    return passed;
  }
  const want = () => taken[point].map((n) => helper[n]).join(', ');
  if (!(answer instanceof Decision)) {
    throw new TypeError(`it returned ${show(answer)}: want one of ${want()}, or nothing`);
  }
  if ((mask[point] & 1 << answer.verdict) === 0) {
    const name = Object.keys(VERDICTS).find((n) => VERDICTS[n] === answer.verdict);
    throw new TypeError(`it returned ${helper[name]}: want one of ${want()}, or nothing`);
  }
  if (answer.identity && point !== POINTS.connect) {
    throw new TypeError('it returned allowAs(): that is for connect');
  }
  return answer;
}
