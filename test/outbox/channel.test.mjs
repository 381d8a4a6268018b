// What channels are told: a confirmation reaches the platform once, whatever becomes of its answers and of us; of stock the
// last figure stays.
import { Poller, Shop, check, order, same, section, stopShops, test } from '../channels/lib.mjs';
import { connector } from '../channels/lib.mjs';
import { outbox } from './lib.mjs';

const TELLS = {
  confirm: '[request confirm]\nPOST {host}/confirm\nform.id = :order_id\nform.number = :tracking_no\nform.carrier = :carrier',
  shipped: '[request shipped]\nGET {host}/shipped/{which}\nvar.which = :order_id',
  shipped_rows: "[shipped]\nSELECT value FROM json_each(:body, '$.numbers')",
  stock: '[request stock]\nPOST {host}/stock\nform.sku = :sku\nform.quantity = :quantity',
};
const fast = outbox('stock_delay = 0s');

// The platform's own books: what it was told, however it answered.
class Platform extends Shop {
  constructor() { super({ told: new Map(), refused: new Set(), asks: 0, figures: [], trick: null }); }
  answer(call, res) {
    const form = new URLSearchParams(call.body);
    if (call.path === '/confirm') return this.confirm(form.get('id'), form.get('number'), res);
    if (call.path.startsWith('/shipped/')) { this.asks++; return this.send(res, 200, { numbers: this.told.get(decodeURIComponent(call.path.slice(9))) ?? [] }); }
    if (call.path === '/stock') { this.figures.push([form.get('sku'), Number(form.get('quantity'))]); return this.send(res, 200, { ok: true }); }
    return super.answer(call, res);
  }
  take(req, res, body) { res.on('error', () => {}); return super.take(req, res, body); }
  note(id, number) { this.told.set(id, [...this.told.get(id) ?? [], number]); }
  confirm(id, number, res) {
    const how = this.trick?.(id) ?? 'ok';
    if (/^(ok|took)/.test(how)) this.note(id, number);
    if (how === 'refuse') { this.refused.add(id); return this.refuse(res, 'refused', 'closed'); }
    if (/hang$/.test(how)) return undefined;
    if (/reset$/.test(how)) return res.destroy();
    if (/500$/.test(how)) return this.send(res, 500, { message: 'broken' });
    return this.send(res, 200, { ok: true });
  }
}

async function claimed(s, n, more = {}) {
  const all = [];
  for (let i = 0; i < n; i++) {
    const o = order({ channel: 'shop', ...more });
    const id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
    const f = (await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } })).json.fulfilments[0].id;
    const number = `SF${Date.now()}${String(all.length).padStart(3, '0')}`;
    const k = (await s.want(201, 'POST', `/v1/fulfilments/${f}/claims`, { body: { carrier: 'SF', tracking_no: number } })).json;
    all.push({ id, external: o.external_id, number, claim: k.id });
  }
  return all;
}
const told = async (s, k) => (await s.want(200, 'GET', `/v1/claims/${k.claim}`)).json.told;
const server = (shop, more = '') => new Poller(`${fast}[merge]\nwindow = 1s\n${section('shop', shop)}${more}`, { plain: connector(TELLS) });

test('a confirmation is taken once, whatever becomes of the answer', async () => {
  const shop = await new Platform().start();
  const ways = ['ok', 'took hang', 'took reset', 'took 500', 'reset', 'hang', '500'], seen = new Map();
  shop.trick = (id) => { const n = seen.get(id) ?? 0; seen.set(id, n + 1); return n ? (n < 3 && /^(reset|hang|500)$/.test(ways[seen.size % 7]) ? 'reset' : 'ok') : ways[(seen.size - 1) % ways.length]; };
  const s = await server(shop).start();
  const all = await claimed(s, 14);
  for (const k of all) await s.until(`${k.id} accepted`, async () => await told(s, k) === 'accepted', 60000);
  for (const k of all) same(shop.told.get(k.external), [k.number], `${k.id} at the platform`);
  check(shop.asks > 0, 'it was asked');
  same((await s.want(200, 'GET', '/v1/effects?state=unknown')).json.data, [], 'nothing is unknown');
  await s.drop();
  shop.stop();
});

