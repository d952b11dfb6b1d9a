// Checks of what an author hands over. JavaScript would take a misspelt key for an
// absent one, and `permisions` for no permissions at all: here it is an error.

/** The kinds of value that a key may have. */
export const text = { what: 'a string', ok: (v) => typeof v === 'string' };
export const flag = { what: 'true or false', ok: (v) => typeof v === 'boolean' };
export const texts = { what: 'a list of strings', ok: (v) => Array.isArray(v) && v.every((s) => typeof s === 'string') };
export const whole = (least, most) => ({
  what: `a whole number from ${least} to ${most}`,
  ok: (v) => Number.isInteger(v) && v >= least && v <= most,
});
export const map = {
  what: 'an object whose values are strings',
  ok: (v) => isObject(v) && Object.values(v).every((s) => typeof s === 'string'),
};
export const anything = { what: 'anything', ok: () => true };

const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);

/**
 * Throws a TypeError when a value is not an object with these keys alone. Keys
 * that are undefined or null are absent.
 * @param {unknown} value
 * @param {string} where the value's name in errors
 * @param {Record<string, { what: string, ok: (v: unknown) => boolean }>} keys
 */
export function check(value, where, keys) {
  if (!isObject(value)) {
    throw new TypeError(`${where}: want an object, got ${show(value)}`);
  }
  for (const [key, v] of Object.entries(value)) {
    if (!Object.hasOwn(keys, key)) {
      throw new TypeError(`${where}.${key}: there is no such key: want ${Object.keys(keys).join(', ')}`);
    }
    if (v !== undefined && v !== null && !keys[key].ok(v)) {
      throw new TypeError(`${where}.${key}: want ${keys[key].what}, got ${show(v)}`);
    }
  }
}

/** A value as an error shows it: its kind, and no more, as it may be a secret. */
export function show(v) {
  if (v === null || v === undefined) {
    return String(v);
  }
  return Array.isArray(v) ? 'a list' : `${/^[aeiou]/.test(typeof v) ? 'an' : 'a'} ${typeof v}`;
}
