// Who may call what: every role on every route, tokens that are missing, garbled, revoked or expired, and what
// those see who may not see everything.
import { check, endServer, order, same, Server, sleep, test, withServer } from './lib.mjs';

const s = withServer();
const ROLES = ['admin', 'cs', 'warehouse', 'production', 'finance', 'viewer', 'channel'];
const token = {};

test('a token per role', async () => {
  for (const role of ROLES) token[role] = await s.token(`t-${role}`, role, role === 'channel' ? { channel: 'tmall-home' } : {});
});

function operations() {
  const all = [];
  for (const [path, item] of Object.entries(Server.doc.paths))
    for (const [method, op] of Object.entries(item)) all.push({ method: method.toUpperCase(), path, op });
  return all;
}
const target = (path) => path.replace('{id}', path.includes('orders') ? 'o_999999' : 'zz_999999');
const granted = (op) => op.security?.length === 0 ? ROLES
  : /^Roles: ([^.]*)\./.exec(op.description)[1].split(',').map((r) => r.trim().split(' ')[0]);

test('each role reaches the routes that name it, and no other', async () => {
  for (const { method, path, op } of operations()) {
    if (['backup', 'setChannelSecret'].includes(op.operationId)) continue; /* the Unix socket's */
    for (const role of ROLES) {
      const a = await s.call(method, target(path), { token: token[role], body: method === 'POST' ? {} : undefined });
      const may = granted(op).includes(role);
      check(may ? a.status !== 401 && a.status !== 403 : a.status === 403, `${role} ${method} ${path}: ${a.status}`);
    }
  }
});

test('a viewer changes nothing', async () => {
  for (const { method, path, op } of operations()) // a hook asks for a platform's signature, whoever calls
    if (method === 'POST' && op.security?.length !== 0 && !path.startsWith('/v1/session/')) same((await s.call(method, target(path), { token: token.viewer, body: {} })).status, 403, path);
});

test('without a token only the open routes answer', async () => {
  for (const { method, path, op } of operations()) {
    const a = await s.call(method, target(path), { token: null, body: method === 'POST' ? {} : undefined });
    if (op.security?.length === 0) check(a.status === (path.includes('{id}') ? 404 : method === 'POST' ? 422 : 200), `${path}: ${a.status}`);
    else {
      same(a.status, 401, path);
      check(/^Bearer/.test(a.headers['www-authenticate']), `${path} has no WWW-Authenticate`);
    }
  }
});

test('other methods are 405 with Allow, other paths 404', async () => {
  for (const [path, item] of Object.entries(Server.doc.paths))
    for (const method of ['DELETE', 'PUT', 'PATCH', 'GET', 'POST']) {
      if (item[method.toLowerCase()]) continue;
      const a = await s.call(method, target(path), { body: ['GET', 'DELETE'].includes(method) ? undefined : {} });
      if (['/v1/payloads/retry', '/v1/effects/retry', '/v1/effects/release', '/v1/rules/dry-run', '/v1/notices/test'].includes(path) && method === 'GET') continue; /* reads as the one of that id */
      same(a.status, 405, `${method} ${path}`);
      for (const m of Object.keys(item)) check(a.headers.allow?.split(', ').includes(m.toUpperCase()), `${path}: Allow ${a.headers.allow}`);
    }
  for (const path of ['/v2/orders', '/v1', '/v1/', '/v1/orders/o_1/nothing', '/admin', '/v1/orders/o_1/events/x', '/.git/config'])
    await s.want(404, 'GET', path);
});

test('a token is taken from the header only, and whole', async () => {
  const t = s.admin;
  for (const [headers, path] of [
    [{}, `/v1/orders?token=${t}`], [{}, `/v1/orders?access_token=${t}`], [{ cookie: `token=${t}` }, '/v1/orders'],
    [{ authorization: t }, '/v1/orders'], [{ authorization: `Basic ${t}` }, '/v1/orders'], [{ authorization: 'Bearer' }, '/v1/orders'],
    [{ authorization: `Bearer ${t} x` }, '/v1/orders'], [{ authorization: `Bearer ${t.slice(0, -1)}` }, '/v1/orders'],
    [{ authorization: `Bearer ${t}x` }, '/v1/orders'], [{ authorization: `Bearer ${t.toLowerCase()}` }, '/v1/orders'],
    [{ 'x-api-key': t }, '/v1/orders'],
  ]) same((await s.call('GET', path, { token: null, headers })).status, 401, JSON.stringify(headers));
  await s.want(200, 'GET', '/v1/orders', { token: null, headers: { authorization: `bearer ${t}` } });
});

test('a revoked token stops at once, an expired one in time', async () => {
  const a = await s.want(201, 'POST', '/v1/tokens', { body: { name: 'short', roles: 'cs' } });
  await s.want(200, 'GET', '/v1/orders', { token: a.json.token });
  await s.want(200, 'POST', `/v1/tokens/${a.json.id}/revoke`, {});
  await s.want(401, 'GET', '/v1/orders', { token: a.json.token });
  await s.want(404, 'POST', `/v1/tokens/${a.json.id}/revoke`, {});
  const soon = new Date(Date.now() + 1500).toISOString();
  const b = await s.want(201, 'POST', '/v1/tokens', { body: { name: 'sooner', roles: 'cs', expires_at: soon } });
  await s.want(200, 'GET', '/v1/orders', { token: b.json.token });
  await sleep(1700);
  await s.want(401, 'GET', '/v1/orders', { token: b.json.token });
  await s.want(422, 'POST', '/v1/tokens', { body: { name: 'past', roles: 'cs', expires_at: '2020-01-01T00:00:00Z' } });
});

