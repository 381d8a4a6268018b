// Values nobody expects: ids, numbers, times, letters, keys, versions; by JSON, path and query.
import { check, endServer, order, same, test, unique, withServer } from '../http_api/lib.mjs';

const s = withServer();
const put = async (o = order()) => (await s.want(201, 'POST', '/v1/orders', { body: o })).json;
const post = (status, path, body, headers = {}, more = {}) => s.want(status, 'POST', path, { body, headers, ...more });

test('ids of any letters are found by path, by search and page by page', async () => {
  const ids = ['9007199254740993', '2876543219876543219', '9223372036854775807', '18446744073709551616', '000123', '1E5', 'a/b', 'a:b:c', 'a?b', 'a#b', 'a b', 'ü%25', '订单１号', '<a>', '"q"', "it's", 'a,b;c', '..', 'x'.repeat(128), '😀', 'é', 'e\u0301'];
  for (const id of ids) {
    const a = await s.post('/v1/orders', order({ channel: 'ids', external_id: id }));
    if (a.status === 422) { check(/bad_characters|too_long/.test(a.text), `${id}: ${a.text}`); continue; }
    same(a.status, 201, id);
    const path = encodeURIComponent(`ids:${id}`);
    const b = await s.raw('GET', `/v1/orders/${path}`);
    /* a slash or a semicolon never stands in a path, not even encoded */
    if (/[/;]/.test(id)) { check([400, 404].includes(b.status), `${id}: ${b.status}`); continue; }
    same([b.status, b.json?.external_id, b.json?.id], [200, id, a.json.id], id);
    await post(200, `/v1/orders/${a.json.id}/hold`, { reason: 'page' });
    let next = `/v1/orders/${path}/events?limit=1`, n = 0;
    for (; next && n < 20; n++) {
      const e = await s.raw('GET', next);
      if (!same(e.status, 200, `${id}: ${next}`)) break;
      same(e.json.data.every((x) => x.entity === a.json.id), true);
      const link = e.headers.link;
      check(Boolean(link) === (e.json.next !== null), `${id}: Link ${link}`);
      if (link) check(/^<[!-;=?-~]+>; rel="next"$/.test(link), `${id}: Link ${link}`);
      next = link ? /^<([^>]+)>/.exec(link)?.[1] : null;
    }
    check(n >= 2, `${id}: ${n} pages`);
  }
});

test('two spellings of one id are two orders, and neither is the other', async () => {
  const pairs = [['AB-1', 'ab-1'], ['7', '07'], ['1.0', '1'], ['-1', '1 '.trim()]];
  for (const [x, y] of pairs) {
    const channel = unique('spell');
    const a = await put(order({ channel, external_id: x })), b = await put(order({ channel, external_id: y }));
    check(a.id !== b.id, `${x} and ${y}`);
  }
});

test('our own ids: only as we write them', async () => {
  const { id } = await put();
  const n = id.slice(2);
  for (const x of [`O_${n}`, `o_0${n}`, `o_+${n}`, `o_${n} `, ` ${id}`, `o_${n}.0`, `o_${n}\u00a0`, `o_-${n}`, 'o_', 'o', `o${n}`, n, 'o_9223372036854775807', 'o_9223372036854775808', 'o_18446744073709551617', `g_${n}`, `o_${'1'.repeat(500)}`])
    for (const tail of ['', '/events', '/why']) same((await s.raw('GET', `/v1/orders/${encodeURIComponent(x)}${tail}`)).status, 404, x + tail);
  for (const [list, kind] of [['groups', 'g'], ['payloads', 'p'], ['exceptions', 'x']])
    for (const x of [`${kind}_0`, `${kind}_-1`, `${kind}_9223372036854775808`, `o_${n}`, '1', "1'--"]) same((await s.raw('GET', `/v1/${list}/${encodeURIComponent(x)}`)).status, 404, x);
});

