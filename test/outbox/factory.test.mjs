// A factory from end to end: orderd tells the simulated one by mes.factory, and hears of it by callbacks that pass through a
// relay here, which sees them, and keeps its address when orderd is killed.
import { spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { BINARY, SANITIZED, Server, check, fail, order, same, skip, sleep, test } from '../http_api/lib.mjs';

const sign = (secret, time, body) => `v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`;
const now = () => Math.floor(Date.now() / 1000);

class Relay {
  constructor() { Object.assign(this, { seen: [], asked: [], held: false, to: null, hosts: {}, answer: null }); }
  async start() {
    this.server = http.createServer((req, res) => {
      const parts = [];
      req.on('data', (d) => parts.push(d));
      req.on('end', async () => {
        const c = { path: req.url, headers: { 'mes-time': req.headers['mes-time'], 'mes-signature': req.headers['mes-signature'] }, body: Buffer.concat(parts).toString() };
        if (c.path.startsWith('/f/')) { this.forth(c, res).catch(() => res.destroy()); return; }
        this.seen.push(c);
        const a = this.held || !this.to ? { status: 503, text: '' } : await this.pass(c).catch(() => ({ status: 502, text: '' }));
        res.writeHead(a.status, { 'content-type': 'application/json' }).end(a.text);
      });
      req.on('error', () => {}), res.on('error', () => {});
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }
  // orderd's calls go to the factory; a test may answer in its place, or change what it answers
  async forth(c, res) {
    const [, , name, ...rest] = c.path.split('/'), asked = JSON.parse(c.body);
    this.asked.push(asked);
    let a = this.answer?.(asked);
    if (!a) {
      const r = await fetch(`${this.hosts[name]}/${rest.join('/')}`, { method: 'POST', headers: c.headers, body: c.body });
      a = { status: r.status, text: await r.text() };
    }
    res.writeHead(a.status, { 'content-type': a.type ?? 'application/json' }).end(a.text ?? JSON.stringify(a.json));
  }
  pass(c) { return this.to.raw('POST', c.path, { token: null, headers: c.headers, body: c.body }); }
  stop() { this.server.closeAllConnections(); this.server.close(); }
}

// orderd, the simulator with its factories, and the relay between them
class Plant extends Server {
  static async open(words = '', names = 'F1', timeout = '1s') {
    const relay = await new Relay().start();
    const s = new Plant({ conf: '#\n' });
    Object.assign(s, { relay, names: names.split(',') });
    s.sim = spawn(BINARY, ['sim', '--listen', '127.0.0.1:0', '--platforms', 'shopify', '--orders', '0', '--factories', names, '--push', relay.url,
      '--config', s.file('sim.conf'), ...words.split(' ').filter(Boolean)], { stdio: ['ignore', 'pipe', 'pipe'] });
    s.simLog = '';
    s.sim.stderr.on('data', (d) => { s.simLog += d; });
    const [line] = await once(s.sim.stdout, 'data');
    s.control = JSON.parse(String(line).split('\n')[0]).control;
    const conf = fs.readFileSync(s.file('sim.conf'), 'utf8');
    s.secret = Object.fromEntries([...conf.matchAll(/\[factory (\S+)\][^[]*?secret = (\S+)/g)].map((m) => [m[1], m[2]]));
    relay.hosts = Object.fromEntries([...conf.matchAll(/\[factory (\S+)\][^[]*?host = (\S+)/g)].map((m) => [m[1], m[2]]));
    const factories = conf.slice(conf.indexOf('\n[factory')).replace(/(\[factory (\S+)\][^[]*?host = )\S+/g, `$1${relay.url}/f/$2`);
    fs.writeFileSync(s.file('orderd.conf'), factories.replaceAll('connector = mes', `connector = mes\ntimeout = ${timeout}\nmax_rps = 1000`) +
      `\n[outbox]\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\nbreaker_most = 200ms\n`);
    await s.start();
    relay.to = s;
    await s.want(201, 'POST', '/v1/skus', { body: { code: 'SOFA', title: 'Sofa', made: true } });
    return s;
  }
  async factory(code = 'F1') { await this.want(201, 'POST', '/v1/warehouses', { body: { code, kind: 'factory' } }); }
  async close() {
    const how = await this.stop(), whole = spawnSync(BINARY, ['--data', this.dir, 'check'], { encoding: 'utf8', timeout: 60000 });
    check(whole.status === 0, `check: ${whole.stdout}${whole.stderr}`);
    fs.rmSync(this.dir, { recursive: true, force: true });
    this.relay.stop();
    this.sim.kill('SIGTERM');
    await once(this.sim, 'exit');
    if (/AddressSanitizer|runtime error|LeakSanitizer|this must hold/.test(this.simLog)) fail(this.simLog.slice(-2000));
    return how;
  }
  async control_(method, path, body) { return (await fetch(`${this.control}/sim/${path}`, { method, body: body && JSON.stringify(body) })).json(); }
  advance(ms) { return this.control_('POST', 'advance', { ms }); }
  faults(f) { return this.control_('POST', 'faults', f); }
  async there(name = 'F1') { return (await this.control_('GET', 'factories')).find((f) => f.name === name); }
  // An order of so many sofas that goes to production; the id of its work order.
  async made(quantity = 1, more = {}) {
    const o = order({ status: 'paid', total: '10.00', lines: [{ line_id: '1', sku: 'SOFA', title: 'Sofa, walnut', quantity, price: '10.00' }], ...more });
    const id = (await this.want(201, 'POST', '/v1/orders', { body: o })).json.id;
    for (const to of ['split', 'producing'])
      if (!['split', 'producing'].slice(to === 'split' ? 0 : 1).includes((await this.get(`/v1/orders/${id}`)).json.status)) await this.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to } });
    const works = (await this.get(`/v1/orders/${id}`)).json.fulfilments[0].work_orders;
    return { order: id, work: works[0].id };
  }
  async work(id) { return (await this.get(`/v1/work-orders/${id}`)).json; }
  is(id, ...states) { return this.until(`${id} is ${states}`, async () => states.includes((await this.work(id)).state), 30000); }
  async exceptions(order) { return (await this.get(`/v1/orders/${order}`)).json.exceptions.map((x) => x.type).sort(); }
  says(news, { name = 'F1', secret = this.secret[name], time = now(), id = `t-${Math.random()}`, to = name } = {}) {
    const body = JSON.stringify({ id, ...news });
    return this.raw('POST', `/v1/hooks/mes/${to}`, { token: null, body, headers: { 'mes-time': String(time), 'mes-signature': sign(secret, time, body) } });
  }
}

test('made with everything that goes wrong on the way: each once, and all of them inspected', async () => {
  const s = await Plant.open('--reorder 50% --duplicates 50% --errors 20% --timeouts 10% --make-time 1h --seed 3');
  await s.factory();
  const all = [];
  for (let i = 0; i < 5; i++) all.push(await s.made(1 + i % 3, { remarks: { buyer: '左扶手 1200 x 900, call 13800000000 or 138 0000 0000', seller: '0571-88888888', flag: '' } }));
  for (const m of all) await s.is(m.work, 'sent', 'accepted', 'started', 'finished', 'passed');
  for (let i = 0; i < 8; i++) { await s.advance(600000); await sleep(30); }
  for (const m of all) await s.is(m.work, 'passed');
  for (const m of all) await s.until('inspected', async () => (await s.get(`/v1/orders/${m.order}`)).json.status === 'inspected');
  const f = await s.there();
  same(f.work_orders.map((w) => w.work_order).sort(), all.map((m) => m.work).sort(), 'each was made once');
  same([f.different, f.bad_signatures], [0, 0], 'the same bytes, well signed');
  for (const w of f.work_orders) {
    const of = JSON.parse(w.body), here = await s.work(w.work_order);
    same([of.do, of.quantity, of.bill, here.seq, here.steps], ['make', here.quantity, [{ sku: 'SOFA', title: 'Sofa', quantity: here.quantity }], w.seq, w.steps], 'what it was told, and said');
    same(of.notes, ['左扶手 1200 x 900, call 138******** or 138**********', '057**********'], 'notes, without telephones');
    check(!/张三|139\d{8}|文三路/.test(w.body), 'nothing of who gets it');
  }
  same((await s.get('/v1/callbacks?state=failed')).json.data, [], 'no callback failed');
  const o = (await s.get(`/v1/orders/${all[0].order}`)).json.fulfilments[0].work_orders[0];
  check(o.expected_at && o.steps >= 3 && o.step === o.steps, 'the order shows how far it is, and its date');
  await s.close();
});

test('quality control fails: an exception, and it is made again, sooner', async () => {
  const s = await Plant.open('--make-time 10m');
  await s.factory();
  const m = await s.made(2);
  await s.is(m.work, 'accepted');
  await s.control_('POST', 'factories', { factory: 'F1', work_order: m.work, qc: 'failed' });
  await s.advance(700000);
  await s.is(m.work, 'failed');
  const again = await s.until('a rework order', async () => (await s.get(`/v1/orders/${m.order}`)).json.fulfilments[0].work_orders.find((w) => w.rework_of === m.work));
  const rework = (await s.get(`/v1/orders/${m.order}`)).json.fulfilments[0].work_orders.find((w) => w.rework_of === m.work);
  check(again && rework.priority === 1 && rework.quantity === 2, JSON.stringify(rework));
  same(await s.exceptions(m.order), ['qc_failed'], 'a person knows');
  await s.is(rework.id, 'accepted');
  same(JSON.parse((await s.there()).work_orders[1].body).rework_of, m.work, 'the factory knows what failed');
  await s.advance(700000);
  await s.is(rework.id, 'passed');
  await s.until('inspected', async () => (await s.get(`/v1/orders/${m.order}`)).json.status === 'inspected');
  same(await s.exceptions(m.order), [], 'settled');
  await s.close();
});

test('cancelled: before the start at once, after it as the factory says', async () => {
  const s = await Plant.open('--make-time 1h');
  await s.factory();
  const [early, yes, no] = [await s.made(), await s.made(), await s.made()];
  for (const m of [early, yes, no]) await s.is(m.work, 'accepted');
  await s.want(200, 'POST', `/v1/work-orders/${early.work}/cancel`, { body: { reason: 'a slip' } });
  await s.is(early.work, 'cancelled');
  await s.advance(15 * 60000);
  for (const m of [yes, no]) await s.is(m.work, 'started');
  same((await s.call('POST', `/v1/orders/${yes.order}/cancel`, { body: { reason: 'second thoughts' } })).status, 409, 'begun: not without its factory');
  await s.control_('POST', 'factories', { factory: 'F1', work_order: no.work, cancel: 'no' });
  for (const m of [yes, no]) same((await s.want(200, 'POST', `/v1/work-orders/${m.work}/cancel`, { body: { reason: 'the customer asks, 13800000000' } })).json.cancel, 'asked');
  await s.until('the factory knows', async () => (await s.there()).work_orders.every((w) => w.work_order === early.work || w.cancel === 'asked'));
  for (const m of [yes, no]) same([(await s.work(m.work)).state, await s.exceptions(m.order)], ['started', ['cancel_after_start']], 'it waits for consent');
  await s.advance(7 * 60000);
  await s.is(yes.work, 'cancelled');
  await s.until('refused', async () => (await s.work(no.work)).cancel === 'refused');
  same(await s.exceptions(yes.order), [], 'settled');
  same(await s.exceptions(no.order), ['cancel_after_start'], 'a person takes the pieces');
  same((await s.want(200, 'POST', `/v1/work-orders/${no.work}/cancel`, { body: { reason: 'asked once more' } })).json.cancel, 'asked');
  await s.until('refused again', async () => (await s.work(no.work)).cancel === 'refused');
  same((await s.want(200, 'POST', `/v1/orders/${yes.order}/cancel`, { body: { reason: 'second thoughts' } })).json.status, 'cancelled');
  await s.advance(3600000);
  await s.is(no.work, 'passed');
  same((await s.work(yes.work)).state, 'cancelled');
  await s.close();
});

test('callbacks: forged, replayed, of another factory, in any order', async () => {
  const s = await Plant.open('--make-time 1h', 'F1,F2');
  await s.factory();
  const m = await s.made();
  await s.is(m.work, 'accepted');
  await s.advance(14 * 60000);
  await s.is(m.work, 'started');
  const kept = async () => (await s.get('/v1/callbacks?limit=200')).json.data.length;
  const genuine = s.relay.seen.at(-1), had = await kept(), before = (await s.work(m.work)).version;
  same([(await s.relay.pass(genuine)).status, (await s.relay.pass(genuine)).status], [200, 200], 'a replay is answered alike');
  const scrapped = { work_order: m.work, seq: 99, state: 'scrapped' };
  const forged = [
    await s.relay.pass({ ...genuine, body: genuine.body.replace('"started"', '"scrapped"') }),
    await s.relay.pass({ ...genuine, headers: { ...genuine.headers, 'mes-time': String(now() + 1) } }),
    await s.relay.pass({ ...genuine, path: '/v1/hooks/mes/F2' }),
    await s.says(scrapped, { secret: 'another' }),
    await s.says(scrapped, { secret: '' }),
    await s.says(scrapped, { time: now() - 3600 }),
    await s.says(scrapped, { time: now() + 3600 }),
    await s.says(scrapped, { name: 'F1', to: 'F2' }),
    await s.raw('POST', '/v1/hooks/mes/F1', { token: null, body: JSON.stringify(scrapped) }),
    await s.raw('POST', '/v1/hooks/mes/F1', { token: null, body: JSON.stringify(scrapped), headers: { 'mes-time': 'now', 'mes-signature': sign(s.secret.F1, 'now', JSON.stringify(scrapped)) } }),
  ];
  same(forged.map((a) => a.status), forged.map(() => 401), 'forged, too old, or unsigned');
  same([await kept(), (await s.work(m.work)).version], [had, before], 'nothing was kept or changed');
  same((await s.says(scrapped, { name: 'F2' })).status, 200, 'well signed, by another factory');
  same([(await s.work(m.work)).state, (await s.get('/v1/callbacks?state=failed')).json.data[0].error.errors[0].problem.code], ['started', 'not_its_work_order']);
  const o = { seq: 100, work_order: m.work };
  for (const wrong of [{ ...o, state: 'sent' }, { ...o, state: 'started', step: 5, steps: 3 }, { ...o, state: { a: 1 } }, { ...o, seq: -1, state: 'passed' }, { ...o, seq: 1e18, state: 'passed' }, { ...o, work_order: 'w_0', state: 'passed' }, { ...o, note: 'x'.repeat(501), state: 'passed' }, {}])
    same([(await s.says(wrong)).status, (await s.work(m.work)).state], [200, 'started'], JSON.stringify(wrong).slice(0, 80));
  await s.close();
});

// What a factory says of one work order, in an order of its own each time, some of it twice.
test('six events in many orders: the highest sequence counts', async () => {
  const s = await Plant.open('--make-time 400d');
  await s.factory();
  const news = [{ seq: 2, state: 'started', step: 1, steps: 3, expected_at: '2026-08-01T12:00:00+08:00' }, { seq: 3, state: 'started', step: 2, steps: 3 }, { seq: 4, state: 'started', step: 3, steps: 3, expected_at: '2026-08-02T12:00:00+08:00' },
    { seq: 5, state: 'finished', step: 3, steps: 3 }, { seq: 6, state: 'failed', note: 'a scratch' }, { seq: 7, state: 'passed', note: 'polished' }];
  let turn = 7;
  for (let round = 0; round < (SANITIZED ? 6 : 10); round++) {
    const m = await s.made();
    await s.is(m.work, 'accepted');
    const list = news.map((n, i) => [(turn = turn * 1103515245 + 12345 >>> 0), i]).sort((a, b) => a[0] - b[0]).map(([, i]) => i);
    for (const i of [...list, list[0], list[3]]) same((await s.says({ work_order: m.work, ...news[i] })).status, 200, 'taken');
    const w = await s.work(m.work);
    same([w.state, w.seq, w.note, w.expected_at], ['passed', 7, 'polished', '2026-08-02T04:00:00.000Z'], `in the order ${list}`);
    same(w.events.map((e) => e.seq).sort(), [1, 2, 3, 4, 5, 6, 7], 'each is kept once');
    await s.until('inspected', async () => (await s.get(`/v1/orders/${m.order}`)).json.status === 'inspected');
    same((await s.get(`/v1/orders/${m.order}`)).json.exceptions, [], 'nothing is left of what failed on the way');
  }
  await s.close();
});

test('what always fails is not made for ever', async () => {
  const s = await Plant.open('--make-time 400d');
  await s.factory();
  const m = await s.made();
  await s.is(m.work, 'accepted');
  for (let last = m.work, times = 1; ; times++) {
    same((await s.says({ work_order: last, seq: 9, state: 'failed' })).status, 200);
    const works = (await s.get(`/v1/orders/${m.order}`)).json.fulfilments[0].work_orders;
    if (works.at(-1).id === last || times > 60) { same([times, works.length], [50, 50], 'so often'); break; }
    last = works.at(-1).id;
  }
  const x = (await s.get(`/v1/exceptions?order=${m.order}`)).json.data;
  same(x.map((e) => e.type), ['qc_failed']);
  await s.want(200, 'POST', `/v1/orders/${m.order}/cancel`, { body: { reason: 'it cannot be made' } });
  await s.close();
});

test('kill -9 between the call and its answer: asked, and made once', async () => {
  const s = await Plant.open('--make-time 1h --timeouts 1');
  await s.factory();
  const m = await s.made();
  await s.until('it has it', async () => (await s.there()).work_orders.length === 1, 20000);
  await s.stop('SIGKILL');
  await s.faults({ timeouts: 0 });
  await s.start();
  await s.is(m.work, 'accepted');
  const f = await s.there();
  same([f.work_orders.length, f.repeated, f.different], [1, 0, 0], 'it was asked, not told again');
  await s.stop('SIGKILL'); // callbacks meanwhile wait at the factory
  await s.advance(2 * 3600000);
  await sleep(200);
  await s.start();
  await s.is(m.work, 'passed');
  await s.close();
});

test('held before it was told: told when it is released; fewer pieces: ordered anew', async () => {
  const s = await Plant.open('--make-time 1h --timeouts 1', 'F1', '2s');
  await s.factory();
  const first = [];
  for (let i = 0; i < 4; i++) first.push((await s.made()).work); // four calls at once are all that it gets
  const m = await s.made(3);
  await s.want(200, 'POST', `/v1/orders/${m.order}/hold`, { body: { reason: 'a doubt' } });
  const early = (await s.there()).work_orders.some((w) => w.work_order === m.work); // a machine so slow that it went out before the hold
  if (early) skip('the hold came too late');
  await s.faults({ timeouts: 0 });
  for (const w of first) await s.is(w, 'accepted');
  if (!early) await s.until('it was looked at', async () => (await s.get('/v1/effects?destination=factory%3AF1')).json.data.find((e) => e.subject === m.work)?.state === 'dropped');
  if (!early) same([(await s.there()).work_orders.map((w) => w.work_order).sort(), (await s.work(m.work)).state], [first.sort(), 'wanted'], 'what is held is not begun');
  await s.want(200, 'POST', `/v1/orders/${m.order}/release`, { body: {} });
  await s.is(m.work, 'accepted');
  const o = (await s.get(`/v1/orders/${m.order}`)).json;
  await s.want(200, 'POST', '/v1/orders', { body: order({ external_id: o.external_id, updated_at: '2027-01-01T00:00:00+08:00', status: 'paid', total: '20.00', lines: [{ line_id: '1', sku: 'SOFA', title: 'Sofa, walnut', quantity: 2, price: '10.00' }], receiver: undefined }) });
  await s.is(m.work, 'cancelled');
  const again = (await s.get(`/v1/orders/${m.order}`)).json.fulfilments[0].work_orders[1];
  await s.is(again.id, 'accepted');
  same((await s.work(again.id)).quantity, 2);
  same((await s.there()).work_orders.slice(4).map((w) => [w.quantity, w.state]), [[3, 'cancelled'], [2, 'accepted']], 'the factory makes two');
  await s.close();
});

test('kill -9 at any time: no work order is lost, none is made twice', async () => {
  const s = await Plant.open('--make-time 1h --reorder 30% --duplicates 30%');
  await s.factory();
  const all = [];
  let turn = 99;
  for (let round = 0; round < 5 || (all.length < 5 && round < 50); round++) { /* on a slow machine little happens in one */
    const orders = (async () => { for (let i = 0; i < 5; i++) all.push(await s.made(1 + i % 2)); })().catch(() => {});
    const until = s.relay.seen.length + (turn = turn * 1103515245 + 12345 >>> 0) % 12, end = Date.now() + 150 + turn % 200;
    while (s.relay.seen.length < until && Date.now() < end) { await s.advance(300000); await sleep(5); }
    s.relay.to = null;
    await s.stop('SIGKILL');
    await orders;
    await s.start();
    s.relay.to = s;
  }
  await s.advance(4 * 3600000);
  const works = async () => (await s.get('/v1/work-orders?limit=200')).json.data;
  check(all.length > 4, `${all.length} orders`);
  await s.until('all are passed', async () => { await s.advance(3600000); return (await works()).every((w) => w.state === 'passed'); }, 60000);
  const f = await s.there(), here = await works();
  same(f.work_orders.map((w) => [w.work_order, w.quantity]).sort(), here.map((w) => [w.id, w.quantity]).sort(), 'the same here and there');
  same(new Set(here.map((w) => w.order)).size, here.length, 'one per order');
  same([f.different, f.bad_signatures], [0, 0], 'the same bytes at every try');
  same((await s.get('/v1/callbacks?state=failed')).json.data, [], 'no callback failed');
  await s.close();
});

test('answers that are odd: none makes a work order what it is not', async () => {
  const s = await Plant.open('--make-time 400d');
  await s.factory();
  const asked = (id, what) => s.relay.asked.filter((a) => a.work_order === id && a.do === what).length;
  // of make: what is not about it is not believed, and asked about
  const odd = [{ status: 200, text: '<html>log in</html>', type: 'text/html' }, { status: 200, json: { ok: true } }, { status: 200, json: { work_order: 'w_77', seq: 1, state: 'accepted' } }, { status: 200, text: '' }, { status: 302, text: '' },
    { status: 404, text: 'no such page', type: 'text/plain' }, { status: 200, json: [] }, { status: 200, text: '{"work_order":' }];
  const given = new Map(), first = (list) => (k) => {
    if (k.do !== 'make' || given.has(k.work_order)) return null;
    given.set(k.work_order, list[given.size]);
    return given.get(k.work_order);
  };
  s.relay.answer = first(odd);
  for (const _ of odd) await s.made();
  await s.until('all were told', () => given.size === odd.length);
  for (const [id, a] of given) {
    await s.is(id, 'accepted', 'refused');
    same([(await s.work(id)).state, asked(id, 'make'), asked(id, 'ask')], a.status === 404 || a.status === 302 ? ['refused', 1, 0] : ['accepted', 2, 1], `make: ${JSON.stringify(a)}`);
  }
  // what it says of itself counts by its number
  const table = [
    [{ seq: 5, state: 'started', step: 1, steps: 2 }, ['started', 5]], [{ state: 'passed' }, ['sent', 0]], [{ seq: 'x', state: 'passed' }, ['sent', 0]], [{ seq: 3, state: 'wanted' }, ['sent', 0]],
    [{ seq: 2, state: 'refused', note: 'no wood' }, ['refused', 2]], [{ seq: 4294967296, state: 'passed' }, ['sent', 0]], [{ seq: 3, state: 'passed', step: 9, steps: 1 }, ['passed', 3]],
  ];
  given.clear();
  s.relay.answer = (k) => { const a = first(table)(k); return a && { status: 200, json: { work_order: k.work_order, ...a[0] } }; };
  for (const _ of table) await s.made();
  await s.until('all were told', () => given.size === table.length);
  for (const [id, [says, want]] of given) {
    await s.until('told', async () => (await s.work(id)).state !== 'wanted');
    const w = await s.work(id);
    same([w.state, w.seq], want, JSON.stringify(says));
  }
  // of cancel, once it has begun
  const cancels = [
    [{ json: { seq: 9, state: 'cancelled' } }, ['cancelled', 'asked']], [{ json: {} }, ['cancelled', 'asked']], [{ json: { state: 'cancelled' } }, ['cancelled', 'asked']], [{ json: { cancel: 'refused' } }, ['started', 'refused']],
    [{ json: { cancel: 'asked' } }, ['started', 'asked']], [{ json: { seq: 9, state: 'finished' } }, ['finished', 'asked']], [{ json: { state: 'finished' } }, ['started', 'asked']], [{ json: { seq: 1, state: 'cancelled' } }, ['started', 'asked']],
    [{ status: 422, json: { code: 'never' } }, ['started', 'refused']], [{ status: 404, json: { code: 'unknown_work_order' } }, ['cancelled', 'asked']], [{ status: 404, json: { error: 'no route' } }, ['started', 'refused']],
    [{ json: { work_order: 'w_77', state: 'cancelled' }, again: true }, ['started', 'asked']], [{ text: '<html>', type: 'text/html', again: true }, ['started', 'asked']],
  ];
  s.relay.answer = null;
  const to = new Map();
  for (const [says, want] of cancels) {
    const m = await s.made();
    await s.is(m.work, 'accepted');
    await s.says({ work_order: m.work, seq: 8, state: 'started', step: 1, steps: 2 });
    to.set(m.work, { says, want });
  }
  s.relay.answer = (k) => {
    const says = k.do === 'cancel' ? to.get(k.work_order)?.says : null;
    return says && { status: 200, ...says, json: says.json && { work_order: k.work_order, ...says.json } };
  };
  const settled = async (id) => (await s.get('/v1/effects?limit=200')).json.data.some((e) => e.kind === 'work_cancel' && e.subject === id && ['done', 'dead'].includes(e.state));
  for (const id of to.keys()) await s.want(200, 'POST', `/v1/work-orders/${id}/cancel`, { body: { reason: 'second thoughts' } });
  for (const [id, { says, want }] of to) {
    await s.until('answered', async () => says.again ? asked(id, 'cancel') > 1 : settled(id));
    const w = await s.work(id);
    same([w.state, w.cancel], want, `cancel: ${JSON.stringify(says)}`);
  }
  s.relay.answer = null;
  for (const id of to.keys()) await s.until('in the end', () => settled(id));
  await s.close();
});

test('well signed nonsense changes nothing that it may not', async () => {
  const s = await Plant.open('--make-time 400d');
  await s.factory();
  const m = await s.made();
  await s.is(m.work, 'accepted');
  let turn = 4711;
  const pick = (list) => list[(turn = turn * 1103515245 + 12345 >>> 0) % list.length];
  const odd = [null, true, -1, 0, 1, 1.5, 2147483647, 2147483648, 9007199254740993, '', 'x', '\u0000', '0', m.work, 'w_99', 'W_1', 'started', 'wanted', [], {}, [1], { a: 1 }, 'x'.repeat(600), '2026-02-30T00:00:00Z', '2026-08-01T12:00:00+08:00'];
  for (let i = 0; i < 200; i++) {
    const one = () => ({ work_order: pick([m.work, m.work, pick(odd)]), ...Object.fromEntries(['seq', 'state', 'step', 'steps', 'expected_at', 'cancel', 'note', 'quantity'].filter(() => pick([0, 1])).map((k) => [k, pick(odd)])) });
    const a = await s.says(pick([one(), { events: pick([odd, [one(), one()], null, {}, 'x']) }]));
    if (a.status !== 200) fail(`${a.status}: ${a.text.slice(0, 200)}`);
  }
  const w = await s.work(m.work);
  check(['accepted', 'started'].includes(w.state) && w.cancel === 'none' && w.steps <= 10000, JSON.stringify(w).slice(0, 300));
  check(w.events.every((e) => e.state === null || ['accepted', 'started'].includes(e.state)), 'only what is a word');
  same((await s.says({ work_order: m.work, state: 'scrapped' })).status, 200, 'without a number');
  same((await s.work(m.work)).state, w.state, 'is not believed');
  same((await s.exceptions(m.order)).filter((t) => t !== 'work_late'), [], 'nothing else');
  const other = await s.made();
  await s.is(other.work, 'accepted');
  const many = Array.from({ length: 1200 }, (_, i) => ({ work_order: other.work, seq: i + 2, state: 'started', step: i + 1, steps: 1200 }));
  same((await s.says({ events: many })).status, 200, 'a talkative one');
  same((await s.says({ work_order: other.work, seq: 2000, state: 'finished' })).status, 200);
  const full = await s.work(other.work);
  same([full.state, full.seq, full.events.length, full.events[0].seq], ['finished', 2000, 1000, 203], 'the newest are kept, and count');
  same((await s.says({ work_order: other.work, seq: 7, state: 'scrapped' })).status, 200, 'one that was forgotten');
  same((await s.work(other.work)).version, full.version, 'is older all the same');
  await s.close();
});

test('what a factory does not take waits for a person', async () => {
  const s = await Plant.open('--mes-refusals 1');
  await s.factory();
  const m = await s.made();
  await s.is(m.work, 'refused');
  same(await s.exceptions(m.order), ['factory_refused']);
  const dead = (await s.get('/v1/effects?state=dead')).json.data;
  same([dead.length, dead[0].kind, dead[0].error.kind], [1, 'work', 'no_capacity']);
  const other = await s.made();
  await s.is(other.work, 'refused');
  await s.faults({ mes_refusals: 0 });
  const effect = (await s.get('/v1/effects?state=dead')).json.data.find((e) => e.subject === other.work);
  await s.want(200, 'POST', `/v1/effects/${effect.id}/retry`, { body: {} });
  await s.is(other.work, 'accepted');
  same(await s.exceptions(other.order), [], 'sent once more, and taken');
  await s.want(200, 'POST', `/v1/work-orders/${m.work}/cancel`, { body: { reason: 'they have room again', again: true } });
  const works = (await s.get(`/v1/orders/${m.order}`)).json.fulfilments[0].work_orders;
  await s.is(works[1].id, 'accepted');
  same(await s.exceptions(m.order), [], 'settled');
  await s.close();
});
