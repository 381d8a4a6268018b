// The drill: orderd polls simulated platforms over HTTP while everything goes wrong that the simulator knows, is killed
// every few seconds, and is off for three days of the platforms' time. Afterwards nothing is missed, nothing is there
// twice, every status is the platform's and the groups are those of the truth.
//   node test/drill/drill.mjs [--orders N] [--seed S] [--seeds K] [--kills K] [--platforms a,b] [--keep] [--slice]
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BINARY = path.resolve(process.env.ORDERD ?? './orderd');
const args = Object.fromEntries(process.argv.slice(2).join(' ').split('--').filter(Boolean).map((w) => {
  const [k, ...v] = w.trim().split(/[ =]+/);
  return [k, v.join(' ') || '1'];
}));
const slice = 'slice' in args;
const options = {
  orders: Number(args.orders ?? (slice ? 2000 : 37000)), seed: Number(args.seed ?? 1), seeds: Number(args.seeds ?? 1),
  kills: Number(args.kills ?? (slice ? 4 : 12)), off: slice ? 1 : 3,
  platforms: args.platforms ?? 'shopee,lazada,taobao,douyin,pinduoduo,shopify',
};
const DAY = 86400000;
let passed = 0, failed = 0;
function check(ok, what) {
  if (ok) passed++;
  else { failed++; console.log(`  FAILED ${what}`); }
  return ok;
}
function rng(seed) { // mulberry32
  let a = seed >>> 0;
  return () => { a = (a + 0x6d2b79f5) >>> 0; let t = a; t = Math.imul(t ^ (t >>> 15), t | 1); t ^= t + Math.imul(t ^ (t >>> 7), t | 61); return ((t ^ (t >>> 14)) >>> 0) / 4294967296; };
}

