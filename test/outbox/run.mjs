// The outbox against receivers that hang, break off, refuse and lie, and processes that are killed. The runner and the helpers
// are those of test/http_api/.
//   ORDERD=./orderd node test/outbox/run.mjs [-v] [part of a name or file]...
import path from 'node:path';
import { fileURLToPath } from 'node:url';

process.env.TESTS_IN = path.dirname(fileURLToPath(import.meta.url));
await import('../http_api/run.mjs');
