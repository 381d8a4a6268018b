// What the tests of channels share: a connector for a plain platform, a stand-in that plays it, and a server that polls.
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Server, check, fail } from '../http_api/lib.mjs';

export * from '../http_api/lib.mjs';
export const HERE = path.dirname(fileURLToPath(import.meta.url));
export const KEY = 'plain/key+with=signs&0123456789', ACCESS = 'access-fictional-0001', REFRESH = 'refresh-fictional-0001';

// ---- the plain platform's connector; parts of it may be left out or replaced -------------------------------------------
const ORDER = `json_object('external_id', value ->> '$.id', 'status', value ->> '$.state', 'placed_at', ts_ms(value ->> '$.at'),
  'paid_at', ts_ms(value ->> '$.at'), 'updated_at', ts_ms(value ->> '$.changed'), 'currency', 'CNY', 'total', money(value ->> '$.total'),
  'receiver', json_object('name', value ->> '$.name', 'phone', value ->> '$.phone', 'country', 'CN', 'province', '浙江省', 'city', '杭州市',
    'district', '西湖区', 'address', value ->> '$.address'),
  'lines', json_array(json_object('line_id', '1', 'sku', value ->> '$.sku', 'quantity', 1, 'price', money(value ->> '$.total'))),
  'raw_status', value ->> '$.state')`;
export const PARTS = {
  channel: '[channel plain]\ntitle = Plain\nevery = 5s\noverlap = 2s\nsettle = 0s\nwindow = 1d\nstart = 1d',
  secrets: '[secrets]\nkey = signs requests and pushes\naccess_token = renewed by itself\nrefresh_token = each is good once',
  list: `[request list]\nGET {host}/orders\npage_size = 3\nquery.from = :from_ms\nquery.to = :to_ms\nquery.cursor = nullif(:cursor, '')
query.size = :page_size\nquery.time = :now_ms\nquery.token = secret('access_token')
query.sign = lower(hex(hmac_sha256(secret('key'), :path || sorted_query(:query))))`,
  next: "[next list]\nSELECT :body ->> '$.next'",
  one: "[request one]\nGET {host}/orders/{order_id}\nvar.order_id = :id\nheader.X-Token = secret('access_token')",
  refresh: "[request refresh]\nPOST {host}/token\nform.refresh_token = secret('refresh_token')",
  tokens: `[tokens]\nSELECT 'access_token', :body ->> '$.access', :body ->> '$.expires_ms'\nUNION ALL SELECT 'refresh_token', :body ->> '$.refresh', NULL`,
  push: `[push]\nverify = same(lower(hex(hmac_sha256(secret('key'), :text))), :headers ->> '$.x-sign')
id = :headers ->> '$.x-id'\nat = :body ->> '$.at'\nreply = {"taken":true}\nreply_type = application/json`,
  push_ids: "[ids push]\nSELECT value FROM json_each(:body, '$.ids')",
  errors: "[errors]\nSELECT :body ->> '$.error', :body ->> '$.code', :body ->> '$.message' WHERE :body -> '$.error' IS NOT NULL",
  errors_list: "[errors list]\nSELECT coalesce(:body ->> '$.error', 'retry'), coalesce(:body ->> '$.code', 'no_list'), :body ->> '$.message'\nWHERE :status = 200 AND json_type(:body, '$.orders') IS NOT 'array'",
  orders: `[orders]\nSELECT ${ORDER}, fullkey FROM json_each(:body, '$.orders')`,
  orders_one: `[orders one]\nSELECT ${ORDER.replaceAll('value', ':body')}, '$'`,
};
export const connector = (parts = {}) => `${Object.values({ ...PARTS, ...parts }).filter(Boolean).join('\n\n')}\n`;

