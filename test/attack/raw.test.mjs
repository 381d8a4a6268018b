// Bytes that are no honest HTTP, against the real binary: the cases of test/http/, the clocks, the caps.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, endServer, order, same, SANITIZED, Server, sleep, test, withServer } from '../http_api/lib.mjs';

const s = withServer({ conf: '[server]\nhosts = orders.example.com\n' });
const PATIENCE_MS = 20000;

// ---- a socket that sends anything and sorts what comes back -----------------------------------------------------
export function dial(port, { pause = false } = {}) {
  const c = { got: Buffer.alloc(0), eof: false, reset: false };
  c.sock = net.connect({ port, host: '127.0.0.1' });
  c.sock.on('data', (d) => { c.got = Buffer.concat([c.got, d]); });
  c.sock.on('end', () => { c.eof = true; });
  c.sock.on('close', () => { c.eof = true; });
  c.sock.on('error', () => { c.eof = c.reset = true; });
  if (pause) c.sock.pause();
  c.opened = new Promise((done) => { c.sock.once('connect', done); c.sock.once('error', done); });
  c.write = (bytes) => new Promise((done) => { if (c.eof || c.sock.write(bytes)) done(); else { c.sock.once('drain', done); c.sock.once('close', done); } });
  c.until = async (ok, ms = PATIENCE_MS) => {
    for (let waited = 0; waited < ms && !ok(); waited += 5) await sleep(5);
    return ok();
  };
  c.close = () => c.sock.destroy();
  return c;
}

// Whole answers at the front of what came; noBody[i]: the i-th has a Content-Length and no body.
function answers(got, noBody = []) {
  const all = [];
  for (let at = 0; ;) {
    const end = got.indexOf('\r\n\r\n', at);
    if (end < 0) return all;
    const head = got.subarray(at, end).toString('latin1');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    if (!status) return [...all, { status: -1, head, body: '' }];
    if (status < 200) { at = end + 4; continue; }
    let body = noBody[all.length] || status === 204 ? 0 : Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    if (end + 4 + body > got.length) return all;
    all.push({ status, head, body: got.subarray(end + 4, end + 4 + body).toString('utf8') });
    at = end + 4 + body;
  }
}

// ---- the cases of test/http/ ---------------------------------------------------------------------------------------
const SIGNS = { r: 13, n: 10, t: 9, 0: 0, '\\': 92, s: 32 };
function bytesOf(text) {
  const raw = Buffer.from(text), out = [];
  for (let i = 0; i < raw.length; i++) {
    const next = String.fromCharCode(raw[i + 1] ?? 0);
    if (raw[i] !== 92) out.push(raw[i]);
    else if (next === 'x') { out.push(parseInt(raw.subarray(i + 2, i + 4).toString(), 16)); i += 3; }
    else if (next in SIGNS) { out.push(SIGNS[next]); i++; }
    else out.push(raw[i]);
  }
  return Buffer.from(out);
}
function cases(file) {
  const all = [];
  let c;
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    if (line.startsWith('== ')) all.push(c = { name: line.slice(3), parts: [], status: [], noBody: [], keep: false });
    else if (line.startsWith('|')) c.parts.push(bytesOf(`${line.slice(2)}`), Buffer.from('\r\n'));
    else if (line.startsWith('> ')) c.parts.push(bytesOf(line.slice(2)));
    else if (line.startsWith('* ')) { const [, n, t] = /^\* (\d+) (.*)$/.exec(line); c.parts.push(Buffer.concat(Array(Number(n)).fill(bytesOf(t)))); }
    else if (line.startsWith('=> ')) {
      const words = line.slice(3).split(' ');
      c.keep = words.pop() === 'keep';
      c.status = [], c.noBody = [];
      for (const w of words) {
        const [, status, h, n] = /^(\d+)(h?)(?:\*(\d+))?$/.exec(w);
        for (let i = 0; i < Number(n ?? 1); i++) c.status.push(Number(status)), c.noBody.push(h === 'h');
      }
      if (c) c.send = Buffer.concat(c.parts);
    }
  }
  return all;
}
/* Paths with a behaviour of the unit tests' own handler. */
const OWN = /(POST|GET) \/(small|none|stream|refuse|enough)[ ?]/;
const HERE = path.join(path.dirname(fileURLToPath(import.meta.url)), '../http');

/* Bodies go to a route that reads them and finds nothing to do with them. */
function byOne(send) {
  const own = `POST /v1/users/u_999 HTTP/1.1\r\nAuthorization: Bearer ${s.admin}\r\nContent-Type: application/json\r\n`;
  return Buffer.from(send.toString('latin1').replace(/(POST|PUT) \/a HTTP\/1\.1\r\n(?![ \t])/g, own), 'latin1');
}
const taken = (a) => [200, 401, 404, 405, 413, 422].includes(a.status) || (a.status === 400 && /"code":"(bad_json|unknown_parameter)"/.test(a.body)) || (a.status === 415 && /Content-Type is/.test(a.body));

