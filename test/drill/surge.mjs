// The surge: a promotion at ten times the daily peak. Simulated platforms sell ten times as fast, the shop's own page posts
// orders singly and in bursts, every platform fails for a while, and the connector of one cannot read what it is given.
// orderd goes on answering, 201 or 202; breakers open; the backlog alarm is raised once, and one text message tells of it; and
// when the causes are gone it recovers by itself: nothing is missed, nothing is there twice.
//   node test/drill/surge.mjs [--seconds S] [--seed S] [--keep] [--slice]
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Room, platforms } from '../outbox/rooms.mjs';
import { Process, Shop, ask, check, compareOrders, settled, sums, words } from './lib.mjs';

const args = words(), slice = 'slice' in args;
const seconds = Number(args.seconds ?? (slice ? 10 : 60)), seed = Number(args.seed ?? 1);
// Orders a second of all platforms in the busiest hour: of 50,000 a day, two fifths in one hour. A slice sells more in its few
// seconds, so that more fail than the alarm's limit by far, and lets fewer wait before it answers 202.
const PEAK = slice ? 30 : 6, TIMES = 10, OWN_RATE = 116, BURST = 500, BURSTS = slice ? 8 : 40, QUEUE = slice ? 20 : 2000;
const OUTAGE = slice ? 3 : 10, LIMIT = 500, SAMPLE = 100;
const BROKEN = 'woocommerce', SHOPS = ['shopee', 'pinduoduo', BROKEN];

