// From a split order to a parcel that left, over HTTP.
import { Server, check, endServer, order, same, test, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });

export async function splitOrder(more) {
  const o = order(more);
  const id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
  const now = (await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } })).json;
  return { id, external: o.external_id, fulfilment: now.fulfilments[0]?.id };
}

test('a split order has a fulfilment, which is listed and shown', async () => {
  const a = await splitOrder();
  check(/^f_/.test(a.fulfilment), 'no fulfilment');
  const one = (await s.want(200, 'GET', `/v1/fulfilments/${a.fulfilment}`)).json;
  same([one.status, one.work, one.warehouse, one.claim, one.lines[0].quantity], ['split', 'open', null, null, 1]);
  same((await s.want(200, 'GET', `/v1/fulfilments?order=${a.id}&status=split&work=open`)).json.data.map((f) => f.id), [a.fulfilment]);
  same((await s.want(200, 'GET', `/v1/fulfilments?order=${a.id}&status=shipped`)).json.data, []);
  await s.want(400, 'GET', '/v1/fulfilments?order=7');
  await s.want(400, 'GET', '/v1/fulfilments?colour=red');
  await s.want(404, 'GET', '/v1/fulfilments/f_999999');
  await s.want(404, 'GET', '/v1/fulfilments/o_1');
});

test('fulfilments are listed by pages', async () => {
  const mine = [];
  for (let i = 0; i < 3; i++) mine.push((await splitOrder()).fulfilment);
  const seen = [];
  for (let next = '', n = 0; n < 50; n++) {
    const page = (await s.want(200, 'GET', `/v1/fulfilments?limit=2${next}`)).json;
    seen.push(...page.data.map((f) => f.id));
    if (!page.next) break;
    next = `&cursor=${encodeURIComponent(page.next)}`;
  }
  same(mine.filter((f) => seen.includes(f)).length, 3);
  same(new Set(seen).size, seen.length);
});

test('the first number claims, a second one is refused by name', async () => {
  const a = await splitOrder();
  const path = `/v1/fulfilments/${a.fulfilment}/claims`;
  const k = (await s.want(201, 'POST', path, { body: { carrier: 'SF', tracking_no: 'SF1000000000001' } })).json;
  same((await s.want(200, 'POST', path, { body: { carrier: 'SF', tracking_no: 'sf1000000000001' } })).json.id, k.id);
  const no = (await s.want(409, 'POST', path, { body: { carrier: 'YTO', tracking_no: 'YT9' + '9'.repeat(9) } })).json;
  same([no.code, no.claim.id, no.claim.tracking_no], ['already_claimed', k.id, 'SF1000000000001']);
  same((await s.want(200, 'GET', `/v1/claims/${k.id}`)).json.state, 'live');
  same((await s.want(200, 'GET', `/v1/orders/${a.id}`)).json.status, 'pre_ship');
  await s.want(404, 'POST', '/v1/fulfilments/f_999999/claims', { body: { carrier: 'SF', tracking_no: 'SF77777' } });
  await s.want(422, 'POST', path, { body: { carrier: 'SF', tracking_no: '!' } });
  await s.want(422, 'POST', path, { body: { carrier: 'SF' } });
});

test('200 claims at once: one is made', async () => {
  const a = await splitOrder();
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
    s.post(`/v1/fulfilments/${a.fulfilment}/claims`, { carrier: 'SF', tracking_no: `SFMANY${1000 + i}` })));
  const count = (n) => answers.filter((x) => x.status === n).length;
  same([count(201), count(409)], [1, 199]);
});

test('a trace by the carrier ships it; void is refused then', async () => {
  const a = await splitOrder();
  const k = (await s.want(201, 'POST', `/v1/fulfilments/${a.fulfilment}/claims`, { body: { carrier: 'SF', tracking_no: 'SF20001' } })).json;
  await s.want(422, 'POST', '/v1/shipments/trace', { body: { tracking_no: 'SF20001', status: 'eaten' } });
  await s.want(404, 'POST', '/v1/shipments/trace', { body: { tracking_no: 'SF20009', status: 'picked_up' } });
  const shipped = (await s.want(200, 'POST', '/v1/shipments/trace', { body: { carrier: 'SF', tracking_no: 'SF20001', status: 'picked_up', at: '2026-11-12T10:00:00+08:00' } })).json;
  same([shipped.id, shipped.state, shipped.carried], [k.id, 'shipped', 'picked_up']);
  same((await s.want(409, 'POST', `/v1/claims/${k.id}/void`, { body: { reason: 'late' } })).json.code, 'shipped');
  same((await s.want(200, 'GET', `/v1/orders/${a.id}`)).json.status, 'shipped');
});

