// Personal data and secrets: nowhere but where they belong, whoever asks, in whatever way.
import fs from 'node:fs';
import http from 'node:http';
import { check, endServer, order, same, Server, sleep, test, withServer } from '../http_api/lib.mjs';

const s = withServer();
const MASKED = ['production', 'finance', 'viewer'];
const token = {};
/* What must not be seen: two orders that merge by it, so that the decision speaks about it too. */
const secret = { name: '欧阳密语', phone: '13700112233', address: '保密大道 4711 号 7 幢 1902 室', zip: '310099', token: 'oaid-Zz9-secret', buyer: '慕容隐姓', buyerPhone: '13600445566' };
const receiver = { name: secret.name, phone: secret.phone, country: 'CN', province: '浙江省', city: '杭州市', district: '西湖区', town: '隐秘街道', address: secret.address, zip: secret.zip, token: secret.token };
const HIDDEN = [secret.name, secret.phone, '保密大道', '4711', '1902', '隐秘街道', secret.zip, secret.token, secret.buyer, secret.buyerPhone];
let a, b, failed;

test('two orders of one person, changed, held, parted; one payload that failed', async () => {
  for (const role of [...MASKED, 'cs']) token[role] = await s.token(`leak-${role}`, role);
  const base = { receiver, buyer: { id: 'b1', name: secret.buyer, phone: secret.buyerPhone }, channel: 'leak-1' };
  a = (await s.want(201, 'POST', '/v1/orders', { body: order({ ...base, external_id: 'L1' }) })).json;
  b = (await s.want(201, 'POST', '/v1/orders', { body: order({ ...base, external_id: 'L2', channel: 'leak-2', receiver: { ...receiver, address: `${secret.address}（放门口）` } }) })).json;
  await s.want(201, 'POST', '/v1/orders', { body: order({ ...base, external_id: 'L3', channel: 'leak-2', receiver: { ...receiver, address: '保密大道 4711 号 9 幢 1902 室' } }) });
  await s.want(200, 'POST', '/v1/orders', { body: order({ ...base, external_id: 'L1', updated_at: '2026-11-11T00:10:00+08:00', receiver: { ...receiver, address: '保密大道 4711 号 8 幢 1902 室', phone: '13700112299' } }) });
  await s.want(200, 'POST', '/v1/orders', { body: order({ ...base, external_id: 'L1', updated_at: '2026-11-11T00:10:00+08:00', receiver: { ...receiver, name: '欧阳密语' } }) });
  await s.want(200, 'POST', `/v1/orders/${a.id}/hold`, { body: { reason: 'look' } });
  failed = (await s.want(201, 'POST', '/v1/payloads', { body: { channel: 'leak-1', source: 'file', raw: JSON.stringify(order(base)), error: { code: 'bad_row', detail: 'no number', row: 3 } } })).json;
  await s.want(422, 'POST', `/v1/payloads/${failed.id}/retry`, { body: { order: { ...order(base), status: secret.name, currency: secret.phone } } });
  await s.post(`/v1/payloads/${failed.id}/retry`, {});
});

const paths = () => [`/v1/orders/${a.id}`, `/v1/orders/${b.id}`, '/v1/orders/leak-1:L1', '/v1/orders?limit=500', `/v1/orders/${a.id}/why`, `/v1/orders/${b.id}/why`, `/v1/orders/${a.id}/events`,
  '/v1/events?limit=500', '/v1/groups', `/v1/groups/${b.group}`, '/v1/payloads', `/v1/payloads/${failed.id}`, '/v1/exceptions', '/v1/channels', '/v1/stats/counts', '/metrics', '/healthz', '/readyz', '/', '/openapi.json',
  ...['placed_at', '-placed_at', 'id', 'due_at'].map((x) => `/v1/orders?sort=${x}&limit=500`)];

test('a masked role sees nothing of it, on no path', async () => {
  for (const role of MASKED)
    for (const path of paths()) {
      const r = await s.want(200, 'GET', path, { token: token[role] });
      for (const x of HIDDEN) check(!r.text.includes(x) && !JSON.stringify(r.headers).includes(encodeURIComponent(x)), `${role} ${path} shows ${x}`);
    }
  for (const path of ['/metrics', '/healthz', '/readyz', '/v1/stats/counts', '/v1/groups', '/v1/events?limit=500', '/v1/exceptions', '/v1/channels', '/v1/payloads'])
    for (const x of HIDDEN) check(!(await s.get(path)).text.includes(x), `${path} shows ${x} to an admin, who did not ask for it`);
});

