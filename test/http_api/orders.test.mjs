// One order in and out: what it is answered, what is refused, lists, search.
import { check, endServer, order, same, test, unique, withServer } from './lib.mjs';

const s = withServer();
const put = (o, status = 201) => s.want(status, 'POST', '/v1/orders', { body: o });

test('created, unchanged, updated, stale', async () => {
  const o = order();
  const a = await put(o);
  same(a.json.result, 'created');
  same(a.headers.location, `/v1/orders/${a.json.id}`);
  same(a.headers.etag, '"1"');
  const b = await put(o, 200);
  same([b.json.result, b.json.id, b.json.version], ['unchanged', a.json.id, 1]);
  const c = await put({ ...o, total: '190.00', updated_at: '2026-11-11T00:05:00+08:00' }, 200);
  same([c.json.result, c.json.version], ['updated', 2]);
  const d = await put({ ...o, total: '191.00', updated_at: '2026-11-11T00:04:00+08:00' }, 200);
  same([d.json.result, d.json.version], ['stale', 2]);
  same((await s.get(`/v1/orders/${a.json.id}`)).json.total.amount, '190.00');
});

test('an order is found by its id and by channel:external_id, with its ETag', async () => {
  const o = order({ external_id: unique('A:1 ü%') });
  const { id } = (await put(o)).json;
  for (const path of [id, encodeURIComponent(`tmall-home:${o.external_id}`)]) {
    const a = await s.want(200, 'GET', `/v1/orders/${path}`);
    same([a.json.id, a.json.external_id, a.headers.etag], [id, o.external_id, '"1"']);
  }
  for (const path of ['o_99999999', 'o_0', 'o_01', 'o_1x', 'x_1', 'tmall-home:', 'nobody:E1', ':', 'o_99999999999999999999'])
    await s.want(404, 'GET', `/v1/orders/${path}`);
  const head = await s.call('HEAD', `/v1/orders/${id}`);
  same([head.status, head.text], [200, '']);
});

test('big ids survive letter by letter', async () => {
  for (const id of ['9007199254740993', '2876543219876543219', '1234567890123460', '007', '1e5', '-0']) {
    const a = await put(order({ channel: 'ids', external_id: id }));
    const b = await s.get(`/v1/orders/${a.json.id}`);
    same(b.json.external_id, id);
    check(b.text.includes(`"external_id":"${id}"`), id);
  }
});

test('what breaks a rule is 422 with its place, and nothing is written', async () => {
  const before = (await s.get('/v1/stats/counts')).json;
  const o = order();
  const line = o.lines[0];
  for (const [more, pointer, code] of [
    [{ external_id: 123 }, '/external_id', 'id_must_be_text'], [{ lines: [{ ...line, line_id: 1 }] }, '/lines/0/line_id', 'id_must_be_text'],
    [{ total: 189.0 }, '/total', 'money_must_be_text'], [{ total: '189.001' }, '/total', 'bad_money'], [{ total: '1e2' }, '/total', 'bad_money'],
    [{ total: '-1.00' }, '/total', 'negative'], [{ total: '' }, '/total', null], [{ total: 'NaN' }, '/total', 'bad_money'],
    [{ currency: 'JPY', total: '1.5' }, '/total', 'bad_money'], [{ currency: 'XXQ' }, '/currency', 'unknown_currency'],
    [{ status: 'paidd' }, '/status', 'unknown_status'], [{ placed_at: '2026-11-11T00:03:21' }, '/placed_at', 'bad_time'],
    [{ placed_at: 1762790601 }, '/placed_at', null], [{ lines: [] }, '/lines', 'empty'], [{ lines: {} }, '/lines', 'not_a_list'],
    [{ lines: [{ ...line, quantity: 0 }] }, '/lines/0/quantity', 'bad_count'], [{ lines: [{ ...line, quantity: 1.5 }] }, '/lines/0/quantity', null],
    [{ lines: [{ ...line, quantity: '1' }] }, '/lines/0/quantity', null], [{ lines: [{ quantity: 1 }] }, '/lines/0/sku', 'missing'],
    [{ role: 'admin' }, '/role', 'unknown_key'], [{ id: 'o_1' }, '/id', 'unknown_key'], [{ version: 7 }, '/version', 'unknown_key'],
    [{ group: 'g_1' }, '/group', 'unknown_key'], [{ lines: [{ ...line, reserved: 1 }] }, '/lines/0/reserved', 'unknown_key'],
    [{ receiver: { ...o.receiver, admin: true } }, '/receiver/admin', 'unknown_key'], [{ Total: '1.00' }, '/Total', 'unknown_key'],
    [{ flags: ['cod', 'vip'] }, '/flags/1', 'unknown_flag'], [{ channel: 'a/b' }, '/channel', null], [{ channel: null }, '/channel', 'missing'],
    [{ receiver: { ...o.receiver, address: 'x'.repeat(500000) } }, '/receiver/address', 'too_long'],
    [{ lines: [{ ...line, sku: 'A\u200bB' }] }, '/lines/0/sku', 'bad_characters'], [{ lines: [{ ...line, sku: 'SOFA\u202e' }] }, '/lines/0/sku', 'bad_characters'],
  ]) {
    const a = await put({ ...o, ...more }, 422);
    const found = a.json?.errors?.find((e) => e.pointer === pointer);
    check(found && (!code || found.code === code), `${pointer} ${code}: ${a.text.slice(0, 300)}`);
  }
  same((await s.get('/v1/stats/counts')).json, before);
});