test('a refusal is final: the label is void, a person looks', async () => {
  const shop = await new Platform().start();
  shop.trick = () => 'refuse';
  const s = await server(shop).start();
  const [k] = await claimed(s, 1);
  await s.until('refused', async () => await told(s, k) === 'refused', 20000);
  const [e] = (await s.want(200, 'GET', '/v1/effects?state=dead')).json.data;
  same([e?.kind, e?.error.outcome, e?.subject], ['confirm', 'refused', k.id], 'the effect is dead');
  check((await s.exceptions('effect_dead')).some((x) => x.order === k.id && x.channel === 'shop'), 'effect_dead');
  same((await s.want(200, 'GET', `/v1/claims/${k.claim}`)).json.state, 'void', 'the label');
  const again = await s.post(`/v1/effects/${e.id}/retry`, {});
  same([again.status, again.json.code], [409, 'claim_void'], 'a void label is not told');
  same(shop.told.size, 0, 'the platform took nothing');
  await s.drop();
  shop.stop();
});

test('kill -9 while a confirmation is under way: it is asked about before it is sent again', async () => {
  const shop = await new Platform().start();
  const s = server(shop);
  let kill = null;
  const moments = ['took', 'not taken', 'took and answered'];
  const all = [];
  for (let round = 0; round < 6; round++) {
    await s.start();
    await s.until('it polls', async () => (await s.channel('shop'))?.poll?.last_ok_at);
    let answered;
    const claim = new Promise((done) => { answered = done; }); /* who never heard of the claim could not look for it */
    const dead = new Promise((done) => { kill = () => claim.then(() => { s.child.kill('SIGKILL'); done(); }); });
    const how = moments[round % 3];
    shop.play = (call, res) => {
      if (call.path !== '/confirm') return false;
      const form = new URLSearchParams(call.body);
      if (how !== 'not taken') shop.note(form.get('id'), form.get('number'));
      if (how === 'took and answered') shop.send(res, 200, { ok: true });
      kill();
      return true;
    };
    all.push(...await claimed(s, 1));
    answered();
    await dead;
    await s.exited;
    shop.play = null;
  }
  await s.start();
  for (const k of all) await s.until(`${k.id} accepted`, async () => await told(s, k) === 'accepted', 30000);
  for (const k of all) same(shop.told.get(k.external), [k.number], `${k.id} at the platform`);
  await s.drop();
  shop.stop();
});

test('of stock the last figure stays: one push at a time, its figure taken when it is sent', async () => {
  const shop = await new Platform().start();
  const s = await server(shop, 'stock = yes\nshare = 50\n').start();
  const held = [];
  shop.play = (call, res) => {
    if (call.path !== '/stock' || held.length) return false;
    held.push(() => { shop.play = null; shop.answer(call, res); });
    return true;
  };
  const post = (path, body, status = 201) => s.post(path, body).then((a) => check([status, 200].includes(a.status), `${path}: ${a.status} ${a.text}`));
  await s.want(201, 'POST', '/v1/orders', { body: order({ channel: 'shop', status: 'placed', paid_at: null }) }); // opens the channel
  await post('/v1/warehouses', { code: 'HZ', country: 'CN' });
  await post('/v1/skus', { code: 'MUG', title: 'Mug', safety: 4 });
  await post('/v1/stock/adjustments', { sku: 'MUG', warehouse: 'HZ', delta: 104, reason: 'delivery' });
  await post('/v1/mappings', { channel: 'shop', channel_sku: 'MUG-1', sku: 'MUG' }); // listed last: no push of an empty shelf before
  await s.until('the first push is under way', () => held.length === 1, 15000);
  for (let i = 0; i < 10; i++) await post('/v1/stock/adjustments', { sku: 'MUG', warehouse: 'HZ', delta: -2, reason: 'damaged' });
  await s.until('one waits behind it', async () => (await s.want(200, 'GET', '/v1/effects?kind=stock&state=waiting')).json.data.length === 1);
  same(shop.figures, [], 'nothing overtakes');
  held[0]();
  await s.until('the last figure', () => shop.figures.length >= 2, 15000);
  await s.until('all is told', async () => (await s.want(200, 'GET', '/v1/effects?kind=stock')).json.data.every((e) => e.state === 'done'));
  same(shop.figures[0], ['MUG-1', 50], 'the first: half of 104 less 4'); // the stand-in books it when it answers
  same(shop.figures.at(-1), ['MUG-1', 40], 'the last: half of 84 less 4');
  check(shop.figures.length <= 3, `${shop.figures.length} pushes for eleven changes`);
  await s.drop();
  shop.stop();
  stopShops();
});