async function replay(c, failures) {
  const d = dial(s.port);
  await d.opened;
  d.write(byOne(c.send));
  const want = c.status.length;
  await d.until(() => d.eof || answers(d.got, c.noBody).length >= want);
  const list = answers(d.got, c.noBody);
  const says = `${c.name}: got ${list.map((a) => a.status).join(' ')}${d.eof ? ' eof' : ''}, want ${c.status.join(' ').slice(0, 60)} ${c.keep ? 'keep' : 'close'}`;
  let ok = true;
  for (let i = 0; i < want && ok; i++) {
    const e = c.status[i], g = list[i]?.status;
    /* What the echo of the unit tests answers with 200 is here refused for what it asks, not for its framing. A body
     * that nobody will read closes, and what stood behind it is not answered. */
    if (e < 400) ok = g === undefined ? i > 0 && d.eof : taken(list[i]);
    else if (g === undefined) ok = i > 0 && d.eof;
    else ok = g === e;
  }
  ok &&= list.length <= want;
  if (ok && !c.keep && !(await d.until(() => d.eof))) ok = false;
  ok &&= list.every((a) => a.status > 0 && a.status < 600 && a.status !== 500);
  if (!ok) failures.push(says);
  d.close();
}

for (const file of ['head.http', 'body.http', 'target.http'])
  test(`${file}: every case as the parser promises it`, async () => {
    const all = cases(path.join(HERE, file)).filter((c) => !OWN.test(c.send.toString('latin1')) && !/\/v1\/(orders|skus|a)/.test(c.send.toString('latin1').split('\r')[0].replace(/\/v1\/\S*(\.\.|%|;|\/\/|\\)/, '')));
    check(all.length > 20, `only ${all.length} cases`);
    const failures = [];
    for (let i = 0; i < all.length; i += 16) await Promise.all(all.slice(i, i + 16).map((c) => replay(c, failures)));
    for (const f of failures.slice(0, 10)) check(false, f);
    same((await s.get('/healthz')).status, 200);
  });