// ---- the shop's own page: orders over HTTP, with what each was answered --------------------------------------------------
class Page {
  constructor(shop) { Object.assign(this, { shop, n: 0, ms: [], statuses: {}, ids: new Set(), lost: [], later: [] }); this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 }); }
  order() {
    const id = `P-${++this.n}`, at = new Date().toISOString();
    return { channel: 'own-page', external_id: id, status: 'paid', placed_at: at, paid_at: at, currency: 'CNY', total: '19.90',
      receiver: { name: '林小茶', phone: `138${String(10000000 + this.n)}`, country: 'CN', province: '浙江省', city: '杭州市', district: '西湖区', address: `示例路${this.n}号` },
      lines: [{ line_id: '1', sku: 'TEA', title: '茶', quantity: 1, price: '19.90' }] };
  }
  post(body) {
    const text = JSON.stringify(body), begun = performance.now(), to = new URL(this.shop.url);
    return new Promise((done) => {
      const req = http.request({ host: to.hostname, port: to.port, agent: this.agent, method: 'POST', path: '/v1/orders', headers: { authorization: `Bearer ${this.shop.token}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, (res) => {
        let all = '';
        res.on('data', (d) => { all += d; });
        res.on('end', () => done({ status: res.statusCode, ms: performance.now() - begun, text: all, at: res.headers.location }));
        res.on('error', () => done({ status: 0 }));
      });
      req.on('error', () => done({ status: 0 }));
      req.end(text);
    });
  }
  count(status, n = 1) { this.statuses[status] = (this.statuses[status] ?? 0) + n; }
  // What is not acknowledged is sent again, as clients do.
  async one() {
    const o = this.order();
    for (let tries = 0; tries < 50; tries++) {
      const a = await this.post(o);
      this.count(a.status);
      if (a.ms) this.ms.push(a.ms);
      if (a.status === 202) this.later.push(a.at);
      if (a.status === 201 || a.status === 202 || a.status === 200) { this.ids.add(o.external_id); return; }
      if (a.status !== 503 && a.status !== 429 && a.status) break;
      await sleep(100);
    }
    this.lost.push(o.external_id);
  }
  async burst() {
    const orders = Array.from({ length: BURST }, () => this.order());
    for (let tries = 0; tries < 50; tries++) {
      const a = await this.post({ orders });
      if (a.status === 207 || a.status === 201 || a.status === 202) {
        const rows = JSON.parse(a.text).data ?? JSON.parse(a.text).results;
        rows.forEach((r, i) => { this.count(r.status); if (r.status === 202) this.later.push(`/v1/payloads/${r.payload}`); if (r.status < 300) this.ids.add(orders[i].external_id); else this.lost.push(orders[i].external_id); });
        return;
      }
      this.count(a.status);
      await sleep(100);
    }
    this.lost.push(...orders.map((o) => o.external_id));
  }
  p99(list = this.ms) { const s = [...list].sort((a, b) => a - b); return s[Math.floor(s.length * 0.99)] ?? 0; }
}

async function until(what, look, ms) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(100)) if (await look()) return true;
  return check(false, `waited in vain for: ${what}`);
}

// ---- the shop, its platforms, and the boss's telephone ---------------------------------------------------------------------
class Promotion {
  constructor(dir) { Object.assign(this, { dir, shop: new Shop(dir), begun: Date.now(), failed: 0, open: new Set() }); }
  async start() {
    const conf = path.join(this.dir, 'sim.conf');
    this.sim = new Process(['sim', '--listen', '127.0.0.1:0', '--platforms', SHOPS.join(), '--orders', '600', '--days', '1', '--seed', String(seed),
      '--rate', String(PEAK), '--duplicates', '0.02', '--no-limits', '--config', conf], /"control":\s*"([^"]+)"/, path.join(this.dir, 'sim.log'));
    this.control = await this.sim.ready;
    this.phone = await new Room(platforms['aliyun-sms']).start();
    this.file = path.join(this.shop.data, 'connectors', `${BROKEN}.channel`);
    this.right = fs.readFileSync(`examples/connectors/${BROKEN}.channel`, 'utf8');
    fs.mkdirSync(path.dirname(this.file), { recursive: true });
    fs.writeFileSync(path.join(this.shop.data, 'orderd.conf'), this.conf(fs.readFileSync(conf, 'utf8')));
    // A change at the platform that the file does not know yet: its orders cannot be read.
    fs.writeFileSync(this.file, this.right.replace("'currency', o ->> '$.currency'", "'currency', 'points'"));
    await this.shop.start();
  }
  conf(channels) {
    const more = 'every = 1s\nbackoff = 50ms\nbackoff_most = 500ms\nbreaker = 500ms\nbreaker_most = 1s\nmax_rps = 0\n';
    return `${channels.replace(/^(\[channel [^\]]+\])$/gm, `$1\n${more}`)}\n[intake]\nsurge_queue = ${QUEUE}\nbacklog_alarm = ${LIMIT}\n` +
      `[messenger sms]\nconnector = aliyun-sms\nhost = ${this.phone.url}\n${platforms['aliyun-sms'].conf}\n` +
      '[notify boss]\nto = sms\non = backlog\ntemplate = SMS_1\nphones = +8613800000000\nlanguage = zh\ndigest = 1s\n';
  }
  post(what, body = {}) { return ask(this.control + what, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }); }
  // It answers 503 with the same body while the writer lags.
  async health() { return (await fetch(`${this.shop.url}/healthz`, { signal: AbortSignal.timeout(20000) })).json(); }
  async alarms() {
    const r = await fetch(`${this.shop.url}/metrics`, { headers: { authorization: `Bearer ${this.shop.token}` } });
    return Number(/^orderd_backlog_alarms_total (\d+)$/m.exec(await r.text())?.[1] ?? -1);
  }
  async look() {
    this.failed = Math.max(this.failed, (await this.health()).backlog.failed);
    for (const c of (await this.shop.get('/v1/channels')).data) if (c.poll?.now?.breaker === 'open' || c.poll?.failures >= 5) this.open.add(c.name);
  }
  async stop() {
    await this.shop.p?.stop('SIGKILL');
    await this.sim?.stop('SIGKILL');
    this.phone?.stop();
  }
}

// Ten seconds of the platforms' busiest hour in each of ours, and the page's own orders on top.
async function sell(p, page) {
  const work = [], outage = Math.floor(seconds / 3);
  for (let s = 0; s < seconds; s++) {
    const end = Date.now() + 1000;
    work.push(p.post('/sim/advance', { ms: TIMES * 1000 }));
    if (s === outage) await p.post('/sim/faults', { errors: 1 });
    if (s === outage + OUTAGE) {
      await until('every breaker', async () => { await p.look(); return p.open.size === SHOPS.length; }, 120000);
      await p.post('/sim/faults', { errors: 0 });
    }
    if (s % 2 === 1) for (let i = 0; i < BURSTS / 4; i++) work.push(page.burst());
    for (let i = 0; i < OWN_RATE; i++) {
      work.push(page.one());
      await sleep(Math.max(0, (end - Date.now()) / (OWN_RATE - i)));
    }
    await p.look();
  }
  await Promise.all(work);
}

// The alarm is raised once, and the boss's telephone rings once.
async function alarmed(p) {
  await until(`more than ${LIMIT} failed`, async () => { await p.look(); return p.failed > LIMIT; }, 120000);
  await until('the alarm', async () => (await p.health()).backlog.alarm, 120000);
  await until('a text message', () => p.phone.taken.length > 0, 120000);
  await sleep(3000); // as long as three of its digests: a second one would be there
  await p.look();
  const told = /^积压报警（开始）：失败或死信 (\d+) 条，上限 500$/.exec(p.phone.taken[0]);
  check(told && Number(told[1]) > LIMIT, `the message says: ${p.phone.taken[0]}`);
  check(p.phone.taken.length === 1 && !p.phone.refused.length, `one text message, well signed: ${JSON.stringify([p.phone.taken, p.phone.refused])}`);
  const alarms = await p.alarms();
  check(alarms === 1, `${alarms} alarms`);
  return alarms;
}

// The causes go; nobody does anything else.
async function recovered(p) {
  fs.writeFileSync(p.file, p.right);
  await p.post('/sim/advance', { ms: 15 * 60000 });
  await until('nothing failed or pending', async () => { const h = await p.health(); return !h.backlog.failed && !h.backlog.dead && !h.surge.pending && !h.backlog.alarm; }, 120000);
  const late = await settled(p.shop, p.frozen, 120000);
  check(!late, `every channel is read to the end: ${late}`);
  const { data } = await p.shop.get('/v1/channels'), not = data.filter((c) => c.poll && (c.poll.now?.breaker !== 'closed' || c.failed_payloads));
  check(!not.length, `every breaker is closed: ${JSON.stringify(not).slice(0, 500)}`);
  await until('that it is over', () => p.phone.taken.length > 1, 120000);
  const over = /^积压报警（解除）：失败或死信 (\d+) 条，上限 500$/.exec(p.phone.taken[1] ?? '');
  check(over && Number(over[1]) <= LIMIT / 2, `the message says: ${p.phone.taken[1]}`);
}

// Every order of the truth and every one that was acknowledged is there, once, as it should be.
async function accounted(p, pages) {
  const truth = await ask(`${p.control}/sim/truth`), orders = await p.shop.all('/v1/orders?sort=id');
  const { missed, twice, wrong, more: unknown } = compareOrders(truth, orders.filter((o) => o.channel !== 'own-page'));
  const mine = new Map(orders.filter((o) => o.channel === 'own-page').map((o) => [o.external_id, o]));
  const sent = pages.flatMap((x) => [...x.ids]), polled = truth.channels.reduce((n, c) => n + c.orders.length, 0);
  check(!missed.length, `${missed.length} of ${polled} orders missed: ${missed.slice(0, 5)}`);
  check(!twice.length && !unknown.length, `${twice.length} twice, ${unknown.length} unknown to the truth`);
  check(!wrong.length, `${wrong.length} of another state: ${wrong.slice(0, 5).join('; ')}`);
  const lost = sent.filter((id) => !mine.has(id)).length;
  check(!lost && mine.size === sent.length, `of ${sent.length} acknowledged orders ${mine.size} are there`);
  const proof = await p.shop.get('/v1/check');
  check(proof.ok, `orderd check: ${JSON.stringify(proof).slice(0, 300)}`);
  return { polled, sent: sent.length, lost: lost + missed.length };
}

// What was answered 202 was applied, and its Location says so.
async function applied(p, later) {
  const step = Math.max(1, Math.floor(later.length / SAMPLE)), not = [];
  for (let i = 0; i < later.length; i += step) {
    const x = await p.shop.get(later[i]);
    if (x.state !== 'applied' || x.orders.length !== 1) not.push(`${later[i]} ${x.state}`);
  }
  check(later.length && !not.length, `of ${later.length} answered 202 some are not applied: ${not.slice(0, 5)}`);
}

async function surge() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-surge-')), p = new Promotion(dir);
  try {
    await p.start();
    const quiet = new Page(p.shop), page = new Page(p.shop);
    page.n = 1000;
    for (let i = 0; i < 100; i++) await quiet.one();
    check(!p.phone.taken.length && !(await p.health()).backlog.alarm, 'no alarm before the promotion');
    await sell(p, page);
    for (let i = 0; i < 100 && !page.later.length; i++) await Promise.all([page.burst(), page.burst(), page.burst()]);
    check(!page.lost.length && !quiet.lost.length, `${page.lost.length} orders of the page were not taken`);
    const { now } = await ask(`${p.control}/sim/state`);
    p.frozen = typeof now === 'number' ? now : Date.parse(now);
    await p.post('/sim/stop-changes');
    const alarms = await alarmed(p);
    await recovered(p);
    const { polled, sent, lost } = await accounted(p, [quiet, page]);
    await applied(p, page.later);
    check(p.phone.taken.length === 2 && !p.phone.refused.length && await p.alarms() === 1, `in all: ${JSON.stringify([p.phone.taken, p.phone.refused])}`);
    const p99 = page.p99();
    if (!slice) check(p99 < 800, `p99 of POST was ${p99.toFixed(0)} ms`);
    console.log(`surge: ${polled} orders polled, ${sent} posted (${JSON.stringify(page.statuses)}), POST p99 ${p99.toFixed(1)} ms (quiet ${quiet.p99().toFixed(1)}), ${p.failed} failed at most, ` +
      `${p.open.size} breakers opened, ${alarms} alarm, text messages ${JSON.stringify(p.phone.taken)}, ${lost} lost, ${((Date.now() - p.begun) / 1000).toFixed(0)} s`);
  } catch (e) {
    check(false, `${e.stack ?? e}`);
  } finally {
    await p.stop();
    if (!('keep' in args) && !sums.failed) fs.rmSync(dir, { recursive: true, force: true });
    else console.log(`  kept ${dir}`);
  }
}

await surge();
console.log(`${sums.passed} passed, ${sums.failed} failed`);
process.exit(sums.failed ? 1 : 0);