test('what is no JSON is 400 before anybody looks at it', async () => {
  const good = JSON.stringify(order());
  const deep = (n) => '['.repeat(n) + ']'.repeat(n);
  for (const text of [
    '', '{', 'null x', `${good}x`, `${good}${good}`, good.replace('"currency"', '"channel":"b","currency"'), good.replace('三', '\\u0000'),
    good.replace('三', '\\ud800'), Buffer.from([...Buffer.from(good.slice(0, 12)), 0xff, ...Buffer.from(good.slice(12))]),
    Buffer.from(good.replace('三', '\0')), good.replace('"189.00"', '007'), good.replace('"189.00"', '1.'), good.replace('"189.00"', 'NaN'),
    `{"a":${deep(40)}}`, `{"a":[${'1,'.repeat(20001)}1]}`, `{"a":[${'1,'.repeat(400000)}1]}`, good.replace('三', '\n'), `\ufeff${good}`,
  ]) {
    const a = await s.want(400, 'POST', '/v1/orders', { body: text, headers: { 'content-type': 'application/json' } });
    same(a.json?.code, 'bad_json', String(text).slice(0, 60));
  }
});

test('other types of body are 415, large ones 413', async () => {
  const text = JSON.stringify(order());
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', 'text/json', null])
    await s.want(415, 'POST', '/v1/orders', { body: text, type });
  await s.want(415, 'POST', '/v1/orders', { body: text, headers: { 'content-encoding': 'gzip' } });
  await s.want(415, 'POST', '/v1/orders/o_1/hold', { body: '{}', type: 'application/x-ndjson' });
  await s.want(201, 'POST', '/v1/orders', { body: text, type: 'Application/JSON ; charset=utf-8' });
  await s.want(413, 'POST', '/v1/orders', { body: JSON.stringify(order({ raw_status: 'x'.repeat(1100000) })) });
  await s.want(413, 'POST', '/v1/orders/o_1/hold', { body: JSON.stringify({ reason: 'x'.repeat(1100000) }) });
  await s.want(413, 'POST', '/v1/orders', { body: Buffer.alloc(9 << 20, 32) });
});

test('lists: pages that hold still while orders come in', async () => {
  for (let i = 0; i < 25; i++) await put(order({ channel: 'paged' }));
  const first = (await s.get('/v1/orders?channel=paged&limit=500')).json.data.map((o) => o.id);
  same(first.length, 25);
  const seen = [];
  let next = '/v1/orders?channel=paged&limit=7';
  for (let page = 0; next && page < 20; page++) {
    const a = await s.want(200, 'GET', next);
    seen.push(...a.json.data.map((o) => o.id));
    const link = /^<([^>]+)>; rel="next"$/.exec(a.headers.link ?? '');
    same(Boolean(link), a.json.next !== null, 'Link and next');
    if (a.json.next) check(link[1].includes(encodeURIComponent(a.json.next)), a.headers.link);
    next = link?.[1];
    await put(order({ channel: 'paged' }));
  }
  same(seen, first);
});

