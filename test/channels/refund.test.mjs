// Refunds of approved cases by the channel's connector: sent once, asked of nobody twice, closed by what the channel tells.
import { spawnSync } from 'node:child_process';
import { BINARY, PARTS, Poller, Shop, check, connector, same, section, sleep, stopShops, test } from './lib.mjs';

const told = (text) => text.replace("'raw_status', value", "'refunds', json(coalesce(value ->> '$.refunds', '[]')), 'raw_status', value")
  .replace("'raw_status', :body", "'refunds', json(coalesce(:body ->> '$.refunds', '[]')), 'raw_status', :body");
const FILE = connector({
  refund: `[request refund]\nPOST {host}/refunds\nheader.X-Token = secret('access_token')
body = json_object('key', :case_id, 'order', :order_id, 'amount', :amount, 'fen', :amount_minor, 'of', :refund_id, 'why', :reason, 'lines', json(:lines))`,
  errors_refund: "[errors refund]\nSELECT 'done', 'twice' WHERE :body ->> '$.code' = 'twice'",
  orders: told(PARTS.orders), orders_one: told(PARTS.orders_one),
  example: `[example a refund]\nsection = request refund\nsecrets = {"key": "k", "access_token": "a", "refresh_token": "r"}\norder_id = P1\ncase_id = c_7
amount = 5.00\namount_minor = 500\nreason = late\nlines = []\nexpect = {"method": "POST", "url": "http://127.0.0.1:1/refunds", "body": {"key": "c_7", "order": "P1", "amount": "5.00", "fen": 500, "of": null, "why": "late", "lines": []}}\nhost = http://127.0.0.1:1`,
});
const QUICK = '[outbox]\nbackoff = 50ms\nbackoff_most = 100ms\nbreaker = 100ms\nbreaker_most = 200ms\n';
let s, shop, how = () => ({});
const who = {};
const posts = () => shop.asked.filter((c) => c.path === '/refunds');
const show = async (id) => (await s.want(200, 'GET', `/v1/cases/${id}`)).json;

async function approved(amount) {
  const o = shop.put({ state: 'shipped' });
  await s.until(`${o.id} is here`, async () => s.has('plain-1', o.id));
  const k = (await s.want(201, 'POST', '/v1/cases', { body: { order: `plain-1:${o.id}`, kind: 'refund_only', reason: 'late', amount }, token: who.ask })).json;
  for (const name of ['cs', 'warehouse', 'finance']) await s.want(200, 'POST', `/v1/cases/${k.id}/approve`, { body: {}, token: who[name] });
  return { id: k.id, order: o };
}
async function comes(k, what) {
  let now;
  await s.until(`${k.id} is ${what}`, async () => { now = await show(k.id); return now.refund === what; });
  return now;
}

test('a channel that can refund', async () => {
  shop = await new Shop().start();
  shop.play = (call, res) => {
    if (call.path !== '/refunds') return false;
    const answer = call.headers['x-token'] === shop.access ? how(JSON.parse(call.body)) : { error: 'auth_expired', code: 'bad_token' };
    if (answer === 'lost') res.destroy();
    else shop.send(res, answer.status ?? 200, answer);
    return true;
  };
  s = new Poller(QUICK + section('plain-1', shop), { plain: FILE });
  const r = spawnSync(BINARY, ['channel', 'test', s.file('connectors/plain.channel')], { encoding: 'utf8' });
  same(r.status, 0, `channel test: ${r.stdout}${r.stderr}`);
  await s.start();
  for (const [name, roles] of [['ask', 'cs'], ['cs', 'cs'], ['warehouse', 'warehouse'], ['finance', 'finance']]) who[name] = await s.token(name, roles);
});

test('an approved refund is sent once, and done', async () => {
  const k = await approved('5.00'), now = await comes(k, 'accepted');
  same([now.state, posts().length], ['done', 1]);
  const sent = JSON.parse(posts()[0].body);
  same([sent.key, sent.order, sent.amount, sent.fen, sent.of, sent.why], [k.id, k.order.id, '5.00', 500, null, 'late']);
});

