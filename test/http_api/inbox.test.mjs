// What arrived: kept, mended, put aside; a rush that is only taken; a disk that is nearly full.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { check, endServer, order, same, Server, skip, sleep, test, withServer } from './lib.mjs';

const s = withServer();
const keep = (raw, more = {}) => s.want(201, 'POST', '/v1/payloads',
  { body: { channel: 'tmall-home', source: 'file', raw, error: { code: 'bad_row', detail: 'the number is damaged', row: 7, column: 'no' }, ...more } });

test('an applied payload holds what arrived, byte for byte', async () => {
  const text = JSON.stringify(order(), null, 1);
  const a = await s.want(201, 'POST', '/v1/orders', { body: text });
  const o = (await s.get(`/v1/orders/${a.json.id}`)).json;
  const p = await s.want(200, 'GET', `/v1/payloads/${o.payload}`);
  same([p.json.state, p.json.source, p.json.channel, p.json.orders, p.json.size], ['applied', 'api', 'tmall-home', [a.json.id], Buffer.byteLength(text)]);
  same(p.json.body, text);
  for (const id of ['p_999999', 'o_1', 'nonsense']) await s.want(404, 'GET', `/v1/payloads/${id}`);
});

test('what cannot be mapped is kept with its reason, and mended', async () => {
  const a = await keep('7;;x');
  const p = (await s.want(200, 'GET', `/v1/payloads/${a.json.id}`)).json;
  same([p.state, p.source, p.error.code, p.error.row, p.body], ['failed', 'file', 'bad_row', 7, '7;;x']);
  const open = (await s.want(200, 'GET', '/v1/payloads?state=failed&channel=tmall-home')).json.data;
  check(open.some((x) => x.id === a.json.id), 'not in the list');
  const again = await s.want(200, 'POST', `/v1/payloads/${a.json.id}/retry`, {});
  same(again.json.state, 'failed');
  await s.want(422, 'POST', `/v1/payloads/${a.json.id}/retry`, { body: { order: { channel: 'x' } } });
  const mended = await s.want(200, 'POST', `/v1/payloads/${a.json.id}/retry`, { body: { order: order() } });
  same([mended.json.state, mended.json.orders.length], ['applied', 1]);
  await s.want(409, 'POST', `/v1/payloads/${a.json.id}/retry`, {});
  await s.want(409, 'POST', `/v1/payloads/${a.json.id}/discard`, { body: { note: 'x' } });
});

test('put aside for good, with a note', async () => {
  const a = await keep('junk');
  await s.want(422, 'POST', `/v1/payloads/${a.json.id}/discard`, { body: {} });
  const b = await s.want(200, 'POST', `/v1/payloads/${a.json.id}/discard`, { body: { note: 'a test row' } });
  same(b.json.state, 'dead');
  same((await s.get(`/v1/payloads/${a.json.id}`)).json.state, 'dead');
  same((await s.get('/v1/exceptions?state=open&type=mapping_failed')).json.data.filter((x) => x.payload === a.json.id), []);
});

test('all failed ones again', async () => {
  const good = JSON.stringify(order({ channel: 'again' }));
  await keep(good, { channel: 'again' });
  await keep('never', { channel: 'again' });
  const a = await s.want(200, 'POST', '/v1/payloads/retry', {});
  same(a.json.applied, 1);
  check(a.json.failed >= 1, a.text);
  same((await s.get('/v1/orders?channel=again')).json.data.length, 1);
});

test('what is asked wrongly', async () => {
  for (const q of ['state=lost', 'limit=0', 'cursor=x', 'colour=red']) await s.want(400, 'GET', `/v1/payloads?${q}`);
  for (const body of [{}, { channel: 'a', raw: 'x' }, { channel: 'a', raw: 'x', error: 'text' }, { channel: 'a', raw: 'x', error: {} },
    { channel: 'a', raw: 'x', error: { code: 'a', detail: 'b' }, source: 'poll' }, { channel: 'a b', raw: 'x', error: { code: 'a', detail: 'b' } },
    { channel: 'a', raw: 'x', error: { code: 'a', detail: 'b' }, state: 'applied' }])
    await s.want(422, 'POST', '/v1/payloads', { body });
});

endServer(s);

test('a rush is taken, answered 202 with a place to look, and applied in its own time', async () => {
  const r = await new Server({ conf: '[intake]\nsurge_queue = 1\n' }).start();
  const all = [];
  for (let i = 0; i < 10; i++) all.push(...await Promise.all(Array.from({ length: 64 }, () => {
    const o = order({ channel: 'rush' });
    return r.post('/v1/orders', o).then((a) => ({ a, o }));
  })));
  const taken = all.filter(({ a }) => a.status === 202);
  check(taken.length > 0, 'no 202');
  check(all.every(({ a }) => a.status === 201 || a.status === 202), 'something else');
  for (const { a } of taken.slice(0, 20)) {
    same(a.headers.location, `/v1/payloads/${a.json.payload}`);
    await r.until('applied', async () => (await r.get(a.headers.location)).json.state === 'applied', 30000);
    same((await r.get(a.headers.location)).json.orders.length, 1);
  }
  await r.until('the end of the rush', async () => (await r.get('/healthz')).json.surge.pending === 0, 30000);
  for (const { o } of all) same((await r.raw('GET', `/v1/orders/rush:${o.external_id}`)).status, 200);
  same((await r.get('/v1/stats/counts')).json.orders, all.length);
  const b = await r.post('/v1/orders', { orders: [order(), order()] });
  check(b.json.results.every((x) => x.status === 201 || (x.status === 202 && x.payload)), b.text);
  same(await r.drop(), { code: 0, signal: null });
});

