// The surge: a promotion at ten times the daily peak. Simulated platforms sell ten times as fast, the shop's own page posts
// orders singly and in bursts, every platform fails for a while, and the connector of one cannot read what it is given.
// orderd goes on answering, 201 or 202; the backlog alarm is raised once; and when the causes are gone it recovers by
// itself: nothing is missed, nothing is there twice.
//   node test/drill/surge.mjs [--seconds S] [--seed S] [--keep] [--slice]
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Process, Shop, ask, check, compareOrders, settled, sums, words } from './lib.mjs';

const args = words(), slice = 'slice' in args;
const seconds = Number(args.seconds ?? (slice ? 10 : 60)), seed = Number(args.seed ?? 1);
const PEAK = slice ? 12 : 6; // orders a second of all platforms in the busiest hour: of 50,000 a day, two fifths in one hour
const TIMES = 10, OWN_RATE = 116, BURST = 500, BURSTS = slice ? 8 : 40;
const BROKEN = 'woocommerce';

// ---- the shop's own page: orders over HTTP, with what each was answered --------------------------------------------------
class Page {
  constructor(shop) { Object.assign(this, { shop, n: 0, ms: [], statuses: {}, ids: new Set(), lost: [] }); this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 }); }
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
        res.on('end', () => done({ status: res.statusCode, ms: performance.now() - begun, text: all }));
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
        rows.forEach((r, i) => { this.count(r.status); if (r.status < 300) this.ids.add(orders[i].external_id); else this.lost.push(orders[i].external_id); });
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

async function surge() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-surge-')), conf = path.join(dir, 'sim.conf'), begun = Date.now();
  const sim = new Process(['sim', '--listen', '127.0.0.1:0', '--platforms', `shopee,pinduoduo,${BROKEN}`, '--orders', '900', '--days', '1', '--seed', String(seed),
    '--rate', String(PEAK), '--duplicates', '0.02', '--no-limits', '--config', conf], /"control":\s*"([^"]+)"/, path.join(dir, 'sim.log'));
  const shop = new Shop(dir);
  try {
    const control = await sim.ready;
    const post = (what, body = {}) => ask(control + what, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    fs.mkdirSync(path.join(shop.data, 'connectors'), { recursive: true });
    const more = 'every = 1s\nbackoff = 50ms\nbackoff_most = 500ms\nbreaker = 500ms\nbreaker_most = 1s\nmax_rps = 0\n';
    fs.writeFileSync(path.join(shop.data, 'orderd.conf'), fs.readFileSync(conf, 'utf8').replace(/^(\[channel [^\]]+\])$/gm, `$1\n${more}`));
    // A change at the platform that the file does not know yet: its orders cannot be read.
    const file = path.join(shop.data, 'connectors', `${BROKEN}.channel`), right = fs.readFileSync(`examples/connectors/${BROKEN}.channel`, 'utf8');
    fs.writeFileSync(file, right.replace("'currency', o ->> '$.currency'", "'currency', 'points'"));
    await shop.start();
    const health = () => ask(`${shop.url}/healthz`);
    const quiet = new Page(shop);
    for (let i = 0; i < 100; i++) await quiet.one();

    // the promotion
    const page = new Page(shop);
    page.n = 1000;
    let seen = 0, alarms = 0, open = 0;
    const work = [];
    for (let s = 0; s < seconds; s++) {
      const end = Date.now() + 1000;
      work.push(post('/sim/advance', { ms: TIMES * 1000 }));
      if (s === Math.floor(seconds / 3)) await post('/sim/faults', { errors: 1 });
      if (s === Math.floor(seconds / 3) + (slice ? 3 : 10)) await post('/sim/faults', { errors: 0 });
      if (s % 2 === 1) for (let i = 0; i < BURSTS / 4; i++) work.push(page.burst());
      for (let i = 0; i < OWN_RATE; i++) {
        work.push(page.one());
        await sleep(Math.max(0, (end - Date.now()) / (OWN_RATE - i)));
      }
      const h = await health();
      alarms = Math.max(alarms, h.backlog.alarm ? 1 : 0), seen = Math.max(seen, h.backlog.failed);
      const c = (await shop.get('/v1/channels')).data;
      open = Math.max(open, c.filter((x) => x.poll?.open_until || x.poll?.breaker === 'open' || x.poll?.failures >= 5).length);
    }
    await Promise.all(work);
    check(!page.lost.length, `${page.lost.length} orders of the page were not taken`);
    const { now } = await ask(`${control}/sim/state`);
    await post('/sim/stop-changes');
    if (seen <= 500) await until('more than 500 failed', async () => (seen = (await health()).backlog.failed) > 500, 60000);
    await until('the alarm', async () => (await health()).backlog.alarm, 30000);

    // the causes go; nobody does anything else
    fs.writeFileSync(file, right);
    const frozen = typeof now === 'number' ? now : Date.parse(now);
    await post('/sim/advance', { ms: 15 * 60000 });
    await until('nothing failed or pending', async () => { const b = (await health()).backlog; return !b.failed && !b.pending && !b.alarm; }, 120000);
    const late = await settled(shop, frozen, 120000);
    check(!late, `every channel is read to the end: ${late}`);
    const truth = await ask(`${control}/sim/truth`), orders = await shop.all('/v1/orders?sort=id');
    const { missed, twice, wrong, more: unknown } = compareOrders(truth, orders.filter((o) => o.channel !== 'own-page'));
    const mine = new Map(orders.filter((o) => o.channel === 'own-page').map((o) => [o.external_id, o]));
    const sent = [...page.ids, ...quiet.ids], total = truth.channels.reduce((n, c) => n + c.orders.length, 0);
    check(!missed.length, `${missed.length} of ${total} orders missed: ${missed.slice(0, 5)}`);
    check(!twice.length && !unknown.length, `${twice.length} twice, ${unknown.length} unknown to the truth`);
    check(!wrong.length, `${wrong.length} of another state: ${wrong.slice(0, 5).join('; ')}`);
    check(sent.every((id) => mine.has(id)) && mine.size === sent.length, `of ${sent.length} acknowledged orders ${mine.size} are there`);
    const proof = await shop.get('/v1/check');
    check(proof.ok, `orderd check: ${JSON.stringify(proof).slice(0, 300)}`);
    check((page.statuses[202] ?? 0) > 0 || slice, 'some were answered 202 and applied later');
    const p99 = page.p99();
    if (!slice) check(p99 < 800, `p99 of POST was ${p99.toFixed(0)} ms`);
    console.log(`surge: ${total} orders polled, ${sent.length} posted (${JSON.stringify(page.statuses)}), POST p99 ${p99.toFixed(1)} ms (quiet ${quiet.p99().toFixed(1)}), ${seen} failed at most, breakers open ${open}, alarms ${alarms}, ${((Date.now() - begun) / 1000).toFixed(0)} s`);
  } catch (e) {
    check(false, `${e.stack ?? e}`);
  } finally {
    await shop.p?.stop('SIGKILL');
    await sim.stop('SIGKILL');
    if (!('keep' in args) && !sums.failed) fs.rmSync(dir, { recursive: true, force: true });
    else console.log(`  kept ${dir}`);
  }
}

await surge();
console.log(`${sums.passed} passed, ${sums.failed} failed`);
process.exit(sums.failed ? 1 : 0);