test('numbers: exact or refused, never bent', async () => {
  const text = (quantity) => JSON.stringify(order({ lines: [{ line_id: '1', sku: 'A', quantity: 'HERE' }] })).replace('"HERE"', quantity);
  for (const [q, status] of [['1', 201], ['1000000', 201], ['0', 422], ['-1', 422], ['-0', 422], ['1.5', 422], ['1e400', 422], ['1e-400', 422], ['4294967297', 422], ['9007199254740993', 422], ['9223372036854775808', 422],
    ['123456789012345678901234567890', 422], ['007', 400], ['1.', 400], ['.5', 400], ['+1', 400], ['0x10', 400], ['NaN', 400], ['Infinity', 400], ['1e', 400], ['--1', 400], ['true', 422], ['"1"', 422], ['null', 422], ['[1]', 422]]) {
    const a = await s.call('POST', '/v1/orders', { body: text(q) });
    check(a.status === status || (status === 422 && a.status === 400), `${q}: ${a.status} ${a.text.slice(0, 200)}`);
  }
  for (const v of [0, -1, 1.5, '1', 2 ** 53, true]) {
    const { id } = await put();
    const a = await s.post(`/v1/orders/${id}/hold`, { reason: 'x', if_version: v });
    check([412, 422].includes(a.status), `if_version ${v}: ${a.status} ${a.text.slice(0, 120)}`);
  }
});

test('money: the currency’s digits and no clamp', async () => {
  for (const [currency, total, status] of [['CNY', '0.00', 201], ['CNY', '0', 201], ['CNY', '92233720368547758.07', 422], ['CNY', '92233720368547758.08', 422], ['CNY', '99999999999999999999', 422], ['JPY', '100', 201], ['JPY', '100.0', 422],
    ['KWD', '1.234', 201], ['KWD', '1.2345', 422], ['CNY', '1,000.00', 422], ['CNY', '１.00', 422], ['CNY', '1 ', 422], ['CNY', ' 1', 422], ['CNY', '+1', 422], ['CNY', '1.', 422], ['CNY', '.5', 422], ['CNY', '0x1', 422], ['CNY', '1e2', 422],
    ['CNY', '-0.00', 422], ['cny', '1.00', 422], ['', '1.00', 422]]) {
    const o = order({ currency, total, freight: null, discount: null, paid: null, lines: [{ line_id: '1', sku: 'A', quantity: 1 }] });
    const a = await s.post('/v1/orders', o);
    check(a.status === status || (total === '-0.00' || total === '92233720368547758.07') && a.status === 201, `${currency} ${total}: ${a.status}`);
    if (a.status === 201 && !/^-/.test(total)) {
      const shown = (await s.get(`/v1/orders/${a.json.id}`)).json.total;
      same([Number(shown.amount), shown.currency], [Number(total), currency], total);
    }
  }
});

test('times: any zone in, UTC with milliseconds out; nonsense refused', async () => {
  for (const [t, out] of [['2026-11-11T00:03:21+08:00', '2026-11-10T16:03:21.000Z'], ['2026-11-11T00:03:21.5-09:30', '2026-11-11T09:33:21.500Z'], ['2026-11-11T00:03:21.123456789Z', '2026-11-11T00:03:21.123Z'], ['2024-02-29T23:59:59+14:00', '2024-02-29T09:59:59.000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'], ['2026-12-31T23:59:59.999-12:00', '2027-01-01T11:59:59.999Z']]) {
    const { id } = await put(order({ placed_at: t, paid_at: null }));
    same((await s.get(`/v1/orders/${id}`)).json.placed_at, out, t);
  }
  for (const t of ['2026-11-11', '2026-11-11T00:03:21', '2026-11-11 00:03:21', '2026-13-01T00:00:00Z', '2026-02-29T00:00:00Z', '2100-02-29T00:00:00Z', '2026-11-31T00:00:00Z', '2026-11-11T24:00:01Z', '2026-11-11T00:60:00Z', '2026-11-11T00:00:00+25:00',
    '2026-11-11T00:00:00+08:60', '٢٠٢٦-11-11T00:00:00Z', '2026-11-11T00:00:00Z ', '-2026-11-11T00:00:00Z', '99999-01-01T00:00:00Z', 'now', '', '0', '2026-11-11T00:00:00.Z', '2026-W46-3T00:00:00Z', '2026-11-11T00:00:00+0800x'])
    same((await s.post('/v1/orders', order({ placed_at: t }))).status, 422, t);
  for (const t of ['2026-11-11T00:00:00+08:00', 'yesterday', '2026-11-11'])
    same((await s.get(`/v1/orders?from=${t}`)).status, 400, `from=${t}`); /* a plus in a query is a blank */
  same((await s.get('/v1/orders?from=2026-11-11T00:00:00%2B08:00')).status, 200);
  same((await s.get('/v1/orders?from=2026-11-12T00:00:00Z&to=2026-11-11T00:00:00Z')).json.data, []);
});

