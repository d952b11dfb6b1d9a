// What a plugin imports. Types and their description are in index.d.ts.
export { serve } from './lib/serve.js';
export { allow, allowAs, deny, drop, fail, pass, to } from './lib/decision.js';
export { log } from './lib/log.js';
