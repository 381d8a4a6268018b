// The figures of the console: kept by every change, equal to a count of the lists, whatever was done in between.
import { check, endServer, order, same, test, unique, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n[stage paid]\nremind = 1s\nescalate = 2s\n' });
const HOUR = 3600e3;

async function counted(query) {
  let n = 0;
  for (let next = ''; next !== null;) {
    const a = await s.want(200, 'GET', `/v1/orders?limit=500&${query}${next ? `&cursor=${encodeURIComponent(next)}` : ''}`);
    n += a.json.data.length;
    next = a.json.next;
  }
  return n;
}

test('an empty file has empty figures', async () => {
  const o = (await s.want(200, 'GET', '/v1/stats/orders')).json;
  same([o.open, o.held, o.overdue, o.exceptions, o.channels, o.warehouses], [0, 0, 0, 0, [], []]);
  same((await s.want(200, 'GET', '/v1/stats/lead-times')).json.p50_hours, null);
  same((await s.want(200, 'GET', '/v1/stats/flow')).json.data, []);
  same((await s.want(200, 'GET', '/v1/stats/exceptions')).json.data, []);
  check((await s.want(200, 'GET', '/v1/stats/backlog')).json.data.every((r) => r.ages.every((a) => a.orders === 0)), 'backlog');
});

test('whatever happens, the figures equal the lists', async () => {
  const ids = [], rnd = (n) => Math.floor(Math.random() * n);
  for (let i = 0; i < 120; i++) {
    const what = rnd(6), id = ids[rnd(ids.length)];
    if (what < 2 || !id) {
      const placed = new Date(Date.now() - rnd(40) * HOUR).toISOString();
      const a = await s.want(201, 'POST', '/v1/orders', { body: order({ channel: ['tmall-home', 'till'][rnd(2)], status: ['placed', 'paid'][rnd(2)], placed_at: placed, paid_at: placed, updated_at: placed }) });
      ids.push(a.json.id);
    } else if (what === 2) await s.post(`/v1/orders/${id}/hold`, { reason: unique('why') });
    else if (what === 3) await s.post(`/v1/orders/${id}/release`, {});
    else {
      const o = (await s.want(200, 'GET', `/v1/orders/${id}`)).json;
      if (o.next.length) await s.post(`/v1/orders/${id}/transitions`, { to: o.next[rnd(o.next.length)] });
    }
  }
  const o = (await s.want(200, 'GET', '/v1/stats/orders')).json;
  for (const row of o.statuses) {
    same(row.orders, await counted(`status=${row.status}`), `${row.status}`);
    same(row.held, await counted(`status=${row.status}&held=true`), `${row.status} held`);
  }
  same(o.held, await counted('held=true'), 'held');
  same(await counted('held=true') + await counted('held=false'), ids.length, 'held or not');
  same(o.channels, ['till', 'tmall-home']);
  const flow = (await s.want(200, 'GET', '/v1/stats/flow')).json;
  same(flow.data.reduce((n, r) => n + r.orders, 0), ids.length, 'flow');
  check(flow.data.every((r) => new Date(r.at) % HOUR === 0), 'flow goes by hours');
  const backlog = (await s.want(200, 'GET', '/v1/stats/backlog')).json.data;
  for (const r of backlog) same(r.ages.reduce((n, a) => n + a.orders, 0), o.statuses.find((x) => x.status === r.status).orders, `backlog of ${r.status}`);
  same((await s.want(200, 'GET', '/v1/check')).json.findings, []);
});

test('a changed time of purchase moves the order to its hour', async () => {
  const at = (h) => new Date(Date.now() - h * HOUR).toISOString();
  const before = (await s.want(200, 'GET', '/v1/stats/flow')).json.data.length;
  const o = order({ channel: 'spring', placed_at: at(30), paid_at: at(30), updated_at: at(30) });
  await s.want(201, 'POST', '/v1/orders', { body: o });
  await s.want(200, 'POST', '/v1/orders', { body: { ...o, placed_at: at(3), paid_at: at(3), updated_at: at(2) } });
  const rows = (await s.want(200, 'GET', '/v1/stats/flow')).json.data.filter((r) => r.channel === 'spring');
  same(rows.map((r) => r.orders), [1]);
  check(before >= 0 && Date.now() - new Date(rows[0]?.at) < 5 * HOUR, 'it stands in the later hour');
  same((await s.want(200, 'GET', '/v1/check')).json.findings, []);
});

test('lead times and lateness', async () => {
  const hours = [1, 3, 5, 30, 50];
  for (const h of hours) {
    const o = order({ channel: 'leads', placed_at: new Date(Date.now() - h * HOUR).toISOString(), paid_at: new Date(Date.now() - h * HOUR).toISOString(), updated_at: new Date(Date.now() - h * HOUR).toISOString() });
    await s.want(201, 'POST', '/v1/orders', { body: o });
    const now = new Date().toISOString();
    await s.want(200, 'POST', '/v1/orders', { body: { ...o, status: 'shipped', updated_at: now, shipments: [{ carrier: 'SF', tracking_no: unique('SF00000000'), shipped_at: now }] } });
  }
  const l = (await s.want(200, 'GET', '/v1/stats/lead-times?channel=leads')).json;
  same(l.orders, 5);
  check(l.p50_hours >= 4 && l.p50_hours <= 8, `p50 ${l.p50_hours}`);
  check(l.p90_hours >= 48 && l.p90_hours <= 72, `p90 ${l.p90_hours}`);
  same((await s.want(200, 'GET', '/v1/stats/lead-times?channel=nobody')).json.orders, 0);
  await s.until('something is late', async () => (await s.want(200, 'GET', '/v1/stats/orders')).json.overdue > 0);
  const o = (await s.want(200, 'GET', '/v1/stats/orders')).json;
  const x = (await s.want(200, 'GET', '/v1/stats/exceptions')).json.data;
  check(x.some((r) => r.type === 'overdue:paid' && r.open > 0 && r.opened >= r.open), 'lateness is in the exceptions');
  check(o.exceptions >= x[0].open, 'open exceptions');
});

test('what is asked wrongly is refused', async () => {
  await s.want(400, 'GET', '/v1/stats/flow?from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z');
  await s.want(400, 'GET', '/v1/stats/flow?from=2026-03-01T00:00:00Z&to=2026-01-01T00:00:00Z');
  await s.want(400, 'GET', '/v1/stats/lead-times?from=yesterday');
  const till = await s.token('a-till', 'channel', { channel: 'till' });
  for (const r of ['orders', 'backlog', 'flow', 'exceptions', 'lead-times']) await s.want(403, 'GET', `/v1/stats/${r}`, { token: till });
});

endServer(s);
