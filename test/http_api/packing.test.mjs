// Waves and the packing bench over HTTP: two scanners at once, what is wrong, what lacks, what is printed.
import crypto from 'node:crypto';
import { check, endServer, order, same, test, unique, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n[pack]\nverify = yes\n' });
let cs, viewer, till;

async function article(more = {}) {
  const code = unique('SKU');
  await s.want(201, 'POST', '/v1/skus', { body: { code, title: `Lamp <b>${code}</b>`, barcodes: [`69${code}`], ...more } });
  return code;
}
async function received(sku, warehouse, delta) {
  await s.want(201, 'POST', '/v1/stock/adjustments', { body: { sku, warehouse, delta, reason: 'received' } });
}
async function stock(sku, warehouse) {
  return (await s.want(200, 'GET', `/v1/stock?sku=${sku}&warehouse=${warehouse}`)).json.data[0];
}
async function split(lines, more = {}) {
  const o = order({ lines: lines.map(([sku, quantity], i) => ({ line_id: String(i + 1), sku, title: 'Lamp', quantity, price: '10.00' })), ...more });
  const id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
  const now = (await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } })).json;
  return { id, f: now.fulfilments[0].id };
}
const scan = (f, body, options) => s.post(`/v1/pack/${f}/scan`, body, options);
const claim = (f) => s.post(`/v1/fulfilments/${f}/claims`, { carrier: 'SF', tracking_no: unique('SF0000') });

test('a warehouse and people', async () => {
  await s.want(201, 'POST', '/v1/warehouses', { body: { code: 'HZ' } });
  await s.want(201, 'POST', '/v1/warehouses', { body: { code: 'GZ' } });
  cs = await s.token('wh', 'warehouse');
  viewer = await s.token('looker', 'viewer');
  till = await s.token('till', 'channel', { channel: 'tmall-home' });
});

test('a wave is made, shown, listed and ended', async () => {
  const a = await article();
  await received(a, 'HZ', 5);
  const one = await split([[a, 2]]), two = await split([[a, 1]]);
  await s.want(422, 'POST', '/v1/waves', { body: { limit: 0.5 } });
  await s.want(422, 'POST', '/v1/waves', { body: { fulfilments: ['f_999999'] } });
  const made = await s.want(201, 'POST', '/v1/waves', { token: cs, body: { warehouse: 'HZ', fulfilments: [one.f, two.f] } });
  const v = made.json;
  same(v.picks.map((p) => [p.sku, p.quantity, p.barcodes.length, p.totes]), [[a, 3, 1, [{ fulfilment: one.f, quantity: 2 }, { fulfilment: two.f, quantity: 1 }]]]);
  same((await s.want(409, 'POST', '/v1/waves', { body: { warehouse: 'HZ', fulfilments: [one.f] } })).json.code, 'in_wave');
  same((await s.want(200, 'GET', `/v1/orders/${one.id}`)).json.group.state, 'locked');
  const shown = await s.want(200, 'GET', `/v1/waves/${v.id}`);
  same(shown.json, v);
  same(shown.headers.etag, '"1"');
  await s.want(412, 'POST', `/v1/waves/${v.id}/remove`, { body: { fulfilment: two.f }, headers: { 'if-match': '"7"' } });
  same((await s.want(200, 'POST', `/v1/waves/${v.id}/remove`, { body: { fulfilment: two.f, note: 'no room' } })).json.fulfilments.length, 1);
  const list = (await s.want(200, 'GET', '/v1/waves?state=open&warehouse=HZ')).json.data;
  same(list.find((w) => w.id === v.id)?.fulfilments, 1);
  same((await s.want(200, 'POST', `/v1/waves/${v.id}/end`, {})).json.state, 'done');
  await s.want(409, 'POST', `/v1/waves/${v.id}/end`, { body: {} });
  await s.want(404, 'GET', '/v1/waves/v_999999');
  await s.want(403, 'POST', '/v1/waves', { token: viewer, body: { warehouse: 'HZ' } });
  await s.want(403, 'GET', '/v1/waves', { token: till });
  await s.want(403, 'GET', `/v1/pack/${one.f}`, { token: till });
});

test('waves come by pages', async () => {
  const a = await article();
  await received(a, 'HZ', 3);
  for (let i = 0; i < 3; i++) await s.want(201, 'POST', '/v1/waves', { body: { fulfilments: [(await split([[a, 1]])).f] } });
  const seen = [];
  for (let next = '', n = 0; n < 20; n++) {
    const page = (await s.want(200, 'GET', `/v1/waves?limit=2${next}`)).json;
    seen.push(...page.data.map((v) => v.id));
    if (!page.next) break;
    next = `&cursor=${encodeURIComponent(page.next)}`;
  }
  same([seen.length >= 4, new Set(seen).size], [true, seen.length]);
});

