// Lines for the broker's log. It reads the standard error: JSON of this form keeps
// its level and fields, other text is logged as it is.

/**
 * Writes one line.
 * @param {string} level
 * @param {unknown} message
 * @param {Record<string, unknown>} [fields]
 */
function write(level, message, fields) {
  let line;
  try {
    // The broker's log has its own times.
    line = JSON.stringify({ ...fields, '@level': level, '@message': String(message), '@timestamp': undefined });
  } catch (error) { // a field with a circle, or a BigInt
    line = JSON.stringify({ '@level': level, '@message': String(message), fields: `not JSON: ${error.message}` });
  }
  process.stderr.write(`${line}\n`);
}

export const log = Object.freeze({
  debug: (message, fields) => write('debug', message, fields),
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
});