class Process {
  constructor(words, ready, log) {
    this.child = spawn(BINARY, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.text = '';
    this.over = new Promise((done) => this.child.on('exit', (code, signal) => { this.gone = true; done({ code, signal }); }));
    this.ready = new Promise((done, fail) => {
      const look = (d) => { this.text = (this.text + d).slice(-200000); if (log) fs.appendFileSync(log, d); const m = ready.exec(this.text); if (m) done(m[1]); };
      this.child.stdout.on('data', look);
      this.child.stderr.on('data', look);
      this.over.then(() => fail(new Error(`${words.join(' ')} ended: ${this.text.slice(-2000)}`)));
    });
    this.ready.catch(() => {});
  }
  async stop(signal = 'SIGTERM') { this.child.kill(signal); return this.over; }
}

async function ask(url, more = {}) {
  const r = await fetch(url, { ...more, signal: AbortSignal.timeout(20000) });
  const text = await r.text();
  if (!r.ok) throw new Error(`${url}: ${r.status} ${text.slice(0, 300)}`);
  return text ? JSON.parse(text) : null;
}

class Shop {
  constructor(dir) { this.dir = dir; this.data = path.join(dir, 'data'); this.log = path.join(dir, 'orderd.log'); }
  async start() {
    this.p = new Process(['--data', this.data, 'serve', '--listen', '127.0.0.1:0'], /listening (\S+)/, this.log);
    this.url = await this.p.ready;
    for (let i = 0; !fs.existsSync(path.join(this.data, 'admin.token')) && i < 100; i++) await sleep(20);
    this.token = fs.readFileSync(path.join(this.data, 'admin.token'), 'utf8').trim();
    this.starts = (this.starts ?? 0) + 1;
  }
  get(what) { return ask(this.url + what, { headers: { authorization: `Bearer ${this.token}` } }); }
  async all(what) {
    const rows = [];
    for (let cursor = ''; ;) {
      const page = await this.get(`${what}${what.includes('?') ? '&' : '?'}limit=500${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      rows.push(...page.data);
      if (!page.next) return rows;
      cursor = page.next;
    }
  }
}

// Every channel read up to that time of the platforms' clock, by a good run, with nothing under way.
async function settled(shop, until, limitMs) {
  let last = '';
  for (const end = Date.now() + limitMs; Date.now() < end; await sleep(200)) {
    const { data } = await shop.get('/v1/channels');
    const late = data.filter((c) => c.poll && !(c.poll.watermark && Date.parse(c.poll.watermark) >= until && !c.poll.error));
    last = late.map((c) => `${c.name} ${c.poll.now?.phase} read until ${c.poll.watermark} ${JSON.stringify(c.poll.error)?.slice(0, 300)}`).join('\n');
    if (!late.length) return '';
  }
  return last || 'no answer';
}

function key(channel, id) { return `${channel} ${id}`; }

function compareOrders(truth, orders) {
  const have = new Map(), twice = [];
  for (const o of orders) {
    const k = key(o.channel, o.external_id);
    if (have.has(k)) twice.push(k);
    have.set(k, o);
  }
  const missed = [], wrong = [], more = new Set(have.keys());
  for (const c of truth.channels)
    for (const o of c.orders) {
      const k = key(c.name, o.external_id), mine = have.get(k);
      more.delete(k);
      if (!mine) missed.push(k);
      else if (mine.channel_status !== o.status || Number(mine.total.amount) !== Number(o.total)) wrong.push(`${k}: ${mine.channel_status} ${mine.total.amount}, truth ${o.status} ${o.total}`);
    }
  return { missed, twice, wrong, more: [...more] };
}

function compareGroups(truth, orders) {
  const want = new Set(truth.groups.map((g) => g.map(([c, id]) => key(c, id)).sort().join('|')));
  const by = new Map();
  for (const o of orders) if (o.group?.id ?? o.group) { const g = o.group?.id ?? o.group; by.set(g, [...(by.get(g) ?? []), key(o.channel, o.external_id)]); }
  const have = new Set([...by.values()].filter((m) => m.length > 1).map((m) => m.sort().join('|')));
  return { missing: [...want].filter((g) => !have.has(g)), extra: [...have].filter((g) => !want.has(g)), want: want.size };
}

async function drill(seed) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-drill-')), random = rng(seed), begun = Date.now();
  const conf = path.join(dir, 'sim.conf');
  const sim = new Process(['sim', '--listen', '127.0.0.1:0', '--platforms', options.platforms, '--orders', String(options.orders), '--days', '2', '--seed', String(seed),
    '--rate', slice ? '0.01' : '0.05', '--changes', slice ? '0.02' : '0.05', '--duplicates', '0.05', '--reorder', '0.05', '--late-cancel', '0.01', '--timeouts', '0.02', '--errors', '0.01', '--html', '0.002',
    '--truncated', '0.002', '--same-page', '0.002', '--rate-limit', '0.002', '--token-life', '45s', '--no-limits', '--config', conf], /"control":\s*"([^"]+)"/, path.join(dir, 'sim.log'));
  const shop = new Shop(dir);
  try {
    const control = await sim.ready;
    const post = (what, body = {}) => ask(control + what, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    fs.mkdirSync(shop.data);
    const more = 'every = 1s\nbackoff = 50ms\nbackoff_most = 500ms\nbreaker = 300ms\nbreaker_most = 1s\ntimeout = 1s\nmax_rps = 0\nsweep = 1h\n';
    fs.writeFileSync(path.join(shop.data, 'orderd.conf'), fs.readFileSync(conf, 'utf8').replace(/^(\[channel [^\]]+\])$/gm, `$1\n${more}`));
    const kill = async (times) => {
      for (let i = 0; i < times; i++) {
        await shop.start();
        await sleep((slice ? 500 : 1500) + random() * (slice ? 1500 : 3500));
        await shop.p.stop('SIGKILL');
      }
    };
    await kill(options.kills >> 1);
    for (let d = 0; d < options.off; d++) await post('/sim/advance', { ms: DAY });
    await kill(options.kills - (options.kills >> 1));
    await post('/sim/stop-changes');
    await post('/sim/faults', slice ? {} : { timeouts: 0.005 });
    const { now } = await ask(`${control}/sim/state`);
    const frozen = typeof now === 'number' ? now : Date.parse(now);
    await post('/sim/advance', { ms: 15 * 60000 });
    await shop.start();
    const late = await settled(shop, frozen, slice ? 60000 : 300000);
    check(!late, `seed ${seed}: every channel is read to the end: ${late}`);
    const truth = await ask(`${control}/sim/truth`), orders = await shop.all('/v1/orders?sort=id');
    if ('keep' in args) fs.writeFileSync(path.join(dir, 'truth.json'), JSON.stringify(truth));
    const { missed, twice, wrong, more: unknown } = compareOrders(truth, orders), groups = compareGroups(truth, orders);
    const total = truth.channels.reduce((n, c) => n + c.orders.length, 0);
    check(!missed.length, `seed ${seed}: ${missed.length} of ${total} orders missed: ${missed.slice(0, 5)}`);
    check(!twice.length && !unknown.length, `seed ${seed}: ${twice.length} twice, ${unknown.length} unknown to the truth: ${[...twice, ...unknown].slice(0, 5)}`);
    check(!wrong.length, `seed ${seed}: ${wrong.length} of another state: ${wrong.slice(0, 5).join('; ')}`);
    check(!groups.missing.length, `seed ${seed}: ${groups.missing.length} of ${groups.want} groups missing: ${groups.missing.slice(0, 3)}`);
    check(!groups.extra.length, `seed ${seed}: ${groups.extra.length} groups that the truth has not: ${groups.extra.slice(0, 3)}`);
    const misses = (await shop.get('/v1/channels')).data.reduce((n, c) => n + (c.poll?.misses ?? 0), 0);
    check(misses === 0, `seed ${seed}: sweeps found ${misses} misses`);
    const { shops } = await ask(`${control}/sim/state`);
    for (const s of shops) {
      check(s.bad_signatures === 0, `seed ${seed}: ${s.name} met ${s.bad_signatures} wrong signatures`);
      const merges = Object.entries(s.calls).filter(([call]) => /merge/.test(call)).reduce((n, [, k]) => n + k, 0);
      if (['taobao', 'douyin', 'pinduoduo'].includes(s.platform)) check(merges > 0, `seed ${seed}: ${s.name} was never asked who belongs together`);
    }
    const proof = await shop.get('/v1/check');
    check(proof.ok, `seed ${seed}: orderd check: ${JSON.stringify(proof).slice(0, 300)}`);
    console.log(`seed ${seed}: ${total} orders, ${groups.want} groups, ${shop.starts} starts, ${missed.length} missed, ${twice.length} twice, ${((Date.now() - begun) / 1000).toFixed(0)} s`);
  } catch (e) {
    check(false, `seed ${seed}: ${e.stack ?? e}`);
  } finally {
    await shop.p?.stop('SIGKILL');
    await sim.stop('SIGKILL');
    if (!('keep' in args) && !failed) fs.rmSync(dir, { recursive: true, force: true });
    else console.log(`  kept ${dir}`);
  }
}

for (let i = 0; i < options.seeds; i++) await drill(options.seed + i);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
