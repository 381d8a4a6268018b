// The data dictionary and stock over HTTP.
import { Server, check, order, same, test } from './lib.mjs';

let s;
test('a server', async () => { s = await new Server().start(); });
const put = (what, body, status, options = {}) => s.want(status, 'POST', `/v1/${what}`, { body, ...options });

test('an article: made, changed, read, found, retired', async () => {
  const a = await put('skus', { code: 'SOFA-3S', title: '三人沙发', weight_g: 42000, barcodes: ['6901234567892'], safety: 2 }, 201);
  same([a.json.result, a.json.code, a.json.version, a.json.available], ['created', 'SOFA-3S', 1, 0]);
  same(a.headers.etag, '"1"');
  const b = await put('skus', { code: 'SOFA-3S', length_mm: 2100 }, 200);
  same([b.json.result, b.json.version, b.json.title, b.json.length_mm], ['updated', 2, '三人沙发', 2100]);
  same((await put('skus', { code: 'SOFA-3S', length_mm: 2100 }, 200)).json.result, 'unchanged');
  const c = await s.want(200, 'GET', '/v1/skus/SOFA-3S');
  same([c.json.weight_g, c.json.barcodes, c.headers.etag], [42000, ['6901234567892'], '"2"']);
  same((await s.want(200, 'GET', '/v1/skus?q=%E6%B2%99%E5%8F%91')).json.data.map((k) => k.code), ['SOFA-3S']);
  same((await s.want(200, 'GET', '/v1/skus?q=456789')).json.data.length, 1);
  const e = await s.want(200, 'GET', `/v1/events?entity=${c.json.id}`);
  same(e.json.data.map((x) => [x.entity, x.type]), [['n_1', 'sku.created'], ['n_1', 'sku.updated']]);
  same(e.json.data[1].data, { code: 'SOFA-3S', changed: { length_mm: { from: null, to: 2100 } } });
  await put('skus', { code: 'OLD' }, 201);
  const r = await s.want(200, 'POST', '/v1/skus/OLD/retire', { body: { note: 'gone' } });
  same([r.json.result, r.json.state], ['updated', 'retired']);
  same((await s.want(200, 'POST', '/v1/skus/OLD/retire')).json.result, 'unchanged');
  same((await s.want(200, 'GET', '/v1/skus?state=retired')).json.data.map((k) => k.code), ['OLD']);
  await s.want(404, 'GET', '/v1/skus/NONE');
  await s.want(404, 'POST', '/v1/skus/NONE/retire', { body: {} });
  await s.want(400, 'GET', '/v1/skus?state=sold');
  await s.want(400, 'GET', '/v1/skus?colour=red');
});

test('a code of slashes, signs and other scripts has its address', async () => {
  for (const code of ['A/B-1', '1/2/3', '#7+x', '沙发-灰', 'ЖК-5', 'a..b']) {
    const at = `/v1/skus/${code.split('/').map(encodeURIComponent).join('/')}`;
    await put('skus', { code }, 201);
    same((await s.raw('GET', at)).json.code, code);
    same((await s.raw('POST', `${at}/retire`, { body: {} })).json.state, 'retired', code);
  }
});

test('what looks like another code is refused, and so is all that is no field', async () => {
  const codes = ['SOFA-\u0410', 'Cafe\u0301', 'A\u200bB', 'A\u202eB', '\uff21', 'A B', '..', '', 'x'.repeat(65)];
  for (const code of codes) {
    const a = await put('skus', { code }, 422);
    check(['bad_code', 'too_long', 'empty'].includes(a.json.code), `${JSON.stringify(code)}: ${a.json.code}`);
  }
  await put('skus', { code: 'Z'.repeat(10 << 10) }, 422);
  await put('skus', { code: 'Z', title: 'x'.repeat(201) }, 422);
  for (const key of ['version', 'reserved', 'on_hand', 'available', 'kit', 'id', 'Title'])
    same((await put('skus', { code: 'Z', [key]: 1 }, 422)).json.code, 'unknown_key', key);
  await put('skus', [], 422);
  await put('skus', '{"code":"Z","code":"Y"}', 400);
  await s.want(404, 'GET', '/v1/skus/Z');
});

