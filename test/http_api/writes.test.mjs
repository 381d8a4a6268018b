// Writing twice, versions, moves, holds, groups: what every POST promises.
import { check, endServer, order, same, test, unique, withServer } from './lib.mjs';

const s = withServer();
const put = async (o = order()) => (await s.want(201, 'POST', '/v1/orders', { body: o })).json;
const post = (status, path, body, headers = {}, more = {}) => s.want(status, 'POST', path, { body, headers, ...more });
let cs;

test('a second caller', async () => { cs = await s.token('second', 'cs'); });

test('the same key and request: the same answer, once done', async () => {
  const { id } = await put();
  const key = { 'idempotency-key': unique('k') };
  const a = await post(200, `/v1/orders/${id}/hold`, { reason: 'stock' }, key);
  await post(200, `/v1/orders/${id}/release`, {}, {});
  const b = await post(200, `/v1/orders/${id}/hold`, { reason: 'stock' }, key);
  same(b.text, a.text);
  same((await s.get(`/v1/orders/${id}`)).json.holds, []);
  same((await s.get(`/v1/orders/${id}/events`)).json.data.filter((e) => e.type === 'order.hold').length, 1);
});

test('the same key with another request is 422 and runs nothing', async () => {
  const { id } = await put();
  const key = { 'idempotency-key': unique('k') };
  await post(200, `/v1/orders/${id}/hold`, { reason: 'a' }, key);
  const a = await post(422, `/v1/orders/${id}/hold`, { reason: 'b' }, key);
  same(a.json.code, 'key_reused');
  same((await post(422, `/v1/orders/${id}/release`, { reason: 'a' }, key)).json.code, 'key_reused');
  same((await s.get(`/v1/orders/${id}`)).json.holds.map((h) => h.reason), ['a']);
});

test('a key belongs to its caller', async () => {
  const { id } = await put();
  const key = { 'idempotency-key': unique('k') };
  await post(200, `/v1/orders/${id}/hold`, { reason: 'mine' }, key);
  await post(200, `/v1/orders/${id}/hold`, { reason: 'yours' }, key, { token: cs });
  same((await s.get(`/v1/orders/${id}`)).json.holds.map((h) => h.reason).sort(), ['mine', 'yours']);
});

test('one key a hundred times at once: one order, one answer', async () => {
  const o = order();
  const key = { 'idempotency-key': unique('k') };
  const all = await Promise.all(Array.from({ length: 100 }, () => s.post('/v1/orders', o, { headers: key })));
  same([...new Set(all.map((a) => `${a.status} ${a.text}`))].length, 1, 'different answers');
  same(all[0].status, 201);
  same((await s.get(`/v1/orders/${all[0].json.id}/events`)).json.data.filter((e) => e.type === 'order.created').length, 1);
});

test('one order a hundred times at once, without a key: one order', async () => {
  const o = order();
  const all = await Promise.all(Array.from({ length: 100 }, () => s.post('/v1/orders', o)));
  same(all.filter((a) => a.status === 201).length, 1);
  same(all.filter((a) => a.status === 200 && a.json.result === 'unchanged').length, 99);
  same([...new Set(all.map((a) => a.json.id))].length, 1);
});

test('keys that are none are 400', async () => {
  for (const key of ['', 'a b', 'x'.repeat(256), 'ü'].map((k) => Buffer.from(k).toString('latin1'))) {
    const a = await s.post('/v1/orders', order(), { headers: { 'idempotency-key': key } });
    same([a.status, a.json.code], [400, 'bad_idempotency_key'], key.slice(0, 10));
  }
  await post(201, '/v1/orders', order(), { 'idempotency-key': 'x'.repeat(255) });
});

test('a refused request is not remembered', async () => {
  const { id } = await put();
  const key = { 'idempotency-key': unique('k') };
  await post(409, `/v1/orders/${id}/release`, {}, key);
  await post(200, `/v1/orders/${id}/hold`, { reason: 'x' });
  await post(200, `/v1/orders/${id}/release`, {}, key);
});