// ---- the stand-in ----------------------------------------------------------------------------------------------------------
export const hmac = (kind, key, text) => createHmac(kind, key).update(text).digest('hex');
const shops = new Set();
let serial = 0;
export class Shop {
  constructor(more = {}) {
    Object.assign(this, { orders: new Map(), asked: [], access: ACCESS, refresh: REFRESH, refreshes: 0, skew: 0, play: null, hidden: new Set(), ...more });
  }
  async start() {
    this.server = http.createServer((req, res) => {
      let body = '';
      req.on('data', (d) => { body += d; });
      req.on('end', () => this.take(req, res, body));
    });
    this.server.on('clientError', (e, s) => s.destroy());
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.host = `http://127.0.0.1:${this.server.address().port}`;
    shops.add(this);
    return this;
  }
  stop() { this.server.closeAllConnections(); this.server.close(); shops.delete(this); }
  now() { return Date.now() + this.skew; }
  // An order, or a change of one.
  put(more = {}) {
    const n = ++serial, id = more.id ?? `P${n}`, was = this.orders.get(id);
    const o = was ? { ...was, changed: this.now(), ...more } : { id, state: 'paid', at: this.now(), changed: this.now(), total: '19.90', name: '张示例',
      phone: `1990002${String(n).padStart(4, '0')}`, address: `示例路${n}号样例小区3幢101室`, sku: 'MUG', ...more };
    this.orders.set(id, o);
    return o;
  }
  send(res, status, what, headers = {}) {
    const text = typeof what === 'string' || Buffer.isBuffer(what) ? what : JSON.stringify(what);
    res.writeHead(status, { 'content-type': 'application/json', date: new Date(this.now()).toUTCString(), ...headers });
    res.end(text);
  }
  // play: a test's own answer; true when it gave one.
  take(req, res, body) {
    const url = new URL(req.url, this.host), call = { method: req.method, url, path: url.pathname, query: url.searchParams, headers: req.headers, body, at: Date.now() };
    this.asked.push(call);
    if (this.play?.(call, res)) return;
    this.answer(call, res);
  }
  count(path, from = 0) { return this.asked.slice(from).filter((c) => c.path === path).length; }
  refuse(res, kind, code, message = code) { this.send(res, 200, { error: kind, code, message }); }
  signed(call) {
    const p = [...call.query].filter(([k]) => k !== 'sign').sort((a, b) => (a[0] < b[0] ? -1 : 1));
    return hmac('sha256', KEY, call.path + p.map(([k, v]) => k + v).join('')) === call.query.get('sign');
  }
  answer(call, res) {
    if (call.path === '/token') return this.renew(call, res);
    if (call.path === '/orders') {
      if (!this.signed(call)) return this.refuse(res, 'refused', 'bad_sign');
      if (Math.abs(Number(call.query.get('time')) - this.now()) > 60000) return this.refuse(res, 'refused', 'bad_time');
      if (call.query.get('token') !== this.access) return this.refuse(res, 'auth_expired', 'bad_token');
      return this.page(call, res);
    }
    const o = this.orders.get(decodeURIComponent(call.path.replace('/orders/', '')));
    if (call.headers['x-token'] !== this.access) return this.refuse(res, 'auth_expired', 'bad_token');
    return o ? this.send(res, 200, o) : this.send(res, 404, { message: 'no such order' });
  }
  page(call, res) {
    const from = Number(call.query.get('from')), to = Number(call.query.get('to')), size = Number(call.query.get('size')), at = Number(call.query.get('cursor') ?? 0);
    const all = [...this.orders.values()].filter((o) => o.changed >= from && o.changed < to && !this.hidden.has(o.id)).sort((a, b) => a.changed - b.changed);
    this.send(res, 200, { orders: all.slice(at, at + size), next: at + size < all.length ? String(at + size) : null });
  }
  renew(call, res) {
    if (new URLSearchParams(call.body).get('refresh_token') !== this.refresh) return this.refuse(res, 'refused', 'token_used');
    this.refreshes++;
    this.access = `access-fictional-${1000 + ++serial}`;
    this.refresh = `refresh-fictional-${1000 + ++serial}`;
    return this.send(res, 200, { access: this.access, refresh: this.refresh, expires_ms: this.life ?? 3600000 });
  }
}
export function stopShops() { for (const s of [...shops]) s.stop(); }