test('versions: If-Match and if_version', async () => {
  await put('skus', { code: 'V' }, 201);
  await put('skus', { code: 'V', title: 'a' }, 200, { headers: { 'if-match': '"1"' } });
  same((await put('skus', { code: 'V', title: 'b' }, 412, { headers: { 'if-match': '"1"' } })).json.version, 2);
  await put('skus', { code: 'V', title: 'b', if_version: 1 }, 412);
  await put('skus', { code: 'V', title: 'b', if_version: 2 }, 200);
  await s.want(412, 'POST', '/v1/skus/V/retire', { body: {}, headers: { 'if-match': '"2"' } });
  await put('warehouses', { code: 'VW' }, 201);
  await put('warehouses', { code: 'VW', title: 'x' }, 412, { headers: { 'if-match': '"7"' } });
  same((await s.want(200, 'GET', '/v1/warehouses/VW')).headers.etag, '"1"');
});

test('lists: a result per row, a bad row harms nobody', async () => {
  const rows = [{ code: 'L1' }, { code: 'L 2' }, { code: 'L3', barcodes: ['4006381333932'] }, { code: 'L1', title: 'x' }, { code: 'L4', parts: [{ sku: 'L1', quantity: 2 }] }, 7];
  const a = await put('skus', { skus: rows }, 207);
  same(a.json.results.map((r) => [r.index, r.status, r.result ?? r.problem.code]),
    [[0, 201, 'created'], [1, 422, 'bad_code'], [2, 201, 'created'], [3, 200, 'updated'], [4, 201, 'created'], [5, 422, 'not_an_object']]);
  same(a.json.results[2].warnings[0].code, 'check_digit');
  same(a.json.results[4].parts, [{ sku: 'L1', quantity: 2 }]);
  await put('skus', { skus: [] }, 422);
  await put('skus', { skus: {} }, 422);
  await put('skus', { skus: [{ code: 'L9' }], code: 'x' }, 422);
  same((await put('skus', { skus: Array.from({ length: 501 }, () => ({ code: 'L9' })) }, 422)).json.code, 'too_many_rows');
  await put('skus', { skus: [{ code: 'L9' }] }, 400, { headers: { 'if-match': '"1"' } });
  await s.want(404, 'GET', '/v1/skus/L9');
  const many = await put('skus', { skus: Array.from({ length: 500 }, (_, i) => ({ code: `M${i}`, title: '品'.repeat(200) })) }, 207);
  same(many.json.results.filter((r) => r.status === 201).length, 500);
});

test('pages of articles hold each once', async () => {
  const seen = [];
  for (let next = ''; next !== null;) {
    const a = await s.want(200, 'GET', `/v1/skus?limit=97${next && `&cursor=${next}`}`);
    seen.push(...a.json.data.map((k) => k.code));
    next = a.json.next;
  }
  same(new Set(seen).size, seen.length);
  check(seen.length > 500, `${seen.length} articles`);
  await s.want(400, 'GET', '/v1/skus?cursor=abc');
});

test('a dry run changes nothing', async () => {
  same((await put('skus?dry_run=true', { code: 'DRY' }, 201)).json.result, 'created');
  same((await put('skus?dry_run=true', { skus: [{ code: 'DRY' }, { code: 'D RY' }] }, 207)).json.results.map((r) => r.status), [201, 422]);
  await put('stock/adjustments?dry_run=true', { sku: 'V', warehouse: 'VW', delta: 5, reason: 'receipt' }, 201);
  await s.want(404, 'GET', '/v1/skus/DRY');
  same((await s.want(200, 'GET', '/v1/stock?sku=V')).json.data, []);
  await put('skus?dry_run=maybe', { code: 'DRY' }, 400);
});