test('tokens are shown once and never listed', async () => {
  const a = await s.want(201, 'POST', '/v1/tokens', { body: { name: 'secret', roles: 'viewer' } });
  check(a.json.token.length >= 40, 'a short token');
  const list = await s.want(200, 'GET', '/v1/tokens');
  for (const t of [a.json.token, s.admin]) check(!list.text.includes(t), 'a token in the list');
  for (const path of ['/v1/events', '/metrics', '/v1/users']) check(!(await s.get(path)).text.includes(a.json.token), path);
  await s.want(409, 'POST', '/v1/tokens', { body: { name: 'secret', roles: 'viewer' } });
});

test('a channel token speaks for its channel only', async () => {
  const t = token.channel;
  const own = (await s.want(201, 'POST', '/v1/orders', { token: t, body: order() })).json.id;
  const other = (await s.want(201, 'POST', '/v1/orders', { body: order({ channel: 'shop-2' }) })).json.id;
  const a = await s.want(403, 'POST', '/v1/orders', { token: t, body: order({ channel: 'shop-2' }) });
  same(a.json.code, 'other_channel');
  await s.want(200, 'GET', `/v1/orders/${own}`, { token: t });
  await s.want(404, 'GET', `/v1/orders/${other}`, { token: t });
  const list = await s.want(200, 'GET', '/v1/orders', { token: t });
  check(list.json.data.length && list.json.data.every((o) => o.channel === 'tmall-home'), 'the list shows another channel');
  await s.want(403, 'GET', '/v1/orders?channel=shop-2', { token: t });
  const p = (await s.get(`/v1/orders/${other}`)).json.payload;
  await s.want(404, 'GET', `/v1/payloads/${p}`, { token: t });
  await s.want(403, 'POST', '/v1/payloads', { token: t, body: { channel: 'shop-2', raw: 'x', error: { code: 'c', detail: 'd' } } });
  await s.want(422, 'POST', '/v1/tokens', { body: { name: 'both', roles: 'channel,cs', channel: 'x' } });
});

test('names, phones and addresses are masked for who does not need them', async () => {
  const o = order({ remarks: { buyer: '13812345678', seller: '', flag: '' } });
  const id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
  const secrets = [o.receiver.phone, o.receiver.address, o.receiver.name];
  for (const role of ROLES.filter((r) => r !== 'channel')) {
    const full = ['admin', 'cs', 'warehouse'].includes(role);
    for (const path of [`/v1/orders/${id}`, '/v1/orders', `/v1/orders/${id}/why`, `/v1/orders/${id}/events`, '/v1/events?limit=500', '/v1/groups']) {
      const a = await s.want(200, 'GET', path, { token: token[role] });
      const shown = secrets.filter((x) => a.text.includes(x));
      if (full && /orders(\/o_\d+)?$/.test(path)) same(shown.length, 3, `${role} ${path}`);
      if (!full) same(shown, [], `${role} ${path}`);
    }
    const payload = (await s.get(`/v1/orders/${id}`)).json.payload;
    const p = await s.want(200, 'GET', `/v1/payloads/${payload}`, { token: token[role] });
    same(p.text.includes(o.receiver.phone), full, `${role} payload`);
  }
  const held = await s.want(200, 'POST', `/v1/orders/${id}/hold`, { token: token.finance, body: { reason: 'look' } });
  for (const x of secrets) check(!held.text.includes(x), 'an answer to a write shows it');
});

test('who was shown data in full is an event', async () => {
  const id = (await s.want(201, 'POST', '/v1/orders', { body: order() })).json.id;
  await s.get(`/v1/orders/${id}`, { token: token.cs });
  await s.get(`/v1/orders/${id}`, { token: token.finance });
  const seen = async () => (await s.get('/v1/events?limit=500')).json.data.filter((e) => e.type === 'pii.seen' && e.data.orders.includes(id));
  await s.until('pii.seen', async () => (await seen()).some((e) => e.actor === 'token:t-cs' && e.data.what === 'view'));
  check(!(await seen()).some((e) => e.actor === 'token:t-finance'), 'a masked view was noted as a full one');
});

test('the Unix socket is admin without a token', async () => {
  await s.want(200, 'GET', '/v1/tokens', { token: null, socket: true });
  const a = await s.want(201, 'POST', '/v1/orders', { token: null, socket: true, body: order() });
  const e = await s.get(`/v1/orders/${a.json.id}/events`);
  same(e.json.data[0].actor, 'local');
  await s.want(401, 'GET', '/v1/tokens', { token: 'wrong', socket: true });
});

endServer(s);

test('guessing slows down, a valid token never does', async () => {
  const g = await new Server().start();
  const codes = [];
  for (let i = 0; i < 40; i++) codes.push((await g.get('/v1/orders', { token: `guess-${i}` })).status);
  check(codes.slice(0, 5).every((c) => c === 401), 'throttled too early');
  check(codes.includes(429), 'never throttled');
  const a = await g.get('/v1/orders', { token: 'guess' });
  same(a.status, 429);
  check(Number(a.headers['retry-after']) >= 1, 'no Retry-After');
  await g.want(200, 'GET', '/v1/orders');
  await g.want(200, 'GET', '/healthz', { token: null });
  await g.drop();
});
