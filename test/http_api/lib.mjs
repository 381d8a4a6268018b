// What the black-box tests share: a server in a directory of its own, requests whose every answer is held against
// openapi.json, orders to send, and checks.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { answerFaults } from './schema.mjs';

export const BINARY = path.resolve(process.env.ORDERD ?? './orderd');
/* Sanitizers need memory and time of their own. */
export const SANITIZED = fs.existsSync(BINARY) && /__[at]san_init/.test(fs.readFileSync(BINARY).toString('latin1'));
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- tests ---------------------------------------------------------------------------------------------------
export const tests = [];
let file = '';
export function inFile(name) { file = name; }
export function test(name, run) { tests.push({ name, run, file }); }

let failures = [];
export function takeFailures() { const f = failures; failures = []; return f; }
function where() {
  const line = new Error().stack.split('\n').find((l) => /\.test\.mjs/.test(l)) ?? '';
  return line.replace(/.*\/([^/]+\.test\.mjs:\d+).*/, '$1').trim();
}
export function fail(what) { failures.push(`${where()}: ${what}`); return false; }
export function skip(why) { console.log(`left out: ${why}`); }
export function check(ok, what) { return ok ? true : fail(what); }
export function same(is, want, what = '') {
  const a = JSON.stringify(is), b = JSON.stringify(want);
  return a === b ? true : fail(`${what} is ${String(a).slice(0, 300)}, want ${String(b).slice(0, 300)}`);
}

// ---- one server ------------------------------------------------------------------------------------------------
const running = new Set();
export class Server {
  constructor({ conf = '', env = {} } = {}) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-api-'));
    this.env = env;
    this.log = '';
    if (conf) fs.writeFileSync(path.join(this.dir, 'orderd.conf'), conf);
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 128 });
  }

  async start() {
    const env = { ...process.env, ORDERD_SERVER_LISTEN: '127.0.0.1:0', ...this.env };
    delete env.ORDERD;
    this.child = spawn(BINARY, ['--data', this.dir, 'serve'], { stdio: ['ignore', 'ignore', 'pipe'], env });
    running.add(this.child);
    const from = this.log.length;
    this.child.stderr.on('data', (d) => { this.log += d; });
    this.exited = once(this.child, 'exit').then(([code, signal]) => {
      running.delete(this.child);
      this.over = true;
      return { code, signal };
    });
    this.over = false;
    for (let i = 0; i < 2000 && !this.over; i++) {
      const m = /listening http:\/\/127\.0\.0\.1:(\d+)/.exec(this.log.slice(from));
      if (m) { this.port = Number(m[1]); break; }
      await sleep(5);
    }
    if (!this.port || this.over) throw new Error(`orderd did not start: ${this.log}`);
    for (let i = 0; i < 2000 && !fs.existsSync(this.file('admin.token')); i++) await sleep(5);
    this.admin = fs.readFileSync(this.file('admin.token'), 'utf8').trim();
    if (!Server.doc) Server.doc = JSON.parse((await this.raw('GET', '/openapi.json')).text);
    return this;
  }

  file(name) { return path.join(this.dir, name); }

  async stop(signal = 'SIGTERM') {
    this.agent.destroy();
    if (!this.over) this.child.kill(signal);
    const how = await this.exited;
    if (/this must hold|AddressSanitizer|runtime error|LeakSanitizer|ThreadSanitizer/.test(this.log)) fail(`the server says: ${this.log.slice(-3000)}`);
    return how;
  }

  async drop() {
    const how = await this.stop();
    fs.rmSync(this.dir, { recursive: true, force: true });
    return how;
  }

  // One request; body: text, Buffer, or something to be made JSON.
  raw(method, target, { token = this.admin, headers = {}, body, socket, type } = {}) {
    const h = { ...headers };
    if (token) h.authorization ??= `Bearer ${token}`;
    let bytes;
    if (body !== undefined) {
      bytes = typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
      if (type !== null) h['content-type'] ??= type ?? 'application/json';
      h['content-length'] ??= String(bytes.length);
    }
    const to = socket ? { socketPath: this.file('orderd.sock') } : { host: '127.0.0.1', port: this.port, agent: this.agent };
    return new Promise((done, broken) => {
      const req = http.request({ ...to, method, path: target, headers: { host: 'localhost', ...h } }, (res) => {
        const parts = [];
        res.on('data', (d) => parts.push(d));
        res.on('error', broken);
        res.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          let json;
          if (/json/.test(res.headers['content-type'] ?? '') && !/ndjson/.test(res.headers['content-type'])) {
            try { json = JSON.parse(text); } catch { json = undefined; }
          }
          done({ status: res.statusCode, headers: res.headers, text, json });
        });
      });
      req.on('error', broken);
      if (bytes) req.write(bytes);
      req.end();
    });
  }

  // The same, and the answer must be as openapi.json says.
  async call(method, target, options = {}) {
    const a = await this.raw(method, target, options);
    const type = a.headers['content-type'] ?? '';
    if (method !== 'HEAD') {
      const wrong = answerFaults(Server.doc, method, decodeURI(target), a.status, type, a.json);
      if (wrong.length) fail(`${method} ${target} -> ${a.status}: ${wrong.slice(0, 5).join('; ')}`);
    }
    if (a.status >= 400 && method !== 'HEAD' && target !== '/healthz' && target !== '/readyz') {
      check(type === 'application/problem+json' && a.json?.status === a.status && a.json?.code,
        `${method} ${target} -> ${a.status} is no problem document: ${a.text.slice(0, 200)}`);
    }
    return a;
  }

  get(target, options) { return this.call('GET', target, options); }
  post(target, body, options = {}) { return this.call('POST', target, { body, ...options }); }

  // Expects a status, says what came instead.
  async want(status, method, target, options) {
    const a = await this.call(method, target, options);
    if (a.status !== status) fail(`${method} ${target}: ${a.status}, want ${status}: ${a.text.slice(0, 300)}`);
    return a;
  }

  async token(name, roles, more = {}) {
    const a = await this.want(201, 'POST', '/v1/tokens', { body: { name, roles, ...more } });
    return a.json?.token;
  }

  async until(what, ask, ms = 40000) {
    for (let waited = 0; waited < ms; waited += 50) {
      if (await ask()) return true;
      await sleep(50);
    }
    return fail(`waited in vain for: ${what}`);
  }
}
process.on('exit', () => { for (const c of running) c.kill('SIGKILL'); });