test('mappings: put, moved, listed page by page, dropped', async () => {
  const m = (n, sku = 'V') => ({ channel: 'tmall', channel_sku: `7${n}`, sku });
  same((await put('mappings', m(1), 201)).json.result, 'created');
  same((await put('mappings', m(1), 200)).json.result, 'unchanged');
  same((await put('mappings', m(1, 'L1'), 200)).json, { result: 'updated', ...m(1, 'L1') });
  same((await put('mappings', m(1, 'NONE'), 422)).json.code, 'unknown_sku');
  const a = await put('mappings', { mappings: [...Array.from({ length: 30 }, (_, i) => m(i + 10)), m(2, 'NONE')] }, 207);
  same(a.json.results.map((r) => r.status), [...Array(30).fill(201), 422]);
  await put('mappings', { channel: 'shopee', channel_sku: '沙发 🛋 #1', sku: 'V' }, 201);
  const seen = [];
  for (let next = ''; next !== null;) {
    const p = await s.want(200, 'GET', `/v1/mappings?limit=7${next && `&cursor=${next}`}`);
    seen.push(...p.json.data.map((x) => x.channel + x.channel_sku));
    next = p.json.next;
  }
  same([seen.length, new Set(seen).size], [32, 32]);
  same((await s.want(200, 'GET', '/v1/mappings?channel=tmall&sku=L1')).json.data, [m(1, 'L1')]);
  same((await s.want(200, 'GET', '/v1/mappings?channel=none')).json.data, []);
  await s.want(400, 'GET', '/v1/mappings?cursor=zz');
  await s.want(400, 'GET', `/v1/mappings?cursor=${'0'.repeat(40)}`);
  same((await put('mappings/drop', { channel: 'tmall', channel_sku: '71' }, 200)).json.result, 'dropped');
  await put('mappings/drop', { channel: 'tmall', channel_sku: '71' }, 404);
});

test('warehouses', async () => {
  const a = await put('warehouses', { code: 'HZ', title: '杭州仓', division: '330106', regions: ['33', '31', 'SG'], capacity: 500 }, 201);
  same([a.json.kind, a.json.country, a.json.regions], ['warehouse', 'CN', ['33', '31', 'SG']]);
  await put('warehouses', { warehouses: [{ code: 'SH' }, { code: 'F1', kind: 'factory' }] }, 207);
  same((await s.want(200, 'GET', '/v1/warehouses')).json.data.map((w) => w.code), ['F1', 'HZ', 'SH', 'VW']);
  await put('warehouses', { code: 'X', regions: ['Mars'] }, 422);
  await s.want(404, 'GET', '/v1/warehouses/X');
});

test('stock: booked, counted, moved, listed as the contract says', async () => {
  await put('skus', { code: 'A' }, 201);
  const a = await put('stock/adjustments', { sku: 'A', warehouse: 'HZ', delta: 10, reason: 'receipt' }, 201);
  same(a.json, { sku: 'A', warehouse: 'HZ', delta: 10, on_hand: 10, reserved: 0, frozen: 0, available: 10, quarantine: 0 });
  same((await put('stock/adjustments', { sku: 'A', warehouse: 'HZ', delta: -11, reason: 'loss' }, 409)).json.available, 10);
  same((await put('stock', { sku: 'A', warehouse: 'HZ', counted: 8, note: 'shelf 3' }, 200)).json.delta, -2);
  const m = await put('stock/moves', { sku: 'A', warehouse: 'HZ', to: 'SH', quantity: 3 }, 201);
  same([m.json.from.on_hand, m.json.to.on_hand], [5, 3]);
  same((await s.want(200, 'GET', '/v1/stock?sku=A')).json,
    { data: [{ sku: 'A', warehouse: 'HZ', on_hand: 5, reserved: 0, frozen: 0, available: 5, quarantine: 0 },
      { sku: 'A', warehouse: 'SH', on_hand: 3, reserved: 0, frozen: 0, available: 3, quarantine: 0 }], next: null });
  const l = await s.want(200, 'GET', '/v1/stock/ledger?sku=A&warehouse=HZ');
  same(l.json.data.map((r) => [r.reason, r.from, r.to, r.quantity, r.ref]),
    [['move', 'available', 'outside', 3, 'to SH'], ['count', 'available', 'outside', 2, 'shelf 3'], ['receipt', 'outside', 'available', 10, null]]);
  check(l.json.data.every((r) => r.actor === 'token:admin'), 'who did it');
  const p = await s.want(200, 'GET', '/v1/stock/ledger?sku=A&warehouse=HZ&limit=2');
  const q = await s.want(200, 'GET', `/v1/stock/ledger?sku=A&warehouse=HZ&limit=2&cursor=${p.json.next}`);
  same([...p.json.data, ...q.json.data], l.json.data);
  same(q.json.next, null);
  await s.want(400, 'GET', `/v1/stock/ledger?sku=A&warehouse=SH&cursor=${p.json.next}`);
  same((await s.want(200, 'GET', '/v1/stock/ledger?sku=A')).json.data.length, 4);
  same((await s.want(200, 'GET', '/v1/stock/ledger')).json.data.length, 4);
  same((await s.want(200, 'GET', '/v1/skus/A')).json.available, 8);
});