test('right, wrong, too many, done; unverified nothing ships', async () => {
  const a = await article(), b = await article();
  await received(a, 'HZ', 2), await received(b, 'HZ', 1);
  const { f } = await split([[a, 2]]);
  same((await claim(f)).json.code, 'not_verified');
  same((await scan(f, { barcode: `69${b}` })).json.result, 'wrong');
  same((await scan(f, { barcode: 'never heard of' })).json.result, 'wrong');
  same((await scan(f, { barcode: `69${a}`, quantity: 3 })).json.result, 'too_many');
  same((await scan(f, { barcode: `69${a}` })).json.left, 1);
  same((await claim(f)).json.code, 'not_verified');
  same((await scan(f, { sku: a })).json.result, 'done');
  same((await scan(f, { sku: a })).json.result, 'too_many');
  await s.want(422, 'POST', `/v1/pack/${f}/scan`, { body: { sku: a, barcode: a } });
  await s.want(422, 'POST', `/v1/pack/${f}/scan`, { body: { sku: a, quantity: 0 } });
  await s.want(404, 'POST', '/v1/pack/f_999999/scan', { body: { sku: a } });
  await s.want(403, 'POST', `/v1/pack/${f}/scan`, { token: viewer, body: { sku: a } });
  same((await s.want(200, 'POST', `/v1/pack/${f}/reset`, { body: { note: 'mixed up' } })).json.left, 2);
  same((await claim(f)).json.code, 'not_verified');
  same((await scan(f, { sku: a, quantity: 2 })).json.result, 'done');
  same((await claim(f)).status, 201);
  await s.want(409, 'POST', `/v1/pack/${f}/reset`, { body: {} });
});

test('two scanners at once, and the last piece scanned twice', async () => {
  const a = await article();
  await received(a, 'HZ', 40);
  const { f } = await split([[a, 40]]);
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => scan(f, i % 2 ? { sku: a } : { barcode: `69${a}` })));
  const count = (r) => answers.filter((x) => x.json.result === r).length;
  same([count('right'), count('done'), count('too_many')], [39, 1, 20]);
  const now = (await s.want(200, 'GET', `/v1/pack/${f}`)).json;
  same([now.work, now.left, now.expected[0].scanned], ['packed', 0, 40]);
  const claims = await Promise.all(Array.from({ length: 5 }, () => claim(f)));
  same(claims.filter((x) => x.status === 201).length, 1);
});

test('the same request again is the same scan', async () => {
  const a = await article();
  await received(a, 'HZ', 2);
  const { f } = await split([[a, 2]]);
  const headers = { 'idempotency-key': unique('scan') };
  for (let i = 0; i < 3; i++) same((await scan(f, { sku: a }, { headers })).json.left, 1);
  same((await s.want(200, 'GET', `/v1/pack/${f}`)).json.expected[0].scanned, 1);
});

test('damaged, short, and none left anywhere', async () => {
  const a = await article();
  await received(a, 'HZ', 3);
  const { id, f } = await split([[a, 2]]);
  const path = `/v1/pack/${f}/short`;
  await s.want(422, 'POST', path, { body: { sku: a } });
  const one = (await s.want(200, 'POST', path, { body: { barcode: `69${a}`, reason: 'damaged', note: 'a crack' } })).json;
  same([one.result, one.replaced, one.lost, one.left], ['replaced', 1, 0, 2]);
  let lies = await stock(a, 'HZ');
  same([lies.on_hand, lies.reserved, lies.available], [2, 2, 0]);
  await received(a, 'GZ', 1);
  const two = (await s.want(200, 'POST', path, { body: { sku: a, reason: 'short' } })).json;
  same([two.result, two.lost, two.left], ['replanned', 1, 1]);
  lies = await stock(a, 'HZ');
  same([lies.on_hand, lies.reserved], [1, 1]);
  same((await s.want(200, 'GET', `/v1/fulfilments?order=${id}`)).json.data.map((x) => [x.warehouse, x.units[0].quantity]), [['GZ', 1], ['HZ', 1]]);
  same((await s.want(200, 'GET', `/v1/exceptions?order=${id}`)).json.data.map((x) => x.type), ['short_pick']);
  const three = (await s.want(200, 'POST', path, { body: { sku: a, reason: 'short' } })).json;
  same([three.result, three.status], ['waits', 'cancelled']);
  same((await stock(a, 'HZ')).on_hand, 0);
  await s.want(409, 'POST', path, { body: { sku: a, reason: 'short' } });
});