test('an answer to a fault of framing is a problem document and names no file, no line, no library', async () => {
  const d = dial(s.port);
  await d.write('GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
  await d.until(() => d.eof);
  const a = answers(d.got)[0];
  same(a.status, 400);
  check(/content-type: application\/problem\+json/i.test(a.head), a.head);
  check(JSON.parse(a.body).code, a.body);
  check(!/llhttp|sqlite|cjson|\.c:|uv_|0x[0-9a-f]{6}/i.test(d.got.toString()), d.got.toString());
  d.close();
});

test('hosts: the configured one, the loopback, and no other', async () => {
  for (const [host, status] of [['orders.example.com', 200], ['ORDERS.example.COM', 200], ['orders.example.com:443', 200], ['localhost', 200], ['127.0.0.1', 200], ['[::1]', 200],
    ['evil.example', 421], ['orders.example.com.evil.example', 421], ['xorders.example.com', 421], ['169.254.169.254', 421], ['localhost.evil.example', 421],
    ['127.0.0.1.nip.example', 421], ['2130706433', 421]])
    same((await s.raw('GET', '/healthz', { token: null, headers: { host } })).status, status, host);
});

test('another origin is not let in by a browser: no CORS, no cookie, framing refused', async () => {
  for (const origin of ['http://evil.example', 'null', `http://localhost:${s.port}`]) {
    const a = await s.raw('GET', '/v1/orders', { headers: { origin } });
    for (const h of ['access-control-allow-origin', 'access-control-allow-credentials', 'set-cookie']) same(a.headers[h], undefined, `${origin} ${h}`);
  }
  const pre = await s.raw('OPTIONS', '/v1/orders', { token: null, headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' } });
  check(pre.status >= 400 && !pre.headers['access-control-allow-methods'], `preflight ${pre.status}`);
  const form = await s.raw('POST', '/v1/orders', { token: null, body: 'a=b', type: 'application/x-www-form-urlencoded', headers: { origin: 'http://evil.example' } });
  check([401, 403, 415].includes(form.status), String(form.status));
  const home = await s.raw('GET', '/', { token: null });
  same(home.headers['x-content-type-options'], 'nosniff');
});

test('a thousand requests in one packet come back in order, and others are served meanwhile', async () => {
  const d = dial(s.port);
  let text = '';
  for (let i = 0; i < 1000; i++) text += `GET /v1/nothing-${i}/${i} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  d.write(text);
  const from = Date.now();
  await s.want(200, 'GET', '/v1/orders');
  check(Date.now() - from < 2000, 'others waited');
  await d.until(() => answers(d.got).length === 1000);
  same(answers(d.got).map((a) => a.status).filter((x) => x !== 404).length, 0);
  d.close();
});

test('good orders go through while a hundred connections misbehave', async () => {
  let over = false, wrong = 0;
  const seeds = [...cases(path.join(HERE, 'head.http')), ...cases(path.join(HERE, 'body.http'))].map((c) => c.send);
  const noise = Array.from({ length: 40 }, async (_, lane) => {
    for (let n = lane; !over; n += 7) {
      const d = dial(s.port);
      await d.opened;
      const bytes = seeds[n % seeds.length];
      await d.write(bytes.subarray(0, n % 3 ? bytes.length : Math.floor(bytes.length / 2)));
      await Promise.race([d.until(() => d.eof, 60), sleep(20)]);
      if (n % 5 === 0) d.sock.resetAndDestroy?.();
      d.close();
    }
  });
  const ids = new Set();
  for (let round = 0; round < 8; round++) {
    const all = await Promise.all(Array.from({ length: 20 }, () => s.post('/v1/orders', order({ channel: 'calm' }))));
    for (const a of all) { ids.add(a.json?.id); wrong += a.status !== 201; }
  }
  over = true;
  await Promise.all(noise);
  same([ids.size, wrong], [160, 0]);
  same((await s.get('/v1/check')).json.findings, []);
});

test('big answers to readers that stand still cost others nothing', async () => {
  const many = Array.from({ length: 300 }, () => order({ channel: 'big', lines: Array.from({ length: 20 }, (_, i) => ({ line_id: `${i}`, sku: `S${i}`, title: '长'.repeat(60), quantity: 1 })) }));
  await s.want(207, 'POST', '/v1/orders', { body: { orders: many } });
  const size = (await s.get('/v1/orders?channel=big&limit=300')).text.length;
  check(size > 500000, `only ${size}`);
  const slow = Array.from({ length: 12 }, () => dial(s.port, { pause: true }));
  for (const d of slow) d.write(`GET /v1/orders?channel=big&limit=300 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${s.admin}\r\n\r\n`.repeat(8));
  await sleep(300);
  const from = Date.now();
  for (let i = 0; i < 10; i++) await s.want(200, 'GET', '/v1/orders?limit=1');
  check(Date.now() - from < 3000, `${Date.now() - from} ms for ten small reads`);
  const memory = Number(/orderd_resident_bytes (\d+)/.exec((await s.get('/metrics')).text)[1]);
  check(SANITIZED || memory < 160e6, `memory ${memory}`);
  const d = slow[0];
  d.sock.resume();
  await d.until(() => answers(d.got).length === 8);
  const whole = answers(d.got);
  same([whole.length, new Set(whole.map((a) => a.body.length)).size], [8, 1]);
  for (const x of slow) x.close();
});

endServer(s);

// ---- clocks and caps, with a configuration that makes them short -------------------------------------------------------
test('slow heads, slow bodies, silent and unreading clients are let go; a live one stays', async () => {
  const r = await new Server({ conf: '[server]\nhead_timeout = 1s\nbody_timeout = 1s\nidle_timeout = 1s\nwrite_timeout = 1s\nconnections_max = 60\n' }).start();
  const auth = `Host: localhost\r\nAuthorization: Bearer ${r.admin}\r\n`;
  await r.want(207, 'POST', '/v1/orders', { body: { orders: Array.from({ length: 400 }, () => order({ channel: 'big' })) } });
  const head = dial(r.port), drip = dial(r.port), body = dial(r.port), silent = dial(r.port), unread = dial(r.port, { pause: true });
  head.write('GET / HTTP/1.1\r\nHost:');
  body.write(`POST /v1/orders HTTP/1.1\r\n${auth}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
  unread.write(`GET /v1/orders?limit=400 HTTP/1.1\r\n${auth}\r\n`.repeat(12));
  const dripping = (async () => { for (const c of `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(2000)}`) { if (drip.eof) return; await drip.write(c); await sleep(100); } })();
  for (const [name, d] of Object.entries({ head, drip, body, silent })) check(await d.until(() => d.eof, 8000), `${name} is still held`);
  await dripping;
  same([head, drip, body].map((d) => answers(d.got)[0]?.status), [408, 408, 408]);
  same((await r.get('/healthz')).status, 200);
  await sleep(2500);
  unread.sock.resume();
  check(await unread.until(() => unread.eof, 8000), 'a client that reads nothing is still held');
  check(answers(unread.got).length < 12, 'it got everything after its time');
  /* the cap: told so, and orderly again afterwards */
  const crowd = Array.from({ length: 70 }, () => dial(r.port));
  await Promise.all(crowd.map((d) => d.opened));
  await sleep(100);
  const refused = crowd.filter((d) => answers(d.got)[0]?.status === 503 || d.eof);
  check(refused.length >= 5, `${refused.length} of 70 were refused`);
  for (const d of crowd) d.close();
  await r.until('room again', async () => (await r.raw('GET', '/healthz').catch(() => ({}))).status === 200);
  same(await r.drop(), { code: 0, signal: null });
});