test('letters: every one comes back as it went in, or is refused; none breaks a list', async () => {
  const texts = ['\u202egnp.exe', '\u200b\u200c\u200d\ufeff', `a${'\u0301'.repeat(500)}`, '𠮷野家', '👨‍👩‍👧‍👦', 'ß ﬁ Å', '\ufffd', '\u2028\u2029', "'; DROP TABLE orders; --", '{{7*7}}${7*7}', '=HYPERLINK("http://evil.example")', '%00%0a', '\\u0000', '</script>', 'ا‎ب', '\ud83d\ude00'];
  for (const t of texts) {
    const o = order({ channel: 'letters', receiver: { ...order().receiver, name: t.slice(0, 60), address: `${t} 1 号` }, remarks: { buyer: t, seller: t, flag: '' }, raw_status: t.slice(0, 60) });
    const a = await s.post('/v1/orders', o);
    check([201, 422].includes(a.status), `${t.slice(0, 10)}: ${a.status}`);
    if (a.status !== 201) continue;
    const b = (await s.get(`/v1/orders/${a.json.id}`)).json;
    same([b.receiver.name, b.remarks.buyer], [o.receiver.name, t]);
    for (const view of ['viewer']) {
      const masked = await s.raw('GET', `/v1/orders/${a.json.id}`, { token: await viewer(view) });
      same(masked.status, 200, 'masked');
      check(masked.json, `masked is no JSON: ${masked.text.slice(0, 100)}`);
    }
  }
  same((await s.get('/v1/orders?channel=letters&limit=500')).status, 200);
});
const viewers = {};
async function viewer(role) { return viewers[role] ??= await s.token(`values-${role}`, role); }

test('search: 100 KB, nested operators, a thousand words: 200 or 400, soon', async () => {
  for (const q of ['(('.repeat(500), 'a '.repeat(2000), '"'.repeat(3001), 'NEAR/9999999999', '張'.repeat(2000), 'a*'.repeat(900), '\u0301'.repeat(900), '0'.repeat(2500), 'col:x AND {a b}:c', '*', '**', '^', '-', 'a -b', `${'%25'.repeat(400)}`, 'OR', 'NOT', '"unbalanced', 'x'.repeat(7000)]) {
    const from = Date.now();
    const a = await s.raw('GET', `/v1/orders?q=${encodeURIComponent(q.slice(0, q.charCodeAt(0) > 127 ? 800 : 2600))}`);
    check([200, 400].includes(a.status), `${q.slice(0, 20)}: ${a.status}`);
    check(Date.now() - from < 2000, `${q.slice(0, 20)} took ${Date.now() - from} ms`);
  }
  same((await s.raw('GET', `/v1/orders?q=${'a'.repeat(100000)}`)).status, 414);
});

test('bodies: too deep, too many, too big in one field, 10 MB: refused before they cost', async () => {
  const big = await s.raw('POST', '/v1/orders', { body: JSON.stringify(order({ raw_status: 'x'.repeat(10 << 20) })) }).catch((e) => ({ status: e.code }));
  check([413, 'EPIPE', 'ECONNRESET'].includes(big.status), String(big.status));
  same((await s.post('/v1/orders', order({ raw_status: 'x'.repeat(900000) }))).status, 422);
  same((await s.post('/v1/orders/o_1/hold', { reason: 'x', note: 'y'.repeat(900000) })).status, 422);
  same((await s.post('/v1/orders', order({ lines: Array.from({ length: 2000 }, (_, i) => ({ line_id: `${i}`, sku: 'A', quantity: 1 })) }))).status, 422);
  same((await s.post('/v1/payloads', { channel: 'a', raw: 'x', error: { code: 'c'.repeat(5000), detail: 'd'.repeat(500000) } })).status, 422);
  same((await s.post('/v1/orders', order({ lines: Array.from({ length: 5000 }, (_, i) => ({ line_id: `${i}`, sku: 'A', quantity: 1 })) }))).status, 400);
  same((await s.get('/healthz')).status, 200);
});

test('a key belongs to one request, with its query: a trial never answers for the real thing', async () => {
  const o = order(), headers = { 'idempotency-key': unique('dry') };
  const a = await s.call('POST', '/v1/orders?dry_run=true', { body: o, headers });
  check(a.status < 300, a.text);
  const b = await s.call('POST', '/v1/orders', { body: o, headers });
  check([201, 422].includes(b.status), b.text);
  same((await s.raw('GET', `/v1/orders/tmall-home:${o.external_id}`)).status, b.status === 201 ? 200 : 404);
  const p = order(), again = { 'idempotency-key': unique('dry') };
  await post(201, '/v1/orders', p, again);
  same((await s.call('POST', '/v1/orders?dry_run=true', { body: p, headers: again })).json.code, 'key_reused', 'another query is another request');
});

