// A factory by a file of its own: told once whatever it answers, and its callbacks checked, kept and applied once.
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { Server, check, order, same, sleep, test } from '../http_api/lib.mjs';

const KEY = 'a-fictional-key-of-the-workshop';
const FILE = `[factory bench]
title = A workshop
at_once = 2
[secrets]
key = signs both ways
[request make]
POST {host}/make
when = :what ->> '$.id' IS NOT NULL OR :what ->> '$.work_order' IS NOT NULL
body = :what
header.x-sign = lower(hex(hmac_sha256(secret('key'), :what)))
[errors]
SELECT CASE :body ->> '$.error' WHEN 'known' THEN 'done' WHEN 'slow' THEN 'rate_limited' ELSE 'refused' END, :body ->> '$.error', :body ->> '$.says', 200
WHERE :body -> '$.error' IS NOT NULL
[result make]
SELECT json_object('reference', :body ->> '$.reference')
[push]
verify = same(lower(hex(hmac_sha256(secret('key'), :text))), :headers ->> '$.x-sign')
id = :headers ->> '$.x-id'
at = :body ->> '$.at'
reply = {"thanks":true}
reply_type = application/json
[events]
SELECT value FROM json_each(:body, '$.events')
`;
const sign = (text) => createHmac('sha256', KEY).update(text).digest('hex');

