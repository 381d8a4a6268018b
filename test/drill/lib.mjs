// What the drills share: a process that says when it is ready, a shop's orderd, and the comparison with the simulator's truth.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BINARY = path.resolve(process.env.ORDERD ?? './orderd');
export const sums = { passed: 0, failed: 0 };
export function check(ok, what) {
  if (ok) sums.passed++;
  else { sums.failed++; console.log(`  FAILED ${what}`); }
  return ok;
}
export const words = () => Object.fromEntries(process.argv.slice(2).join(' ').split('--').filter(Boolean).map((w) => {
  const [k, ...v] = w.trim().split(/[ =]+/);
  return [k, v.join(' ') || '1'];
}));
export function rng(seed) { // mulberry32
  let a = seed >>> 0;
  return () => { a = (a + 0x6d2b79f5) >>> 0; let t = a; t = Math.imul(t ^ (t >>> 15), t | 1); t ^= t + Math.imul(t ^ (t >>> 7), t | 61); return ((t ^ (t >>> 14)) >>> 0) / 4294967296; };
}

export class Process {
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

export async function ask(url, more = {}) {
  const r = await fetch(url, { ...more, signal: AbortSignal.timeout(20000) });
  const text = await r.text();
  if (!r.ok) throw new Error(`${url}: ${r.status} ${text.slice(0, 300)}`);
  return text ? JSON.parse(text) : null;
}

export class Shop {
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
export async function settled(shop, until, limitMs) {
  let last = '';
  for (const end = Date.now() + limitMs; Date.now() < end; await sleep(200)) {
    const { data } = await shop.get('/v1/channels');
    const late = data.filter((c) => c.poll && !(c.poll.watermark && Date.parse(c.poll.watermark) >= until && !c.poll.error));
    last = late.map((c) => `${c.name} ${c.poll.now?.phase} read until ${c.poll.watermark} ${JSON.stringify(c.poll.error)?.slice(0, 300)}`).join('\n');
    if (!late.length) return '';
  }
  return last || 'no answer';
}

export function key(channel, id) { return `${channel} ${id}`; }

export function compareOrders(truth, orders) {
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

export function compareGroups(truth, orders) {
  const want = new Set(truth.groups.map((g) => g.map(([c, id]) => key(c, id)).sort().join('|')));
  const by = new Map();
  for (const o of orders) if (o.group?.id ?? o.group) { const g = o.group?.id ?? o.group; by.set(g, [...(by.get(g) ?? []), key(o.channel, o.external_id)]); }
  const have = new Set([...by.values()].filter((m) => m.length > 1).map((m) => m.sort().join('|')));
  return { missing: [...want].filter((g) => !have.has(g)), extra: [...have].filter((g) => !want.has(g)), want: want.size };
}