test('lists: what is asked for wrongly is 400', async () => {
  for (const query of ['limit=0', 'limit=501', 'limit=x', 'limit=-1', 'limit=1e2', 'limit=', 'cursor=abc', 'cursor=../../x', 'sort=price', 'sort=id;drop',
    'status=gone', 'colour=red', 'Status=paid', 'channel=a&channel=b', 'from=yesterday', 'to=2026-01-01', 'overdue=maybe', 'group=o_1', 'token=x'])
    await s.want(400, 'GET', `/v1/orders?${query}`);
  const cursor = (await s.get('/v1/orders?limit=1')).json.next;
  await s.want(400, 'GET', `/v1/orders?limit=1&sort=placed_at&cursor=${cursor}`);
  await s.want(400, 'GET', `/v1/groups?cursor=${cursor}`);
});

test('lists: filters', async () => {
  const day = (n) => `2025-03-0${n}T10:00:00+08:00`;
  const ids = [];
  for (let i = 1; i <= 4; i++)
    ids.push((await put(order({ channel: 'filtered', status: i % 2 ? 'paid' : 'placed', placed_at: day(i), lines: [{ sku: `SKU-${i}`, quantity: 1 }] }))).json.id);
  const of = async (query) => (await s.want(200, 'GET', `/v1/orders?channel=filtered&${query}`)).json.data.map((o) => o.id).sort();
  same(await of('status=paid'), [ids[0], ids[2]].sort());
  same(await of('status=paid,pending'), [...ids].sort());
  same(await of(`from=${encodeURIComponent(day(2))}&to=${encodeURIComponent(day(4))}`), [ids[1], ids[2]].sort());
  same(await of('owner=cs'), [...ids].sort());
  same(await of('owner=finance'), []);
  same(await of('overdue=true'), []);
  same(await of('exception=unknown_sku'), []);
  same(await of('warehouse=HZ'), []);
  await s.until('sku', async () => (await of('sku=SKU-3')).length === 1);
  const group = (await s.get(`/v1/orders/${ids[0]}`)).json.group.id;
  same(await of(`group=${group}`), [ids[0]]);
  same((await s.get('/v1/orders?channel=nobody')).json.data, []);
});

test('search by number, phone, last four, name, address, tracking number, SKU', async () => {
  const o = order({
    channel: 'searched', external_id: 'NUM-778899', receiver: { ...order().receiver, name: '欧阳锋', phone: '13755554321', address: '龙井路 88 号 白驼山庄' },
    lines: [{ sku: 'TEAPOT-CLAY', title: '紫砂壶', quantity: 1 }],
    shipments: [{ carrier: 'SF', tracking_no: 'SF1234567890123', shipped_at: '2026-11-12T10:00:00+08:00', line_ids: null }], status: 'shipped',
  });
  const { id } = (await put(o)).json;
  const hits = async (q) => (await s.want(200, 'GET', `/v1/orders?q=${encodeURIComponent(q)}`)).json.data.map((x) => x.id);
  for (const q of ['NUM-778899', '13755554321', '4321', '欧阳', '欧阳锋', '白驼', '龙井路', 'SF1234567890123', 'TEAPOT-CLAY'])
    await s.until(`q=${q}`, async () => (await hits(q)).includes(id));
  same((await hits('黄药师')).includes(id), false);
});

test('search takes any text and never fails', async () => {
  for (const q of ["'", '"', '%', '_', '*', 'a" OR 1=1 --', 'NEAR(a b)', 'terms:a', '-', '()', '\\', 'x'.repeat(7000), '𠮷𠮷', '\u0007', '1;DROP TABLE orders', 'AND', 'a AND', '^a', '😀'])
    check([200, 400].includes((await s.get(`/v1/orders?q=${encodeURIComponent(q)}`)).status), q);
  for (const f of ["'", '%', 'a" OR 1=1 --'])
    for (const name of ['channel', 'sku', 'exception', 'status', 'owner', 'cursor', 'sort'])
      check([200, 400].includes((await s.get(`/v1/orders?${name}=${encodeURIComponent(f)}`)).status), `${name}=${f}`);
});

endServer(s);