test('everything that shows a version takes If-Match, and 412 changes nothing', async () => {
  const stale = { 'if-match': '"99"' };
  const { id, group } = await put();
  for (const [path, body] of [[`/v1/orders/${id}/hold`, { reason: 'x' }], [`/v1/orders/${id}/release`, {}], [`/v1/orders/${id}/cancel`, { reason: 'x' }], [`/v1/orders/${id}/transitions`, { to: 'split' }],
    [`/v1/groups/${group}/lock`, {}], [`/v1/groups/${group}/remove`, { order: id }], [`/v1/groups/${group}/add`, { order: id }]]) {
    const before = (await s.get('/v1/stats/counts')).json.events;
    const a = await post(412, path, body, stale);
    same(a.json?.code, 'stale_version', path);
    await post(412, path, { ...body, if_version: 99 });
    same((await s.get('/v1/stats/counts')).json.events, before, path);
  }
  await post(201, '/v1/users', { name: 'versioned', roles: 'cs' });
  await post(412, '/v1/users/versioned', { state: 'revoked' }, stale);
  same((await s.get('/v1/users')).json.data.find((u) => u.name === 'versioned').state, 'active');
  await post(201, '/v1/tokens', { name: 'versioned', roles: 'cs' });
  await post(412, '/v1/tokens/versioned/revoke', {}, stale);
  same((await s.get('/v1/tokens')).json.data.find((u) => u.name === 'versioned').state, 'active');
  const x = (await post(201, '/v1/payloads', { channel: 'v', raw: 'x', error: { code: 'c', detail: 'd' } })).json;
  const e = (await s.get('/v1/exceptions?state=open&type=mapping_failed')).json.data.find((y) => y.payload === x.id);
  await post(412, `/v1/exceptions/${e.id}/assign`, { owner: 'warehouse' }, stale);
  await post(412, `/v1/exceptions/${e.id}/resolve`, { note: 'x' }, stale);
});

test('an order that is sent with If-Match is taken over that version only', async () => {
  const o = order();
  const a = await s.want(201, 'POST', '/v1/orders', { body: o });
  const newer = { ...o, total: '190.00', updated_at: '2026-11-11T01:00:00+08:00' };
  await post(412, '/v1/orders', newer, { 'if-match': '"7"' });
  same((await s.get(`/v1/orders/${a.json.id}`)).json.total.amount, '189.00');
  await post(200, '/v1/orders', newer, { 'if-match': a.headers.etag });
});

test('exceptions: given, given on, resolved, and then let be; by the roles that may', async () => {
  const wh = await s.token('wh', 'warehouse'), looks = await viewer('viewer');
  await post(201, '/v1/users', { name: 'ada', roles: 'warehouse' });
  const p = (await post(201, '/v1/payloads', { channel: 'exc', raw: 'row', error: { code: 'c', detail: 'd' } })).json;
  const x = (await s.get('/v1/exceptions?state=open&type=mapping_failed&limit=500')).json.data.find((y) => y.payload === p.id);
  await post(403, `/v1/exceptions/${x.id}/assign`, { owner: 'warehouse' }, {}, { token: looks });
  const a = await post(200, `/v1/exceptions/${x.id}/assign`, { owner: 'warehouse', assignee: 'ada' });
  check(a.json.version > x.version, 'the version stands still');
  same((await s.get('/v1/exceptions?owner=ada&state=open')).json.data.length + (await s.get('/v1/exceptions?owner=user:ada&state=open')).json.data.length >= 1, true, 'found by assignee');
  for (const body of [{ owner: 7 }, { assignee: ['ada'] }, { owner: 'warehouse', extra: 1 }, { assignee: "ada'--" }]) await post(422, `/v1/exceptions/${x.id}/assign`, body);
  const two = await Promise.all([wh, s.admin].map((token) => s.post(`/v1/exceptions/${x.id}/resolve`, { note: 'mine', if_version: undefined }, { token, headers: { 'if-match': `"${a.json.version}"` } })));
  same(two.map((t) => t.status).sort((m, n) => m - n)[0], 200);
  check([409, 412].includes(Math.max(...two.map((t) => t.status))), two.map((t) => t.status).join());
  same((await post(409, `/v1/exceptions/${x.id}/assign`, { owner: 'cs' })).json.code, 'resolved');
  const types = (await s.get(`/v1/events?entity=${x.id}`)).json.data.map((e) => e.type);
  same([types.filter((t) => /assign/.test(t)).length, types.filter((t) => /resolve/.test(t)).length], [1, 1], types.join());
});