test('moves by the table only', async () => {
  const { id } = await put();
  const o = (await s.get(`/v1/orders/${id}`)).json;
  const a = await post(409, `/v1/orders/${id}/transitions`, { to: 'completed' });
  same([a.json.code, a.json.type, a.json.allowed], ['illegal_transition', '/problems/illegal_transition', o.next]);
  same((await s.get(`/v1/orders/${id}`)).json, o);
  const b = await post(200, `/v1/orders/${id}/transitions`, { to: 'split', note: 'one parcel', if_version: 1 });
  same([b.json.status, b.json.version, b.headers.etag], ['split', 2, '"2"']);
  same((await post(422, `/v1/orders/${id}/transitions`, { to: 'nowhere' })).json.code, 'unknown_status');
  await post(404, '/v1/orders/o_999999/transitions', { to: 'split' });
  await post(422, `/v1/orders/${id}/transitions`, {});
  await post(422, `/v1/orders/${id}/transitions`, { to: 'split', status: 'shipped' });
  const events = (await s.get(`/v1/orders/${id}/events`)).json.data;
  const move = events.find((e) => e.type === 'order.status');
  same([move.data.from, move.data.to, move.actor], ['paid', 'split', 'token:admin']);
});

test('a stale version is 412 and changes nothing', async () => {
  const { id } = await put();
  await post(200, `/v1/orders/${id}/hold`, { reason: 'a' }, { 'if-match': '"1"' });
  for (const [path, body] of [['hold', { reason: 'b' }], ['release', {}], ['cancel', { reason: 'c' }], ['transitions', { to: 'split' }]]) {
    const a = await post(412, `/v1/orders/${id}/${path}`, body, { 'if-match': '"1"' });
    same([a.json.code, a.json.version], ['stale_version', 2], path);
    await post(412, `/v1/orders/${id}/${path}`, { ...body, if_version: 1 });
  }
  await post(200, `/v1/orders/${id}/release`, {}, { 'if-match': '*' });
  for (const bad of ['1', 'W/"1"', '"1", "2"', '"x"', '""'])
    same((await post(400, `/v1/orders/${id}/hold`, { reason: 'b' }, { 'if-match': bad })).json.code, 'bad_if_match', bad);
});

test('If-Match speaks about one order: not of a batch, not of a stream', async () => {
  const o = order();
  const headers = { 'if-match': '"1"' };
  same((await post(400, '/v1/orders', { orders: [o] }, headers)).json.code, 'bad_if_match');
  const line = await s.call('POST', '/v1/orders', { body: `${JSON.stringify(o)}\n`, type: 'application/x-ndjson', headers });
  same([line.status, line.json.code], [400, 'bad_if_match']);
  await s.want(404, 'GET', `/v1/orders/${o.channel}:${o.external_id}`);
});

test('two edit one order at once: one wins, the other is told', async () => {
  for (let i = 0; i < 10; i++) {
    const { id } = await put();
    const two = await Promise.all([s.admin, cs].map((token) => s.post(`/v1/orders/${id}/hold`, { reason: `by-${token === cs}`, if_version: 1 }, { token })));
    same(two.map((a) => a.status).sort(), [200, 412]);
  }
});

test('a hold stops every forward move and says why', async () => {
  const { id } = await put();
  await post(200, `/v1/orders/${id}/hold`, { reason: 'fraud', note: 'look at the address' });
  const o = (await s.get(`/v1/orders/${id}`)).json;
  same([o.holds[0].reason, o.holds[0].note, o.holds[0].actor], ['fraud', 'look at the address', 'token:admin']);
  const a = await post(409, `/v1/orders/${id}/transitions`, { to: 'split' });
  same(a.json.code, 'on_hold');
  await post(200, `/v1/orders/${id}/release`, { reason: 'fraud' });
  same((await post(409, `/v1/orders/${id}/release`, { reason: 'fraud' })).json.code, 'not_held');
  await post(200, `/v1/orders/${id}/transitions`, { to: 'split' });
  await post(422, `/v1/orders/${id}/hold`, {});
  await post(422, `/v1/orders/${id}/hold`, { reason: 7 });
});

test('cancel is final', async () => {
  const { id } = await put();
  const a = await post(200, `/v1/orders/${id}/cancel`, { reason: 'customer' });
  same([a.json.status, a.json.next.includes('split')], ['cancelled', false]);
  same(a.json.group, null);
  await post(409, `/v1/orders/${id}/transitions`, { to: 'split' });
  await post(409, `/v1/orders/${id}/hold`, { reason: 'x' });
});

function twins() {
  const o = order();
  return [o, order({ channel: 'shop-2', receiver: o.receiver, placed_at: '2026-11-11T09:00:00+08:00' })];
}