test('a label is voided, and another number may come', async () => {
  const a = await splitOrder();
  const path = `/v1/fulfilments/${a.fulfilment}/claims`;
  const k = (await s.want(201, 'POST', path, { body: { carrier: 'SF', tracking_no: 'SF30001' } })).json;
  await s.want(422, 'POST', `/v1/claims/${k.id}/void`, { body: {} });
  await s.want(412, 'POST', `/v1/claims/${k.id}/void`, { body: { reason: 'torn', if_version: 99 } });
  same((await s.want(200, 'POST', `/v1/claims/${k.id}/void`, { body: { reason: 'torn' } })).json.state, 'void');
  await s.want(409, 'POST', `/v1/claims/${k.id}/confirm`, { body: { outcome: 'accepted', reason: 'seen there' } });
  await s.want(422, 'POST', `/v1/claims/${k.id}/put-back`, { body: {} });
  await s.want(409, 'POST', `/v1/claims/${k.id}/put-back`, { body: { sku: 'A' } });
  await s.want(201, 'POST', path, { body: { carrier: 'SF', tracking_no: 'SF30002' } });
});

test('who may: a machine claims for its own channel and sees nothing of others', async () => {
  const till = await s.token('till', 'channel', { channel: 'tmall-home' });
  const viewer = await s.token('looker', 'viewer');
  const a = await splitOrder();
  const path = `/v1/fulfilments/${a.fulfilment}/claims`;
  await s.want(403, 'GET', '/v1/fulfilments', { token: till });
  await s.want(403, 'GET', `/v1/fulfilments/${a.fulfilment}`, { token: till });
  await s.want(403, 'POST', path, { token: till, body: { carrier: 'SF', tracking_no: 'SF40001', channel: 'shopee-my' } });
  const other = await s.token('other-till', 'channel', { channel: 'shopee-my' });
  await s.want(201, 'POST', '/v1/orders', { body: order({ channel: 'shopee-my' }) });
  await s.want(404, 'POST', path, { token: other, body: { carrier: 'SF', tracking_no: 'SF40001', channel: 'shopee-my' } });
  await s.want(403, 'POST', path, { token: viewer, body: { carrier: 'SF', tracking_no: 'SF40001' } });
  await s.want(200, 'GET', `/v1/fulfilments/${a.fulfilment}`, { token: viewer });
  const k = (await s.want(201, 'POST', path, { token: till, body: { carrier: 'SF', tracking_no: 'SF40001', channel: 'tmall-home' } })).json;
  await s.want(403, 'GET', `/v1/claims/${k.id}`, { token: till });
  await s.want(404, 'POST', '/v1/shipments/trace', { token: other, body: { tracking_no: 'SF40001', status: 'picked_up' } });
  await s.want(200, 'POST', '/v1/shipments/trace', { token: till, body: { tracking_no: 'SF40001', status: 'picked_up' } });
});

endServer(s);

test('sent back to split, a parcel holds what is bought by then', async () => {
  const s = await new Server({ conf: '[merge]\nwindow = 1s\n[stock]\ntrack = no\n[pack]\nverify = no\n' }).start();
  const o = order({ status: 'paid', lines: [{ line_id: '1', sku: 'A', quantity: 3 }] });
  const id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
  for (const to of ['split', 'pre_ship']) await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to } });
  await s.want(200, 'POST', '/v1/orders', { body: { ...o, lines: [{ line_id: '1', sku: 'A', quantity: 1 }], updated_at: new Date().toISOString() } });
  await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } });
  const f = (await s.get(`/v1/orders/${id}`)).json.fulfilments;
  same(f.map((x) => x.status), ['split']);
  same((await s.get(`/v1/fulfilments/${f[0].id}`)).json.lines.map((l) => l.quantity), [1], 'pieces to ship');
  same((await s.want(200, 'GET', '/v1/check')).json.findings, []);
  await s.drop();
});