test('a payload that failed is mended by an order of its own channel, once, by two at the same time', async () => {
  const p = (await post(201, '/v1/payloads', { channel: 'mend', raw: 'row', error: { code: 'c', detail: 'd' } })).json;
  const o = order({ channel: 'mend' });
  const all = await Promise.all(Array.from({ length: 10 }, () => s.post(`/v1/payloads/${p.id}/retry`, { order: o })));
  same(all.filter((a) => a.status === 200).length, 1, all.map((a) => a.status).join());
  check(all.every((a) => [200, 409].includes(a.status)), all.map((a) => a.status).join());
  const after = (await s.get(`/v1/payloads/${p.id}`)).json;
  same([after.state, after.orders.length, after.body], ['applied', 1, 'row']);
  same((await s.get('/v1/exceptions?state=open&type=mapping_failed&limit=500')).json.data.filter((y) => y.payload === p.id), []);
  same((await s.get('/v1/orders?channel=mend')).json.data.length, 1);
});

test('groups by hand: one customer’s two orders, parted, joined, locked, by two people at once', async () => {
  const x = order({ channel: 'grp' }), y = order({ channel: 'grp-2', receiver: x.receiver });
  const a = await put(x), b = await put(y);
  same(a.group, b.group);
  const g = (await s.get(`/v1/groups/${a.group}`)).json;
  const two = await Promise.all(['a', 'b'].map((note) => s.post(`/v1/groups/${a.group}/remove`, { order: b.id, note, if_version: g.version })));
  same(two.map((t) => t.status).sort(), [200, 412]);
  const alone = (await s.get(`/v1/orders/${b.id}`)).json.group;
  check(alone && alone.id !== a.group, 'still together');
  same((await s.get(`/v1/orders/${a.id}`)).json.group.orders, [a.id]);
  for (const [path, body, status] of [[`${a.group}/add`, { order: 'o_999999' }, 404], [`${a.group}/add`, { order: 'nobody:1' }, 404], [`${a.group}/add`, {}, 422], [`${a.group}/add`, { order: 7 }, 422], [`${a.group}/remove`, { order: b.id }, 409]])
    await post(status, `/v1/groups/${path}`, body);
  const mine = (await s.get(`/v1/orders/${a.id}`)).json.group.id;
  await post(200, `/v1/groups/${mine}/add`, { order: b.id });
  const now = (await s.get(`/v1/orders/${b.id}`)).json.group;
  same(now.orders.slice().sort(), [a.id, b.id].sort());
  const locks = await Promise.all([1, 2, 3].map(() => s.post(`/v1/groups/${now.id}/lock`, {})));
  check(locks.filter((t) => t.status === 200).length >= 1 && locks.every((t) => [200, 409].includes(t.status)), locks.map((t) => t.status).join());
  for (const [path, body] of [[`${now.id}/remove`, { order: a.id }], [`${now.id}/add`, { order: (await put()).id }]]) same((await post(409, `/v1/groups/${path}`, body)).json.code, 'group_locked', path);
  /* a member that is cancelled after the lock needs a person */
  await post(200, `/v1/orders/${a.id}/cancel`, { reason: 'customer' });
  check((await s.get(`/v1/exceptions?order=${a.id}&state=open`)).json.data.some((e) => e.type === 'cancel_after_lock'), 'nobody is told');
});

test('a late paid after cancelled changes nothing but the history', async () => {
  const o = order({ status: 'cancelled' });
  const a = await put(o);
  const b = await s.want(200, 'POST', '/v1/orders', { body: { ...o, status: 'paid' } });
  const c = await s.want(200, 'POST', '/v1/orders', { body: { ...o, status: 'paid', updated_at: '2026-11-10T00:00:00+08:00' } });
  check(b.json && c.json.result === 'stale', c.text);
  same((await s.get(`/v1/orders/${a.id}`)).json.status, 'cancelled');
});

test('the data prove themselves', async () => same((await s.get('/v1/check')).json.findings, []));
endServer(s);