test('two orders of one customer share a group, until a person parts them', async () => {
  const [x, y] = twins();
  const a = await put(x), b = await put(y);
  same(a.group !== undefined && a.group === b.group, true, 'one group');
  const g = (await s.want(200, 'GET', `/v1/groups/${b.group}`));
  same(g.json.orders.map((o) => o.id), [a.id, b.id]);
  same(g.headers.etag, `"${g.json.version}"`);
  const why = (await s.want(200, 'GET', `/v1/orders/${b.id}/why`)).json;
  same(why.group.orders, [a.id, b.id]);
  await post(412, `/v1/groups/${b.group}/remove`, { order: b.id, if_version: g.json.version + 5 });
  await post(200, `/v1/groups/${b.group}/remove`, { order: b.id, note: 'a gift' }, { 'if-match': g.headers.etag });
  same((await s.get(`/v1/orders/${b.id}`)).json.group.orders, [b.id]);
  await s.want(200, 'POST', '/v1/orders', { body: { ...y, total: '190.00', updated_at: '2026-11-12T00:00:00+08:00' } });
  same((await s.get(`/v1/orders/${b.id}`)).json.group.orders, [b.id], 'merged again');
  const home = (await s.get(`/v1/orders/${a.id}`)).json.group.id;
  await post(200, `/v1/groups/${home}/add`, { order: `shop-2:${y.external_id}` });
  same((await s.get(`/v1/orders/${a.id}`)).json.group.orders, [a.id, b.id]);
  await post(200, `/v1/groups/${(await s.get(`/v1/orders/${a.id}`)).json.group.id}/lock`, undefined);
  const locked = (await s.get(`/v1/orders/${a.id}`)).json.group;
  same(locked.state, 'locked');
  same((await post(409, `/v1/groups/${locked.id}/remove`, { order: b.id })).json.code, 'group_locked');
  await post(404, '/v1/groups/g_999999/lock', {});
  await post(404, '/v1/groups/nonsense/lock', {});
});

test('groups are listed', async () => {
  for (const query of ['', '?state=open', '?state=locked', '?several=true', '?proposed=true', '?limit=1']) await s.want(200, 'GET', `/v1/groups${query}`);
  check((await s.get('/v1/groups?several=true&limit=500')).json.data.every((g) => g.orders.length > 1), 'several');
  await s.want(400, 'GET', '/v1/groups?state=broken');
  await s.want(400, 'GET', '/v1/groups?several=1');
});

test('exceptions: given, resolved once', async () => {
  const kept = await s.want(201, 'POST', '/v1/payloads', { body: { channel: 'tmall-home', raw: 'row 7', error: { code: 'bad_row', detail: 'no number' } } });
  const list = (await s.want(200, 'GET', '/v1/exceptions?state=open&type=mapping_failed')).json.data;
  const x = list.find((e) => e.payload === kept.json.id);
  check(x, 'no exception');
  const one = await s.want(200, 'GET', `/v1/exceptions/${x.id}`);
  same([one.json.id, one.headers.etag], [x.id, `"${x.version}"`]);
  await s.want(201, 'POST', '/v1/users', { body: { name: 'amy', roles: 'cs' } });
  await post(200, `/v1/exceptions/${x.id}/assign`, { owner: 'warehouse', assignee: 'amy' });
  same((await post(422, `/v1/exceptions/${x.id}/assign`, { assignee: 'nobody' })).json.code, 'unknown_user');
  await post(422, `/v1/exceptions/${x.id}/assign`, { owner: 'king' });
  await post(412, `/v1/exceptions/${x.id}/resolve`, { note: 'seen' }, { 'if-match': `"${x.version}"` });
  await post(422, `/v1/exceptions/${x.id}/resolve`, {});
  const done = await post(200, `/v1/exceptions/${x.id}/resolve`, { note: 'seen' });
  same([done.json.state, done.json.resolved_by, done.json.note], ['resolved', 'token:admin', 'seen']);
  same((await post(409, `/v1/exceptions/${x.id}/resolve`, { note: 'again' })).json.code, 'resolved');
  await s.want(404, 'GET', '/v1/exceptions/x_999999');
  for (const q of ['state=nope', 'order=x_1', 'limit=0']) await s.want(400, 'GET', `/v1/exceptions?${q}`);
});

test('text with control characters and markup comes back as it went in', async () => {
  const { id } = await put();
  const note = '<script>alert(1)</script> "quoted" \\ tab\t line\n \u202e \u2028 😀';
  const a = await post(200, `/v1/orders/${id}/hold`, { reason: 'text', note });
  same(a.json.holds[0].note, note);
});

endServer(s);
