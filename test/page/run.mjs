// Browser tests of the console against the real binary, by the runner of test/http_api.
//   ORDERD=./orderd node test/page/run.mjs [-v] [part of a name or file]...
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { closeBrowser } from './lib.mjs';

process.env.TESTS_IN = path.dirname(fileURLToPath(import.meta.url));
process.on('exit', () => closeBrowser());
await import('../http_api/run.mjs');
