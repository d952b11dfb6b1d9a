// Blackens fields of a document.

const BLACK = '****';

/**
 * Puts stars in the place of fields with one of some names, at any depth, and
 * reports whether there were any. It does not recurse: who sends a message chooses
 * its depth.
 * @param {unknown} document what JSON.parse returns; it is changed
 * @param {Set<string>} names
 */
export function redact(document, names) {
  let changed = false;
  const todo = [document];
  while (todo.length > 0) {
    const value = todo.pop();
    if (typeof value !== 'object' || value === null) {
      continue;
    }
    for (const key of Object.keys(value)) {
      if (!Array.isArray(value) && names.has(key)) {
        value[key] = BLACK;
        changed = true;
      } else {
        todo.push(value[key]);
      }
    }
  }
  return changed;
}
