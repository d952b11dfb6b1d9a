// The `config` of the hook, and what it is without it.

/**
 * @typedef {object} Settings
 * @property {string} url of the service; empty for none
 * @property {Record<string, string>} headers of each request to it
 * @property {number} timeoutMs how long it may take
 * @property {{ entries: number, ttlMs: number, negativeTtlMs: number }} cache of its answers
 * @property {string[]} redact names of fields
 */

const defaults = {
  url: '',
  headers: {},
  timeoutMs: 800, // the broker waits for a second
  cache: { entries: 10_000, ttlMs: 10_000, negativeTtlMs: 1_000 },
  redact: [],
};

/**
 * Reads a configuration. It throws, for the operator to read, when something is
 * wrong with it.
 * @returns {Settings}
 */
export function read(config) {
  known(config, defaults, 'config');
  known(config.cache ?? {}, defaults.cache, 'config.cache');
  const s = { ...defaults, ...config, cache: { ...defaults.cache, ...config.cache } };
  if (s.url !== '' && !['http:', 'https:'].includes(protocol(s.url))) {
    throw new Error(`config.url: ${JSON.stringify(s.url)} is no address of a HTTP service`);
  }
  for (const [where, n, least] of [
    ['timeoutMs', s.timeoutMs, 1], ['cache.entries', s.cache.entries, 0],
    ['cache.ttlMs', s.cache.ttlMs, 0], ['cache.negativeTtlMs', s.cache.negativeTtlMs, 0],
  ]) {
    if (!Number.isInteger(n) || n < least) {
      throw new Error(`config.${where}: want a whole number, at least ${least}`);
    }
  }
  if (!Array.isArray(s.redact) || !s.redact.every((f) => typeof f === 'string')) {
    throw new Error('config.redact: want a list of names');
  }
  try {
    new Headers(s.headers);
  } catch (error) {
    throw new Error(`config.headers: ${error.message}`);
  }
  if (s.url === '' && s.redact.length === 0) {
    throw new Error('config: it has neither url nor redact: say whom to ask about clients, or which fields to blacken');
  }
  return s;
}

function known(object, keys, where) {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw new Error(`${where}: want an object`);
  }
  for (const key of Object.keys(object)) {
    if (!Object.hasOwn(keys, key)) {
      throw new Error(`${where}.${key}: there is no such key: want ${Object.keys(keys).join(', ')}`);
    }
  }
}

function protocol(url) {
  try {
    return new URL(url).protocol;
  } catch {
    return '';
  }
}
