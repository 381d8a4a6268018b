// kill -9 at every named point of claiming and delivering: whatever was done stands, whatever was not is done once more,
// and the platform has the number once. The points are found in the source: a new one is tried without being listed.
// Those of buying a waybill need a carrier: carriers.test.mjs dies there.
import fs from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { Poller, Shop, check, order, same, section, sleep, test } from '../channels/lib.mjs';
import { connector } from '../channels/lib.mjs';
import { jpeg } from '../lib/photos.mjs';
import { BINARY, outbox } from './lib.mjs';

const TELLS = {
  confirm: '[request confirm]\nPOST {host}/confirm\nform.id = :order_id\nform.number = :tracking_no',
  shipped: '[request shipped]\nGET {host}/shipped/{which}\nvar.which = :order_id',
  shipped_rows: "[shipped]\nSELECT value FROM json_each(:body, '$.numbers')",
};
const points = fs.readdirSync('src', { recursive: true }).filter((f) => f.endsWith('.c')).sort()
  .flatMap((f) => [...fs.readFileSync(path.join('src', f), 'utf8').matchAll(/KILL_POINT\("([^"]+)"\)/g)].map((m) => m[1])).filter((name) => !name.startsWith('waybill.'));
const NTH = { 'api.answering': 6 }; // the claim's: what was written before it is counted

class Platform extends Shop {
  constructor() { super({ told: new Map() }); }
  answer(call, res) {
    const form = new URLSearchParams(call.body);
    if (call.path === '/confirm') { this.told.set(form.get('id'), [...this.told.get(form.get('id')) ?? [], form.get('number')]); return this.send(res, 200, { ok: true }); }
    if (call.path.startsWith('/shipped/')) return this.send(res, 200, { numbers: this.told.get(decodeURIComponent(call.path.slice(9))) ?? [] });
    return super.answer(call, res);
  }
}

// One order from purchase to pick-up; a label is voided on the way. Each step is done again until it is answered.
async function way(s, o, revive) {
  const step = async (what, go) => {
    for (let i = 0; i < 5; i++) {
      try {
        const a = await go();
        if (a.status < 500) return a.json;
      } catch { /* it died */ }
      await revive();
    }
    check(false, `${what}: no answer`);
    return null;
  };
  await step('sku', () => s.post('/v1/skus', { code: 'A' }));
  await step('warehouse', () => s.post('/v1/warehouses', { code: 'HZ' }));
  await step('stock', () => s.post('/v1/stock', { sku: 'A', warehouse: 'HZ', counted: 5 }));
  const id = (await step('order', () => s.post('/v1/orders', o))).id;
  await step('split', () => s.post(`/v1/orders/${id}/transitions`, { to: 'split' }));
  const f = (await step('read', () => s.get(`/v1/orders/${id}`))).fulfilments[0].id;
  const number = (n) => ({ carrier: 'SF', tracking_no: `SF000${n}` });
  const k = await step('claim', () => s.post(`/v1/fulfilments/${f}/claims`, number(1)));
  check(k?.tracking_no === 'SF0001', `the claim: ${JSON.stringify(k)}`);
  const told = async () => (await step('told', () => s.get(`/v1/claims/${k.id}`))).told === 'accepted';
  for (let i = 0; i < 600 && !await told(); i++) await sleep(50);
  await step('trace', () => s.post('/v1/shipments/trace', { tracking_no: 'SF0001', status: 'picked_up' }));
  same((await step('order', () => s.get(`/v1/orders/${id}`))).status, 'shipped', 'the order');
  const c = await step('case', () => s.post('/v1/cases', { order: id, kind: 'refund_only', amount: '1.00', reason: 'a scratch' }, { headers: { 'idempotency-key': 'one-case' } }));
  await step('photo', () => s.call('POST', `/v1/cases/${c.id}/photos`, { body: jpeg(), type: 'image/jpeg' }));
  const digest = (await step('case', () => s.get(`/v1/cases/${c.id}`))).photos.map((x) => x.digest);
  same([digest.length, (await s.raw('GET', `/v1/cases/${c.id}/photos/${digest[0]}`)).status], [1, 200], 'its photo');
  return { id, f };
}

// A label that nobody was told of, voided and made anew.
async function voided(s, revive) {
  const again = async (go) => { for (let i = 0; i < 5; i++) { try { return await go(); } catch { await revive(); } } return null; };
  const o = order({ channel: 'counter', lines: [{ line_id: '1', sku: 'A', quantity: 1 }] });
  const id = (await again(() => s.post('/v1/orders', o))).json.id;
  await again(() => s.post(`/v1/orders/${id}/transitions`, { to: 'split' }));
  const f = (await again(() => s.get(`/v1/orders/${id}`))).json.fulfilments[0].id;
  const k = (await again(() => s.post(`/v1/fulfilments/${f}/claims`, { carrier: 'SF', tracking_no: 'SF0002' }))).json;
  await again(() => s.post(`/v1/claims/${k.id}/void`, { reason: 'torn' }));
  same((await again(() => s.get(`/v1/claims/${k.id}`))).json.state, 'void', 'the first label');
  same((await again(() => s.post(`/v1/fulfilments/${f}/claims`, { carrier: 'SF', tracking_no: 'SF0003' }))).json.state, 'live', 'the second label');
}

test('there are named points, and this is a build that has them', () => {
  check(points.length >= 10, `points: ${points}`);
  check(new Set(points).size === points.length, 'a name stands once');
});

for (const name of points) {
  test(`kill -9 at ${name}`, async () => {
    const shop = await new Platform().start();
    const s = new Poller(`${outbox()}[merge]\nwindow = 1s\n${section('shop', shop)}`, { plain: connector(TELLS) }, { env: { ORDERD_KILL_AT: `${name}:${NTH[name] ?? 1}` } });
    await s.start();
    let deaths = 0;
    const revive = async () => {
      const how = await Promise.race([s.exited, sleep(3000)]);
      if (!s.over) return;
      same(how?.signal, 'SIGKILL', 'how it died');
      deaths++;
      s.env = {};
      await s.start();
    };
    const o = order({ channel: 'shop', lines: [{ line_id: '1', sku: 'A', quantity: 1 }] });
    await way(s, o, revive);
    await voided(s, revive);
    same(deaths, 1, `deaths at ${name}`);
    same(shop.told.get(o.external_id), ['SF0001'], 'what the platform was told');
    const [row] = (await s.want(200, 'GET', '/v1/stock?sku=A')).json.data;
    same([row.on_hand, row.reserved, row.frozen, row.available], [4, 0, 1, 3], 'the shelf');
    same((await s.want(200, 'GET', '/v1/effects?state=unknown')).json.data, [], 'unknown effects');
    const proof = spawnSync(BINARY, ['--data', s.dir, 'check'], { encoding: 'utf8', timeout: 60000 });
    same(proof.status, 0, `check: ${proof.stdout}${proof.stderr}`);
    await s.drop();
    shop.stop();
  });
}