test('a partial refund after packing asks for another look', async () => {
  const a = await article();
  await received(a, 'HZ', 2);
  const o = order({ lines: [{ line_id: '1', sku: a, quantity: 2, price: '10.00' }] });
  const id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
  const f = (await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } })).json.fulfilments[0].id;
  same((await scan(f, { sku: a, quantity: 2 })).json.result, 'done');
  await s.want(200, 'POST', '/v1/orders', { body: { ...o, updated_at: '2026-11-12T00:00:00+08:00', refunds: [{ refund_id: 'r1', status: 'success', amount: '10.00', line_id: '1', quantity: 1 }] } });
  same((await claim(f)).json.code, 'not_verified');
  const now = (await s.want(200, 'GET', `/v1/pack/${f}`)).json;
  same([now.work, now.expected[0].wanted, now.expected[0].scanned], ['picking', 1, 0]);
});

test('remarks of all members are on the slip, in full for who needs them', async () => {
  let said = [];
  const a = await article();
  await received(a, 'HZ', 1);
  const { id, f } = await split([[a, 1]], { remarks: { buyer: 'call 13812345678 <script>alert(1)</script>', seller: 'gift \u202eevil', flag: 'red' } });
  same((await s.want(200, 'GET', `/v1/pack/${f}`, { token: cs })).json.remarks[0].buyer, 'call 13812345678 <script>alert(1)</script>');
  same((await s.want(200, 'GET', `/v1/pack/${f}`, { token: viewer })).json.remarks[0].buyer.includes('13812345678'), false);
  check((await s.want(200, 'GET', `/v1/fulfilments/${f}/slip`)).text.includes('PREVIEW'), 'what is not fixed yet may change');
  const v = (await s.want(201, 'POST', '/v1/waves', { body: { fulfilments: [f] } })).json;
  check(!(await s.want(200, 'GET', `/v1/fulfilments/${f}/slip`)).text.includes('PREVIEW'), 'a wave fixes it');
  same((await s.want(200, 'GET', `/v1/waves/${v.id}`, { token: viewer })).json.fulfilments[0].remarks[0].buyer.includes('13812345678'), false);
  for (const path of [`/v1/waves/${v.id}/picklist`, `/v1/fulfilments/${f}/slip`]) {
    const page = await s.want(200, 'GET', path, { token: cs });
    const html = page.text, policy = page.headers['content-security-policy'];
    same(page.headers['content-type'], 'text/html; charset=utf-8');
    check(!/<script|javascript:|\son\w+=|https?:\/\/(?!www\.w3\.org\/2000\/svg)|url\(|<link|<img|<iframe| style=/i.test(html), 'something active or foreign in it');
    check(html.includes('call 13812345678 &lt;script&gt;alert(1)&lt;/script&gt;'), 'the remark');
    check(html.includes(`Lamp`) && !html.includes('<b>SKU'), 'titles are escaped');
    check(html.includes(`aria-label="${f}"`), 'the barcode');
    const sheet = /<style>([^]*?)<\/style>/.exec(html)[1];
    const hash = crypto.createHash('sha256').update(sheet).digest('base64');
    check(policy.includes("default-src 'none'") && policy.includes(`style-src 'sha256-${hash}'`), `policy: ${policy}`);
    const zh = (await s.want(200, 'GET', `${path}?lang=zh`, { token: cs })).text;
    check(zh.includes('lang="zh-CN"') && zh.includes('买家留言'), 'in Chinese');
    const masked = (await s.want(200, 'GET', path, { token: viewer })).text;
    check(!masked.includes('13812345678'), 'masked');
    await s.want(400, 'GET', `${path}?lang=fr`);
    await s.want(403, 'GET', path, { token: till });
  }
  await s.want(404, 'GET', '/v1/waves/v_999999/picklist');
  await s.want(404, 'GET', '/v1/fulfilments/f_999999/slip');
  const notes = async () => (await s.get('/v1/events?limit=500')).json.data.filter((e) => e.type === 'pii.seen' && e.data.orders.includes(id)).map((e) => e.data.what);
  await s.until('it is noted who saw the remarks', async () => ['pack', 'picklist', 'slip'].every((w) => said.includes(w)) || (said = await notes(), false));
});

test('what an emptied wave prints', async () => {
  const a = await article();
  await received(a, 'HZ', 1);
  const { id, f } = await split([[a, 1]]);
  const v = (await s.want(201, 'POST', '/v1/waves', { body: { fulfilments: [f] } })).json;
  await s.want(200, 'POST', `/v1/orders/${id}/cancel`, { body: { reason: 'changed their mind' } });
  const html = (await s.want(200, 'GET', `/v1/waves/${v.id}/picklist`)).text;
  check(html.includes('CANCELLED') && html.includes('Nothing to pick'), 'says so');
  same((await scan(f, { sku: a })).json.code, 'fulfilment_cancelled');
});

endServer(s);
