// Channels against stand-ins: platforms that lie, hang, break off and refuse; pushes, tills, secrets. The runner and the
// helpers are those of test/http_api/.
//   ORDERD=./orderd node test/channels/run.mjs [-v] [part of a name or file]...
import path from 'node:path';
import { fileURLToPath } from 'node:url';

process.env.TESTS_IN = path.dirname(fileURLToPath(import.meta.url));
await import('../http_api/run.mjs');