test('orders that were taken survive a kill, and are applied after the start', async () => {
  const r = await new Server({ conf: '[intake]\nsurge_queue = 1\n' }).start();
  const orders = Array.from({ length: 300 }, () => order({ channel: 'rush' }));
  const all = await Promise.all(orders.map((o) => r.post('/v1/orders', o).catch(() => null)));
  await r.stop('SIGKILL');
  await r.start();
  await r.until('applied', async () => (await r.get('/v1/stats/counts')).json.pending === 0, 30000);
  for (let i = 0; i < orders.length; i++)
    if (all[i]) same((await r.raw('GET', `/v1/orders/rush:${orders[i].external_id}`)).status, 200, orders[i].external_id);
  await r.drop();
});

test('a nearly full disk: 507 for what is new, reading goes on, the person at the machine may act', async () => {
  const full = await new Server({ env: { ORDERD_DATA_DISK_RESERVE: String(2 ** 40) } }).start();
  same((await full.raw('POST', '/v1/orders', { body: order() })).status, 507);
  same((await full.post('/v1/orders', { orders: [order()] })).status, 507);
  same((await full.call('POST', '/v1/orders', { body: `${JSON.stringify(order())}\n`, type: 'application/x-ndjson' })).status, 507);
  same((await full.post('/v1/users', { name: 'a', roles: 'cs' })).status, 507);
  same((await full.get('/v1/orders')).status, 200);
  const h = await full.get('/healthz', { token: null });
  same([h.status, h.json.status, h.json.disk.full], [503, 'failing', true]);
  same((await full.post('/v1/users', { name: 'a', roles: 'cs' }, { token: null, socket: true })).status, 201);
  await full.drop();
});

test('a disk that fills and is cleared again', async () => {
  const GB = 2 ** 30, TMPFS = 0x01021994;
  const probe = new Server();
  const st = fs.statfsSync(probe.dir);
  fs.rmSync(probe.dir, { recursive: true });
  if (st.type === TMPFS || st.bavail * st.bsize < 8 * GB) return skip('needs 8 GB of disk that are no memory');
  const reserve = st.bavail * st.bsize - 2 * GB;
  const d = await new Server({ env: { ORDERD_DATA_DISK_RESERVE: String(reserve) } }).start();
  same((await d.post('/v1/orders', order())).status, 201);
  // The disk is shared: what others free or fill meanwhile is made up for, or said.
  const free = () => { const now = fs.statfsSync(d.dir); return now.bavail * now.bsize; };
  const big = [];
  await d.until('507', async () => {
    if (free() > reserve - GB) {
      big.push(d.file(`big${big.length}`));
      execFileSync('fallocate', ['-l', String(free() - reserve + 2 * GB), big.at(-1)], { stdio: 'ignore' });
    }
    return (await d.post('/v1/orders', order())).status === 507;
  }).catch(() => big.splice(0));
  if (!big.length) {
    await d.drop();
    return skip('this file system cannot set space aside');
  }
  same((await d.get('/v1/orders')).json.data.length >= 1, true);
  for (const f of big) fs.rmSync(f);
  const room = await d.until('201', async () => free() < reserve || (await d.post('/v1/orders', order())).status === 201);
  if (room && free() < reserve) skip('others filled the disk meanwhile');
  return d.drop();
});

test('many failed payloads raise one alarm', async () => {
  const r = await new Server({ conf: '[intake]\nbacklog_alarm = 3\n' }).start();
  for (let i = 0; i < 5; i++) await r.post('/v1/payloads', { channel: 'a', raw: `x${i}`, error: { code: 'c', detail: 'd' } });
  await r.until('the alarm', async () => (await r.get('/healthz')).json.backlog.alarm);
  await sleep(2500);
  same(r.log.match(/the alarm's limit/g)?.length, 1);
  const alarms = async () => (await r.get('/v1/events?limit=500')).json.data.filter((e) => e.type === 'backlog.alarm');
  same((await alarms()).map((e) => [e.data.state, e.data.limit, e.actor]), [['on', 3, 'orderd']]);
  same((await r.get('/healthz')).status, 200);
  check(/orderd_backlog_alarm 1/.test((await r.get('/metrics')).text), 'metrics');
  for (const p of (await r.get('/v1/payloads?state=failed')).json.data) await r.post(`/v1/payloads/${p.id}/retry`, { order: order() });
  await r.until('quiet', async () => !(await r.get('/healthz')).json.backlog.alarm);
  await r.until('the second event', async () => (await alarms()).at(-1).data.state === 'off');
  await r.drop();
});