// What it took is in its ledger, by the work order's id.
class Workshop {
  constructor(play = null) { Object.assign(this, { play, calls: [], made: new Map() }); }
  async start() {
    this.server = http.createServer((req, res) => {
      let body = '';
      req.on('data', (d) => { body += d; });
      req.on('error', () => {});
      req.on('end', () => {
        check(req.headers['x-sign'] === sign(body), 'a call with a wrong signature');
        const what = JSON.parse(body), id = what.work_order?.id ?? what.work_order, take = () => this.made.set(id, (this.made.get(id) ?? 0) + (this.made.has(id) ? 0 : 1));
        this.calls.push(what);
        const json = (status, x) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(x));
        if (this.play?.({ id, take, json, res, n: this.calls.length })) return;
        const known = this.made.has(id);
        take();
        json(200, known ? { error: 'known' } : { reference: `B-${id}` });
      });
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }
  stop() { this.server.closeAllConnections(); this.server.close(); }
}

class Maker extends Server {
  constructor(w) {
    super({ conf: `[factory F1]\nconnector = bench\nhost = ${w.url}\nkey = ${KEY}\n[outbox]\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\nbreaker_most = 200ms\n` });
    fs.mkdirSync(this.file('connectors'), { recursive: true });
    fs.writeFileSync(this.file('connectors/bench.factory'), FILE);
  }
  async goods() {
    await this.want(201, 'POST', '/v1/warehouses', { body: { code: 'F1', kind: 'factory' } });
    await this.want(201, 'POST', '/v1/skus', { body: { code: 'SOFA', made: true } });
  }
  async made() {
    const o = order({ status: 'paid' });
    o.lines = [{ line_id: '1', sku: 'SOFA', quantity: 1, price: '10.00' }];
    o.total = '10.00';
    const id = (await this.want(201, 'POST', '/v1/orders', { body: o })).json.id;
    await this.until('split', async () => (await this.get(`/v1/orders/${id}`)).json.status === 'split' || (await this.call('POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } })).status === 200);
    await this.call('POST', `/v1/orders/${id}/transitions`, { body: { to: 'producing' } });
    return (await this.get(`/v1/orders/${id}`)).json.fulfilments[0].work_orders[0].id;
  }
  state(w) { return this.get(`/v1/work-orders/${w}`).then((a) => a.json.state); }
  hook(body, { id, signed, headers = {}, name = 'F1' } = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.raw('POST', `/v1/hooks/mes/${name}`, { token: null, body: text, headers: { 'x-sign': signed ?? sign(text), ...(id ? { 'x-id': id } : {}), ...headers } });
  }
  says(w, events, more) { return this.hook({ at: Date.now(), events: events.map((e) => ({ work_order: w, ...e })) }, more); }
}

test('told once, whatever it answers', async () => {
  const tricks = [
    (k) => k.json(503, { error: 'slow' }),
    (k) => { k.take(); k.res.destroy(); },
    (k) => { k.take(); k.res.writeHead(200, { 'content-type': 'text/html' }).end('<html>'); },
    (k) => k.json(500, {}),
    (k) => { k.take(); k.json(200, { error: 'known' }); },
  ];
  const w = await new Workshop((k) => k.n <= tricks.length && (tricks[k.n - 1](k), true)).start(), s = await new Maker(w).start();
  await s.goods();
  const ids = [await s.made(), await s.made()];
  for (const id of ids) await s.until('sent', async () => ['sent', 'accepted'].includes(await s.state(id)), 20000);
  same([...w.made.keys()].sort(), [...ids].sort(), 'each was made');
  same([...w.made.values()], [1, 1], 'and once');
  same((await s.get('/v1/effects?state=dead')).json.data, [], 'none is dead');
  await s.drop();
  w.stop();
});

test('a refusal waits for a person', async () => {
  const w = await new Workshop((k) => (k.json(200, { error: 'no_such_bill', says: `we know no such thing, key ${KEY}` }), true)).start(), s = await new Maker(w).start();
  await s.goods();
  await s.made();
  await s.until('dead', async () => (await s.get('/v1/effects?state=dead')).json.data.length === 1);
  const e = (await s.get('/v1/effects?state=dead')).json.data[0];
  same([e.kind, e.destination, e.error.kind], ['work', 'factory:F1', 'no_such_bill']);
  check(!JSON.stringify(e).includes(KEY), 'the secret is not shown');
  await s.drop();
  w.stop();
});

test('callbacks: signed, fresh, once; in any order; the rest waits for a person', async () => {
  const w = await new Workshop().start(), s = await new Maker(w).start();
  await s.goods();
  const id = await s.made();
  await s.until('sent', async () => await s.state(id) === 'sent');
  const good = await s.says(id, [{ seq: 2, state: 'started', step: 1, steps: 3 }, { seq: 1, state: 'accepted' }], { id: 'c1' });
  same([good.status, good.text, good.headers['content-type']], [200, '{"thanks":true}', 'application/json']);
  same(await s.state(id), 'started');
  same((await s.says(id, [{ seq: 9, state: 'scrapped' }], { id: 'c1' })).status, 200, 'a replay is answered alike');
  same(await s.state(id), 'started', 'and changes nothing');
  const forged = await s.says(id, [{ seq: 9, state: 'scrapped' }], { id: 'c2', signed: 'f'.repeat(64) });
  same([forged.status, forged.json.code], [401, 'push_refused']);
  const old = await s.hook({ at: Date.now() - 3600e3, events: [] }, { id: 'c3' });
  same([old.status, old.json.code], [401, 'push_too_old']);
  same((await s.hook({ events: [] }, { id: 'c4' })).json.code, 'push_unreadable');
  same((await s.hook({ at: Date.now(), events: [] }, { name: 'nobody' })).status, 404);
  same(await s.state(id), 'started', 'none of them changed it');
  same((await s.get('/v1/callbacks')).json.data.length, 1, 'what is not genuine is not kept');
  // unknown, wrong and right together: the right one counts
  same((await s.hook({ at: Date.now(), events: [{ work_order: 'w_999', seq: 1, state: 'started' }, { work_order: id, seq: 3, state: 'nonsense' }, { work_order: id, seq: 4, state: 'finished' }] }, { id: 'c5' })).status, 200);
  same(await s.state(id), 'finished');
  same((await s.hook({ at: Date.now(), events: ['no object'] }, { id: 'c6' })).status, 200);
  same((await s.hook(`{"at":${Date.now()},"events":[{"work_order":"${id}","seq":5,"state":"passed","x":"${'y'.repeat(200000)}"}]}`, { id: 'c7' })).status, 200);
  const failed = (await s.get('/v1/callbacks?state=failed&destination=factory%3AF1')).json.data;
  same(failed.map((k) => k.error.kind), ['not_applied', 'not_read', 'not_applied']);
  same(failed[2].error.errors.map((e) => [e.event, e.problem.code]), [[0, 'work_order_not_found'], [1, 'unknown_state']]);
  const open = (await s.get('/v1/exceptions')).json.data.filter((x) => x.type === 'callback_failed');
  same(open.length, 1, 'one exception');
  same((await s.want(200, 'POST', `/v1/callbacks/${failed[2].id}/retry`, { body: {} })).json.state, 'failed', 'still nobody there');
  same((await s.want(409, 'POST', `/v1/callbacks/${failed[1].id}/retry`, { body: {} })).json.code, 'not_read');
  for (const k of failed) await s.want(200, 'POST', `/v1/callbacks/${k.id}/drop`, { body: {} });
  same((await s.want(409, 'POST', `/v1/callbacks/${failed[0].id}/drop`, { body: {} })).json.code, 'not_failed');
  same((await s.get('/v1/exceptions?state=open')).json.data.filter((x) => x.type === 'callback_failed'), [], 'dealt with');
  same((await s.get('/v1/callbacks/q_1')).json.body.includes('"steps":3'), true, 'its bytes are kept');
  await s.drop();
  w.stop();
});

test('an acknowledged callback is on the disk; kill -9 between call and answer: made once', async () => {
  let hang = null;
  const w = await new Workshop((k) => k.n === 1 && (k.take(), hang = k, true)).start(), s = await new Maker(w).start();
  await s.goods();
  const id = await s.made();
  await s.until('called', async () => hang);
  const said = await s.says(id, [{ seq: 1, state: 'accepted' }], { id: 'k1' });
  same(said.status, 200);
  await s.stop('SIGKILL');
  await s.start();
  same(await s.state(id), 'accepted', 'it was applied');
  same((await s.says(id, [{ seq: 9, state: 'scrapped' }], { id: 'k1' })).status, 200, 'and is known');
  await s.until('no effect waits', async () => (await s.get('/v1/effects?state=waiting')).json.data.length + (await s.get('/v1/effects?state=unknown')).json.data.length + (await s.get('/v1/effects?state=sending')).json.data.length === 0);
  same(await s.state(id), 'accepted');
  same([...w.made.values()], [1], 'made once');
  await s.drop();
  w.stop();
});

test('a file that is wrong, or of another kind, is told with its line', async () => {
  const s = new Server({ conf: '[factory F1]\nconnector = bench\n' });
  let said = '';
  try { await s.start(); } catch (e) { said = String(e); }
  check(/\[factory F1\]: there is no file bench\.factory/.test(said), said);
  await s.stop().catch(() => {});
  await sleep(0);
});
