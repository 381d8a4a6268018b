// Black-box tests of the HTTP API against the real binary.
//   ORDERD=./orderd node test/http_api/run.mjs [-v] [part of a name or file]...
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BINARY, inFile, takeFailures, tests } from './lib.mjs';

/* test/attack/ runs its own files by the same runner. */
const here = process.env.TESTS_IN ?? path.dirname(fileURLToPath(import.meta.url));
const loud = process.argv.includes('-v');
const parts = process.argv.slice(2).filter((a) => a !== '-v');
const TEST_MS = Number(process.env.TEST_MS ?? 300000);

if (!fs.existsSync(BINARY)) {
  console.error(`${BINARY} is not there: make it first, or name it in ORDERD`);
  process.exit(2);
}
const files = fs.readdirSync(here).filter((f) => f.endsWith('.test.mjs')).sort();
for (const f of files) {
  inFile(f);
  await import(pathToFileURL(path.join(here, f)).href);
}
// A file's tests share its server: a part of a name runs its file's first and last test too.
const wanted = (t) => !parts.length || parts.some((p) => t.name.includes(p) || t.file.includes(p)) ||
  (/^(starts|stops cleanly)$/.test(t.name) && tests.some((o) => o.file === t.file && parts.some((p) => o.name.includes(p))));
let passed = 0, failed = 0;
for (const t of tests.filter(wanted)) {
  let timer;
  try {
    await Promise.race([t.run(), new Promise((_, no) => { timer = setTimeout(() => no(new Error('took too long')), TEST_MS); })]);
  } catch (e) {
    console.log(`${t.file}: ${t.name}: ${e.stack ?? e}`);
    failed++;
    takeFailures();
    continue;
  } finally {
    clearTimeout(timer);
  }
  const wrong = takeFailures();
  for (const w of wrong.slice(0, 20)) console.log(`${t.file}: ${t.name}: ${w}`);
  if (wrong.length) failed++;
  else passed++;
  if (loud && !wrong.length) console.log(`${t.file}: ${t.name}: ok`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