test('with an old token, and refunded already', async () => {
  shop.access = 'another-fictional-token';
  const k = await approved('6.00');
  same((await comes(k, 'accepted')).state, 'done');
  how = () => ({ error: 'refused', code: 'twice' });
  same((await comes(await approved('7.00'), 'accepted')).state, 'done');
});

test('what may have been taken is never sent again: the channel tells', async () => {
  how = () => 'lost';
  const k = await approved('8.00'), mine = () => posts().filter((c) => JSON.parse(c.body).key === k.id).length;
  await comes(k, 'unknown');
  how = () => ({});
  await sleep(1500);
  same([mine(), (await show(k.id)).state], [1, 'approved']);
  shop.put({ id: k.order.id, refunds: [{ refund_id: 'R8', status: 'refunded', amount: '8.00' }] });
  const now = await comes(k, 'accepted');
  same([now.state, now.refund_id, mine()], ['done', 'R8', 1]);
  same((await s.want(200, 'GET', `/v1/effects/${now.effect}`)).json.state, 'dropped');
});

test('a refused one is for finance, by hand', async () => {
  how = () => ({ error: 'refused', code: 'no_money', message: 'the account is empty' });
  const k = await approved('9.00');
  await comes(k, 'refused');
  const x = (await s.exceptions('effect_dead')).find((e) => e.data?.kind === 'refund');
  same([x?.owner, x?.data.error.message], ['finance', 'the account is empty']);
  const now = (await s.want(200, 'POST', `/v1/cases/${k.id}/refunded`, { body: { note: 'by bank' }, token: who.finance })).json;
  same([now.state, now.refund], ['done', 'accepted']);
  same((await s.want(200, 'GET', `/v1/effects/${now.effect}`)).json.state, 'dropped');
  await s.want(409, 'POST', `/v1/effects/${now.effect}/retry`, { body: {} });
});

test('what the channel refunded meanwhile is not sent on top', async () => {
  await s.want(200, 'POST', '/v1/channels/plain-1/pause', { body: {} });
  const o = shop.put({ state: 'shipped' });
  await s.want(200, 'POST', '/v1/channels/plain-1/resume', { body: {} });
  await s.until(`${o.id} is here`, async () => s.has('plain-1', o.id));
  await s.want(200, 'POST', '/v1/channels/plain-1/pause', { body: {} });
  how = () => ({});
  const k = (await s.want(201, 'POST', '/v1/cases', { body: { order: `plain-1:${o.id}`, kind: 'refund_only', reason: 'late', amount: '12.00' }, token: who.ask })).json;
  for (const name of ['cs', 'warehouse', 'finance']) await s.want(200, 'POST', `/v1/cases/${k.id}/approve`, { body: {}, token: who[name] });
  const body = { channel: 'plain-1', external_id: o.id, status: 'shipped', placed_at: new Date(o.at).toISOString(), updated_at: new Date(Date.now() + 1000).toISOString(), currency: 'CNY',
    total: '19.90', lines: [{ line_id: '1', sku: 'MUG', quantity: 1, price: '19.90' }], refunds: [{ refund_id: 'X', status: 'refunded', amount: '10.00' }] };
  await s.want(200, 'POST', '/v1/orders', { body });
  await s.want(200, 'POST', '/v1/channels/plain-1/resume', { body: {} });
  const e = (await show(k.id)).effect;
  if (e) await s.call('POST', `/v1/effects/${e}/retry`, { body: {} });
  const now = await comes(k, 'by_hand');
  same([now.state, posts().filter((c) => JSON.parse(c.body).key === k.id).length], ['approved', 0]);
  check((await s.exceptions('refund_by_hand')).some((x) => x.data.cases.some((c) => c.case === k.id) && /more than was paid/.test(x.data.because)), 'nobody was told');
  same((await s.want(200, 'GET', '/v1/check')).json.findings, []);
});

test('stops cleanly', async () => { same(await s.drop(), { code: 0, signal: null }); stopShops(); });