// One server for a whole file.
export function withServer(options) {
  const s = new Server(options);
  test('starts', () => s.start());
  return s;
}
export function endServer(s) { test('stops cleanly', async () => same(await s.drop(), { code: 0, signal: null })); }

// ---- orders --------------------------------------------------------------------------------------------------------
let count = 0;
export const unique = (prefix) => `${prefix}-${++count}`;
export function order(more = {}) {
  const n = ++count;
  return {
    channel: 'tmall-home', external_id: `E${n}`, status: 'paid', placed_at: '2026-11-11T00:03:21+08:00',
    paid_at: '2026-11-11T00:03:40+08:00', updated_at: '2026-11-11T00:03:41+08:00', currency: 'CNY', total: '189.00',
    freight: '0.00', discount: '10.00', paid: '189.00',
    buyer: { id: `b_${n}`, name: '张三', phone: null },
    receiver: { name: '张三', phone: `139${String(10000000 + n)}`, country: 'CN', province: '浙江省', city: '杭州市', district: '西湖区',
      town: null, address: `文三路 ${n} 号 2 幢 301 室`, zip: null, token: null },
    lines: [{ line_id: '1', sku: 'SOFA-3S-GREY', title: '三人沙发', quantity: 1, price: '199.00', discount: '10.00', refunded: '0.00' }],
    remarks: { buyer: '', seller: '', flag: '' }, flags: [], service: 'standard', raw_status: 'WAIT_SELLER_SEND_GOODS',
    ...more,
  };
}