// ---- a server with channels -------------------------------------------------------------------------------------------------
export const FAST = 'every = 1s\nbackoff = 20ms\nbackoff_most = 60ms\nbreaker = 200ms\nbreaker_most = 300ms\ntimeout = 500ms\n';
export const GIVEN = `key = ${KEY}\naccess_token = ${ACCESS}\nrefresh_token = ${REFRESH}\n`;
export function section(name, shop, more = '', given = GIVEN) {
  return `[channel ${name}]\nconnector = plain\n${shop ? `host = ${shop.host}\n` : ''}${FAST}${given}${more}\n`;
}
export class Poller extends Server {
  constructor(conf, files = {}, more = {}) {
    super({ conf, ...more });
    fs.mkdirSync(this.file('connectors'));
    for (const [name, text] of Object.entries({ plain: connector(), ...files })) this.connector(name, text);
  }
  connector(name, text) { fs.writeFileSync(this.file(`connectors/${name}.channel`), text); }
  async channel(name) { return (await this.want(200, 'GET', `/v1/channels/${name}`)).json; }
  async sync(name) { return this.want(202, 'POST', `/v1/channels/${name}/sync`); }
  async exceptions(type, state = 'open') { return (await this.want(200, 'GET', `/v1/exceptions?type=${type}&state=${state}&limit=200`)).json.data; }
  async payloads(channel, state = 'failed') { return (await this.want(200, 'GET', `/v1/payloads?channel=${channel}&state=${state}&limit=200`)).json.data; }
  async orders(channel) {
    const all = [];
    for (let next = ''; next !== null;) {
      const a = (await this.want(200, 'GET', `/v1/orders?channel=${channel}&limit=200${next && `&cursor=${encodeURIComponent(next)}`}`)).json;
      if (!a) break;
      all.push(...a.data), next = a.next;
    }
    return all;
  }
  async ids(channel) { return (await this.orders(channel)).map((o) => o.external_id).sort(); }
  async has(channel, id) { return (await this.ids(channel)).includes(id); }
  // The next run that begins from now on: how it ended. Runs of the schedule count too.
  async run(name, kind = 'poll', ms = 10000) {
    const from = Date.now();
    let found = null;
    const c = await this.channel(name);
    if (kind === 'poll' && c) await this.sync(name);
    await this.until(`a ${kind} of ${name}`, async () => {
      found = (await this.channel(name))?.runs.find((r) => r.kind === kind && Date.parse(r.began_at) >= from);
      return found;
    }, ms);
    return found ?? {};
  }
  async state(name, ok, what, ms) {
    let c;
    const done = await this.until(`${name}: ${what}`, async () => { c = await this.channel(name); return c && ok(c); }, ms);
    if (!done) fail(JSON.stringify({ ...c, runs: c?.runs?.slice(0, 2) }).slice(0, 1500));
    return c;
  }
  push(name, body, { key = KEY, id = `push-${++serial}`, sign, headers = {} } = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify({ at: Date.now(), ...body });
    return this.raw('POST', `/v1/hooks/channel/${name}`, { token: null, body: text, headers: { 'x-id': id, 'x-sign': sign ?? hmac('sha256', key, text), ...headers } });
  }
}
// Every file below a directory whose bytes have one of the texts.
export function filesWith(dir, texts, not = () => false) {
  const found = [];
  for (const e of fs.readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const file = path.join(e.parentPath ?? e.path, e.name);
    if (!e.isFile() || not(path.relative(dir, file))) continue;
    const bytes = fs.readFileSync(file);
    for (const t of texts) if (bytes.includes(t)) found.push(`${path.relative(dir, file)}: ${t}`);
  }
  return found;
}
export function same_set(is, want, what) { return check(JSON.stringify([...is].sort()) === JSON.stringify([...want].sort()), `${what}: ${JSON.stringify([...is]).slice(0, 400)}, want ${JSON.stringify([...want]).slice(0, 400)}`); }
