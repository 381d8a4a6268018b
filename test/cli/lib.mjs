// What the tests of the command line share: the binary in a directory of its own, checks, orders.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const BINARY = path.resolve(process.env.ORDERD ?? './orderd');
export const TOP = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- tests -----------------------------------------------------------------------------------------------------
export const tests = [];
export function test(name, run) { tests.push({ name, run }); }
let failures = [];
export function takeFailures() { const f = failures; failures = []; return f; }
function where() {
  const line = new Error().stack.split('\n').find((l) => /(run|sim|goods|xlsx)\.mjs/.test(l)) ?? '';
  return line.replace(/.*\/((run|sim|goods|xlsx)\.mjs:\d+).*/, '$1').trim();
}
export function check(ok, what) { if (!ok) failures.push(`${where()}: ${what}`); return Boolean(ok); }
export function same(is, want, what = '') {
  const a = JSON.stringify(is), b = JSON.stringify(want);
  return a === b || check(false, `${what}: is ${String(a).slice(0, 400)}, want ${String(b).slice(0, 400)}`);
}

// ---- one directory to work in, with the examples beside -------------------------------------------------------------
const dirs = [];
export class Place {
  constructor({ init = true, conf } = {}) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-cli-'));
    dirs.push(this.dir);
    fs.symlinkSync(path.join(TOP, 'examples'), path.join(this.dir, 'examples'));
    this.data = path.join(this.dir, 'data');
    if (conf !== undefined) { fs.mkdirSync(this.data); fs.writeFileSync(path.join(this.data, 'orderd.conf'), conf); }
    if (init) this.ok('init');
  }
  env(more = {}) {
    const env = { ...process.env, ...more };
    for (const k of Object.keys(env)) if (k === 'ORDERD' || k === 'VERSION' || k === 'B') delete env[k];
    return env;
  }
  path(name) { return path.join(this.dir, name); }
  write(name, text) { fs.writeFileSync(this.path(name), text); return name; }
  read(name) { return fs.readFileSync(this.path(name), 'utf8'); }
  // A line of words, or a list of them.
  run(words, { input, env } = {}) {
    const args = Array.isArray(words) ? words : words.split(' ');
    const r = spawnSync(BINARY, ['--data', this.data, ...args], { cwd: this.dir, input, env: this.env(env), encoding: 'utf8', timeout: 60000,
      maxBuffer: 1 << 28 });
    return { args, status: r.status, signal: r.signal, out: r.stdout, err: r.stderr };
  }
  // Runs and expects a status.
  is(status, words, options) {
    const r = this.run(words, options);
    check(r.status === status, `orderd ${r.args.join(' ')}: exit ${r.status ?? r.signal}, want ${status}; ${(r.err + r.out).slice(0, 600)}`);
    check(!/AddressSanitizer|LeakSanitizer|runtime error/.test(r.err), `orderd ${r.args.join(' ')}: ${r.err.slice(0, 3000)}`);
    return r;
  }
  ok(words, options) { return this.is(0, words, options); }
  json(words, options) {
    const r = this.ok(Array.isArray(words) ? ['--json', ...words] : `--json ${words}`, options);
    try { return JSON.parse(r.out); } catch { check(false, `orderd ${words}: not JSON: ${r.out.slice(0, 200)}`); return {}; }
  }
  start(words, { env, wait = /listening (\S+)/ } = {}) {
    return new Promise((done, fail) => {
      const child = spawn(BINARY, ['--data', this.data, ...words.split(' ')], { cwd: this.dir, env: this.env(env), stdio: ['ignore', 'pipe', 'pipe'] });
      const s = { child, log: '', out: '', url: '' };
      s.exited = new Promise((ended) => child.on('exit', (code, signal) => { s.over = true; ended({ code, signal }); }));
      const look = () => { const m = wait.exec(s.log + s.out); if (m) { s.url = m[1]; done(s); } };
      child.stderr.on('data', (d) => { s.log += d; look(); });
      child.stdout.on('data', (d) => { s.out += d; look(); });
      s.exited.then(() => fail(new Error(`orderd ${words} ended: ${s.log}${s.out}`)));
      s.stop = async (signal = 'SIGTERM') => { child.kill(signal); return s.exited; };
      running.add(s);
      s.exited.then(() => running.delete(s));
    });
  }
  serve(options) { return this.start('serve --listen 127.0.0.1:0', options); }
  token() { return fs.readFileSync(path.join(this.data, 'admin.token'), 'utf8').trim(); }
}
const running = new Set();
export function tidyUp() {
  for (const s of running) s.child.kill('SIGKILL');
  for (const d of dirs) fs.rmSync(d, { recursive: true, force: true });
}

let serial = 0;
export function order(more = {}) {
  const n = ++serial;
  return { channel: 'till', external_id: `N${n}`, status: 'paid', placed_at: '2026-01-05T10:00:00+08:00', updated_at: '2026-01-05T10:00:00+08:00',
    currency: 'CNY', total: '19.90', receiver: { name: '张示例', phone: `1990001${String(n).padStart(4, '0')}`, country: 'CN', province: '浙江省',
      city: '杭州市', district: '西湖区', address: `示例路${n}号样例小区2幢301室` }, lines: [{ line_id: '1', sku: 'MUG', quantity: 1, price: '19.90' }], ...more };
}
export const ndjson = (orders) => orders.map((o) => `${typeof o === 'string' ? o : JSON.stringify(o)}\n`).join('');
export function parseCsv(text) {
  const rows = [];
  let row = [], cell = '', quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') { cell += '"'; i++; } else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"') quoted = true;
    else if (c === ',') { row.push(cell); cell = ''; }
    else if (c === '\r') { /* of CR LF */ }
    else if (c === '\n') { row.push(cell); rows.push(row); row = []; cell = ''; }
    else cell += c;
  }
  return rows;
}
