// The console as one C header: every file of src/console compressed, under a name with its digest, so that browsers
// keep it for ever; the page itself with the import map that knows these names, and the Content-Security-Policy that
// knows the map's digest. Nothing is rewritten: what a browser loads is what stands in the source.
//   node console.mjs SRC_DIR NPM_DIR > console.h
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const [src, npm] = process.argv.slice(2);
const TYPES = { '.mjs': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' };

// preact, its hooks and htm as one module: a request instead of three. Each keeps a scope of its own.
function vendor() {
  const read = (f) => fs.readFileSync(path.join(npm, f), 'utf8').replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '').trim();
  const scoped = (text, file) => {
    const from = /^import\{([^}]*)\}from"preact";/.exec(text);
    const to = /export\{([^}]*)\};?$/.exec(text);
    if (!to) throw new Error(`${file}: its exports are not at its end any more`);
    const names = to[1].split(',').map((e) => e.trim().split(' as ').map((s) => s.trim()));
    let body = text.slice(from ? from[0].length : 0, to.index);
    if (from) body = `const{${from[1].replaceAll(' as ', ':')}}=preact;${body}`;
    if (/^import|\bexport[ {]/m.test(body)) throw new Error(`${file}: more imports or exports than expected`);
    return { code: `(()=>{${body};return{${names.map(([a, b]) => `${b ?? a}:${a}`).join(',')}}})()`, names: names.map(([a, b]) => b ?? a) };
  };
  const preact = scoped(read('preact/dist/preact.mjs'), 'preact');
  const hooks = scoped(read('preact/hooks/dist/hooks.mjs'), 'hooks');
  const htm = read('htm/dist/htm.mjs').replace(/export default /, 'return ');
  const licences = ['preact', 'htm'].map((p) => {
    const j = JSON.parse(fs.readFileSync(path.join(npm, p, 'package.json'), 'utf8'));
    return `${p} ${j.version} (${j.license})`;
  });
  return `/* ${licences.join(', ')} */\nconst preact=${preact.code};\nconst hooks=${hooks.code};\nexport const htm=(()=>{${htm}})();\n` +
    `export const{${preact.names}}=preact;\nexport const{${hooks.names.filter((n) => !preact.names.includes(n))}}=hooks;\n`;
}

const files = new Map([['vendor', { name: 'vendor.mjs', text: vendor() }]]);
for (const f of fs.readdirSync(src, { recursive: true }).map(String).sort()) {
  if (!TYPES[path.extname(f)]) continue;
  const key = f.endsWith('.css') ? f : path.basename(f, '.mjs');
  if (files.has(key)) throw new Error(`two files are called ${key}`);
  files.set(key, { name: path.basename(f), text: fs.readFileSync(path.join(src, f), 'utf8') });
}
for (const f of files.values()) {
  const ext = path.extname(f.name), bytes = Buffer.from(f.text);
  const digest = crypto.createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  f.path = `${path.basename(f.name, ext)}.${digest}${ext}`;
  f.type = TYPES[ext];
  f.gz = zlib.gzipSync(bytes, { level: 9 });
  f.gz[9] = 3; // the same bytes on every system
}
const map = JSON.stringify({ imports: Object.fromEntries([...files].filter(([k]) => !k.endsWith('.css')).map(([k, f]) => [k, `/console/${f.path}`])) });
const sha = crypto.createHash('sha256').update(map).digest('base64');
const csp = `default-src 'self'; script-src 'self' 'sha256-${sha}'; style-src 'self'; img-src 'self' data: blob:; object-src 'none'; ` +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const page = fs.readFileSync(path.join(src, 'index.html'), 'utf8').replace('@IMPORTMAP@', () => map)
  .replace(/@([a-z.]+)@/g, (all, k) => { if (!files.has(k)) throw new Error(`index.html: there is no ${k}`); return `/console/${files.get(k).path}`; });
const [head, tail, more] = page.split('@SESSION@');
if (tail === undefined || more !== undefined) throw new Error('index.html: @SESSION@ must stand there once');

const text = (s) => s.split('\n').map((l) => JSON.stringify(l + '\n').replace(/\\u00/g, '\\x')).join('\n  ').replace(/\\n"$/, '"');
const out = ['/* Generated from src/console. */'];
let i = 0;
for (const f of files.values()) { f.sym = `console_file_${i++}`; out.push(`static const unsigned char ${f.sym}[] = {${[...f.gz].join(',')}};`); }
out.push('static const struct console_file { const char *path, *type; const unsigned char *gz; size_t n; } console_files[] = {');
for (const f of files.values()) out.push(`  { "${f.path}", "${f.type}", ${f.sym}, sizeof ${f.sym} },`);
out.push('};', `static const char console_head[] =\n  ${text(head)};`, `static const char console_tail[] =\n  ${text(tail)};`, `#define CONSOLE_CSP "${csp}"`);
process.stdout.write(out.join('\n') + '\n');