test('the same Idempotency-Key books once, also in a list', async () => {
  const headers = { 'idempotency-key': 'receipt-7' };
  const body = { sku: 'A', warehouse: 'SH', delta: 2, reason: 'receipt' };
  const a = await put('stock/adjustments', body, 201, { headers });
  same((await put('stock/adjustments', body, 201, { headers })).json, a.json);
  same((await put('stock/adjustments', { ...body, delta: 3 }, 422, { headers })).json.code, 'key_reused');
  const list = { adjustments: [body, body, { ...body, delta: -100 }] };
  const b = await put('stock/adjustments', list, 207, { headers: { 'idempotency-key': 'receipt-8' } });
  same(b.json.results.map((r) => r.on_hand ?? r.problem.code), [7, 9, 'not_enough']);
  const c = await put('stock/adjustments', list, 207, { headers: { 'idempotency-key': 'receipt-8' } });
  same(c.json.results.map((r) => r.on_hand ?? r.problem.code), [7, 9, 'not_enough']);
  same((await s.want(200, 'GET', '/v1/stock?sku=A&warehouse=SH')).json.data[0].on_hand, 9);
});

test('who may: people read, some write, a channel sees nothing', async () => {
  const viewer = (await s.want(201, 'POST', '/v1/tokens', { body: { name: 'v', roles: 'viewer' } })).json.token;
  const channel = (await s.want(201, 'POST', '/v1/tokens', { body: { name: 'c', roles: 'channel', channel: 'tmall' } })).json.token;
  for (const what of ['skus', 'skus/A', 'mappings', 'warehouses', 'warehouses/HZ', 'stock', 'stock/ledger']) {
    await s.want(200, 'GET', `/v1/${what}`, { token: viewer });
    await s.want(403, 'GET', `/v1/${what}`, { token: channel });
    await s.want(401, 'GET', `/v1/${what}`, { token: null });
  }
  for (const what of ['skus', 'skus/A/retire', 'mappings', 'mappings/drop', 'warehouses', 'stock', 'stock/adjustments', 'stock/moves']) {
    await s.want(403, 'POST', `/v1/${what}`, { body: {}, token: viewer });
    await s.want(403, 'POST', `/v1/${what}`, { body: {}, token: channel });
  }
});

test('orders that wait for an article go on when it comes', async () => {
  const a = await s.want(201, 'POST', '/v1/orders', { body: order({ channel: 'tmall', status: 'paid', lines: [{ line_id: '1', sku: 'new-thing', quantity: 2, price: '5.00' }] }) });
  const of = async () => (await s.want(200, 'GET', `/v1/orders/${a.json.id}`)).json.exceptions.map((x) => x.type);
  same(await of(), ['unknown_sku']);
  await put('mappings', { channel: 'tmall', channel_sku: 'new-thing', sku: 'L1' }, 201);
  await s.until('known, and not there', async () => (await of())[0] === 'oversold');
  await put('stock', { sku: 'L1', warehouse: 'HZ', counted: 2 }, 200);
  await s.until('nothing is missing', async () => (await of()).length === 0);
  same((await s.want(200, 'GET', '/v1/stock?sku=L1')).json.data[0].reserved, 2);
  // a count that finds less takes it back from the order
  same((await put('stock', { sku: 'L1', warehouse: 'HZ', counted: 1 }, 200)).json.reserved, 0);
  same(await of(), ['oversold']);
});

test('the check agrees', async () => {
  same((await s.want(200, 'GET', '/v1/check')).json, { findings: [], count: 0, ok: true });
  await s.drop();
});