test('a masked role cannot find by what it may not see: no oracle', async () => {
  const of = async (role, q) => (await s.want(200, 'GET', `/v1/orders?${q}&limit=500`, { token: token[role] })).json;
  const q = (x) => `q=${encodeURIComponent(x)}`;
  for (const fresh of [true, false]) { /* before the index has it, and after */
    if (fresh) await s.want(201, 'POST', '/v1/orders', { body: order({ channel: 'leak-3', external_id: 'L9', receiver }) });
    else await s.until('the index', async () => (await of('cs', q('保密'))).data.length >= 4);
    for (const x of ['欧阳', '欧阳密语', secret.phone, '13700', `+86${secret.phone}`, '137 0011 2233', '保密', '保密大道', '4711', '1902', secret.zip, secret.token, '慕容', secret.buyerPhone, '隐秘街道',
      '１３７００１１２２３３', `${secret.phone} L9`, '欧阳 L9', '放门口'])
      for (const role of MASKED) {
        const found = await of(role, q(x));
        check(!found.data.some((o) => /^leak-/.test(o.channel)), `${role} finds by ${x}`);
      }
    check((await of('viewer', q('L9'))).data.length >= 1, 'a number finds');
  }
  for (const role of MASKED)
    for (const [filter, status] of [['phone=2233', 400], ['receiver.phone=13700112233', 400], ['name=x', 400], ['sort=phone', 400], ['sort=receiver_name', 400], [`sku=${encodeURIComponent(secret.name)}`, 200]]) {
      const r = await s.call('GET', `/v1/orders?${filter}`, { token: token[role] });
      same(r.status, status, filter);
      if (status === 200) same(r.json.data, []);
    }
});

test('remarks: numbers in them are hidden however they are written', async () => {
  const kinds = ['13800138000', '138 0013 8000', '138-0013-8000', '138.0013.8000', '１３８００１３８０００', '138（0013）8000', '+8613800138000', '138/0013/8000', '138,0013,8000', '(138)00138000', '138_0013_8000'];
  for (const text of kinds) {
    const { id } = (await s.want(201, 'POST', '/v1/orders', { body: order({ remarks: { buyer: `call ${text} first`, seller: text, flag: '' } }) })).json;
    for (const path of [`/v1/orders/${id}`, '/v1/orders?limit=1', `/v1/orders/${id}/events`, `/v1/orders/${id}/why`])
      check(!(await s.get(path, { token: token.viewer })).text.includes(text), `${path}: ${text}`);
    check((await s.get(`/v1/orders/${id}`, { token: token.cs })).text.includes(text), 'cs does not see it');
  }
});

test('live events carry no more than the list', async () => {
  const text = await new Promise((done) => {
    let got = '';
    const req = http.get({ host: '127.0.0.1', port: s.port, path: '/v1/events?since=0', headers: { host: 'localhost', authorization: `Bearer ${token.viewer}`, accept: 'text/event-stream' } }, (res) => {
      res.on('data', (d) => { got += d; });
      res.on('error', () => {});
    });
    req.on('error', () => {});
    setTimeout(() => { req.destroy(); done(got); }, 700);
  });
  check(text.includes('order.created'), 'no events came');
  for (const x of HIDDEN) check(!text.includes(x), x);
});

test('problems do not repeat what was sent', async () => {
  const o = order({ receiver: { ...receiver, phone: { x: secret.phone } }, status: secret.name, currency: secret.address, total: secret.phone, placed_at: secret.name });
  for (const r of [await s.post('/v1/orders', o), await s.post('/v1/orders', { orders: [o] }), await s.call('POST', '/v1/orders', { body: `${JSON.stringify(o)}\n`, type: 'application/x-ndjson' })])
    for (const x of HIDDEN) check(!r.text.includes(x), `${r.status}: ${x}`);
});

test('a cursor tells and takes nothing but a place: no edit passes, no list takes another’s', async () => {
  const next = (await s.get('/v1/orders?limit=1', { token: token.viewer })).json.next;
  const bytes = Buffer.from(next, 'base64url').toString('latin1');
  for (const x of HIDDEN) check(!bytes.includes(x), x);
  for (let i = 0; i < next.length; i++) {
    const edited = next.slice(0, i) + (next[i] === 'A' ? 'B' : 'A') + next.slice(i + 1);
    same((await s.get(`/v1/orders?limit=1&cursor=${edited}`)).status, 400, edited);
  }
  for (const list of ['groups', 'payloads', 'exceptions']) same((await s.get(`/v1/${list}?cursor=${next}`)).status, 400, list);
});

test('a channel’s machine learns nothing of another channel', async () => {
  const t = await s.token('machine', 'channel', { channel: 'leak-1' });
  const whole = (await s.want(200, 'GET', '/v1/orders?limit=500', { token: t })).text + (await s.want(200, 'GET', `/v1/orders/${a.id}`, { token: t })).text;
  check(!whole.includes('leak-2'), 'the name of another channel');
  for (const q of ['q=L2', 'q=leak-2:L2', `q=${b.id}`, `q=${encodeURIComponent(secret.name)}`, `group=${b.group}`])
    check((await s.want(200, 'GET', `/v1/orders?${q}`, { token: t })).json.data.every((o) => o.channel === 'leak-1'), q);
  for (const path of [`/v1/orders/${b.id}`, '/v1/orders/leak-2:L2', '/v1/orders/leak-2:nothing', '/v1/orders/o_424242'])
    same((await s.get(path, { token: t })).json.detail, (await s.get('/v1/orders/o_424242', { token: t })).json.detail, path);
  const r = await s.post('/v1/orders', { orders: [order({ channel: 'leak-1' }), order({ channel: 'leak-2' })] }, { token: t });
  same(r.json.results.map((x) => x.status), [201, 403]);
  const n = await s.call('POST', '/v1/orders', { token: t, body: `${JSON.stringify(order({ channel: 'leak-2' }))}\n`, type: 'application/x-ndjson' });
  same(JSON.parse(n.text).status, 403);
});

test('one key of two callers are two keys, also for a channel’s machine', async () => {
  const t = await s.token('machine-2', 'channel', { channel: 'leak-5' });
  const headers = { 'idempotency-key': 'shared' };
  const x = await s.want(201, 'POST', '/v1/orders', { headers, body: order({ channel: 'leak-5' }) });
  const y = await s.want(201, 'POST', '/v1/orders', { headers, token: t, body: order({ channel: 'leak-5' }) });
  check(x.json.id !== y.json.id, 'an answer of somebody else');
});

test('the log, the process list and the files hold no secret', async () => {
  const log = s.log;
  for (const x of [...HIDDEN, s.admin, ...Object.values(token)]) check(!log.includes(x), `the log shows ${x}`);
  const args = fs.readFileSync(`/proc/${s.child.pid}/cmdline`, 'utf8');
  check(!args.includes(s.admin), 'the process list shows the token');
  for (const name of fs.readdirSync(s.dir)) {
    const st = fs.lstatSync(s.file(name));
    same(st.mode & 0o077, 0, name);
    if (st.isFile() && name !== 'admin.token') {
      const bytes = fs.readFileSync(s.file(name));
      for (const t of [s.admin, ...Object.values(token)]) check(!bytes.includes(t), `${name} holds a token`);
    }
  }
});

test('nobody can write a line of his own into the log', async () => {
  const forged = '2026-01-01T00:00:00.000Z ERROR forged';
  const names = [`x\n${forged}`, `x\r\n${forged}`, `x\u2028${forged}`, `x\u001b[2J${forged}`, `x\u0085${forged}`];
  for (const x of names) {
    await s.post('/v1/orders', order({ channel: x, external_id: x }));
    await s.post('/v1/tokens', { name: x, roles: 'cs' });
    await s.post('/v1/users', { name: x, roles: 'cs' });
    await s.get(`/v1/orders/${encodeURIComponent(x)}`);
    await s.post(`/v1/orders/${encodeURIComponent(x)}/hold`, { reason: x });
    await s.post('/v1/payloads', { channel: 'leak-1', raw: x, error: { code: x, detail: x } });
    await s.post('/v1/orders', order(), { headers: { 'user-agent': x.replace(/[^ -~]/g, ' ') } });
  }
  check(!s.log.includes('forged'), s.log.slice(-500));
});

endServer(s);

test('the environment of the process holds no secret it made, and a core is not written', async () => {
  const r = await new Server().start();
  const limits = fs.readFileSync(`/proc/${r.child.pid}/limits`, 'utf8');
  check(/^Max core file size\s+0\s+0/m.test(limits), limits.split('\n').find((l) => /core/.test(l)));
  check(!fs.readFileSync(`/proc/${r.child.pid}/environ`, 'utf8').includes(r.admin), 'the environment shows the token');
  await sleep(0);
  await r.drop();
});
