// POST /v1/hooks/channel/{name}: what platforms push is checked on its bytes, kept once, and fetched.
import { createHmac } from 'node:crypto';
import { FAST, KEY, Poller, Shop, check, connector, same, same_set, section, sleep, stopShops, test } from './lib.mjs';

let s, shop;
const hidden = (more) => { const o = shop.put(more); shop.hidden.add(o.id); return o; };
test('starts', async () => {
  shop = await new Shop().start();
  s = await new Poller(section('shop', shop), { mute: connector({ push: '', push_ids: '' }).replace('[channel plain]', '[channel mute]') }).start();
  await s.state('shop', (c) => c.poll?.last_ok_at, 'first run');
});

test('a genuine push is answered in the platform\'s words, kept as it came, and its order fetched', async () => {
  const o = hidden(), text = `{ "ids": ["${o.id}"],  "at": ${Date.now()}, "extra": "é\\n" }`;
  const a = await s.push('shop', text, { id: 'first' });
  same([a.status, a.text, a.headers['content-type']], [200, '{"taken":true}', 'application/json'], 'reply');
  await s.until('the order', async () => await s.has('shop', o.id));
  const [p] = await s.payloads('shop', 'applied').then((all) => all.filter((x) => x.source === 'push' && !x.orders.length));
  same((await s.want(200, 'GET', `/v1/payloads/${p.id}`)).json.body, text, 'letter by letter');
  const asked = shop.count(`/orders/${o.id}`);
  same([(await s.push('shop', text, { id: 'first' })).status, asked], [200, 1], 'a second time');
  const run = (await s.channel('shop')).runs.find((r) => r.kind === 'ask');
  same([run?.created, run?.error], [1, null], 'its run');
  await s.run('shop');
  same(shop.count(`/orders/${o.id}`), 1, 'not fetched again');
});

test('what is not genuine, not fresh or not a push', async () => {
  const o = hidden(), body = JSON.stringify({ at: Date.now(), ids: [o.id] }), good = createHmac('sha256', KEY).update(body).digest('hex');
  const table = [
    [401, 'push_refused', body, { sign: '' }], [401, 'push_refused', body, { sign: good.toUpperCase() }], [401, 'push_refused', body, { key: `${KEY}x` }],
    [401, 'push_refused', `${body} `, { sign: good }], [401, 'push_refused', '', { sign: good }], [401, 'push_refused', body, { sign: `${good}00` }],
    [401, 'push_too_old', { at: Date.now() - 301000, ids: [o.id] }, {}], [401, 'push_too_old', { at: Date.now() + 301000, ids: [o.id] }, {}],
    [400, 'push_unreadable', { at: null, ids: [o.id] }, {}], [400, 'push_unreadable', { at: 'soon', ids: [o.id] }, {}], [401, 'push_too_old', { at: -1, ids: [o.id] }, {}],
    [400, 'push_unreadable', `{"at":${Date.now()},"ids":["${o.id}"],"nul":"\\u0000"}`, {}], [400, 'push_unreadable', `${'['.repeat(100000)}`, {}], [400, 'push_unreadable', 'no JSON', {}],
    [401, 'push_refused', `{"at":${Date.now()},"ids":["${o.id}"],"nul":"\\u0000"}`, { sign: good }],
  ];
  for (const [status, code, text, how] of table) {
    const a = await s.push('shop', text, how);
    same([a.status, a.json?.code], [status, code], `${String(text).slice(0, 60)} ${JSON.stringify(how)}`);
  }
  same((await s.push('shop', `{"at":${Date.now()},"ids":[],"x":"${'y'.repeat(1100000)}"}`)).status, 413, 'over 1 MB');
  same((await s.push('nosuch', {})).status, 404, 'an unknown channel');
  same(shop.count(`/orders/${o.id}`), 0, 'nothing was fetched for them');
  check(!(await s.has('shop', o.id)), 'nothing came');
  check(/orderd_channel_pushes_refused_total\{channel="shop"[^}]*\} 1[0-9]/.test((await s.raw('GET', '/metrics')).text), 'counted');
});

test('a new webhook is tried without a signature: answered, and nothing is stored', async () => {
  const w = await new Poller(`[channel woo]\nconnector = woocommerce\nhost = ${shop.host}\n${FAST}consumer_key = ck_fictional\nconsumer_secret = cs_fictional\nwebhook_secret = wh_fictional\n`).start();
  await w.state('woo', (c) => c.poll, 'known');
  const post = (body, type = 'application/x-www-form-urlencoded', more = {}) => w.raw('POST', '/v1/hooks/channel/woo', { token: null, body, headers: { 'content-type': type, ...more } });
  same((await post('webhook_id=12')).status, 200, 'the ping');
  same((await post('webhook_id=12')).status, 200, 'again');
  for (const body of ['webhook_id=', 'webhook_id=12&x=1', 'webhook_id=1\n', 'webhook_id=12x', 'WEBHOOK_ID=12', ' webhook_id=12', `webhook_id=${'1'.repeat(30)}`, '{"id":12}', ''])
    same((await post(body)).status, 401, JSON.stringify(body));
  same((await w.payloads('woo', 'applied')).length, 0, 'nothing is stored');
  const sign = (text) => createHmac('sha256', 'wh_fictional').update(text).digest('base64'), odd = '{"id":77,"note":"\\u0000"}';
  same((await post(odd, 'application/json', { 'x-wc-webhook-signature': sign(odd), 'x-wc-webhook-delivery-id': 'd1', 'x-wc-webhook-topic': 'order.updated' })).status, 200, 'genuine, though no JSON that we take: it lets us look');
  same((await w.payloads('woo', 'applied')).length, 1, 'and is kept');
  await w.drop();
});

test('a push about orders that are not there, twice the same, or with odd ids', async () => {
  const o = hidden();
  same((await s.push('shop', { ids: ['gone', o.id, o.id, '../token', 'a/b?c=d#e'] })).status, 200, 'taken');
  await s.until('the one that exists', async () => await s.has('shop', o.id));
  check(shop.asked.every((c) => c.path !== '/token' && !c.query.has('c')), 'an id stays one part of the address');
  const other = shop.put();
  same((await s.push('shop', { ids: ['x'.repeat(5000), '', null, 7] })).status, 200, 'what names no order lets it look at the list');
  await s.until('polling goes on', async () => await s.has('shop', other.id));
  same(shop.count(`/orders/${o.id}`), 1, 'fetched once');
});

test('one order that the platform refuses does not lose the others of its push', async () => {
  const bad = hidden(), fine = [hidden(), hidden()];
  shop.play = (c, res) => { if (c.path !== `/orders/${bad.id}`) return false; shop.send(res, 403, { message: 'not yours' }); return true; };
  await s.push('shop', { ids: [bad.id, ...fine.map((o) => o.id)] });
  for (const o of fine) await s.until(o.id, async () => await s.has('shop', o.id));
  shop.play = null;
});

test('a platform in trouble tells the order later', async () => {
  const all = [hidden(), hidden(), hidden()];
  shop.play = (c, res) => { shop.send(res, 503, 'down'); return true; };
  await s.push('shop', { ids: all.map((o) => o.id) });
  await s.state('shop', (c) => c.poll.now.breaker === 'open', 'the breaker opens');
  shop.play = null;
  for (const o of all) await s.until(`${o.id} of the push`, async () => await s.has('shop', o.id));
});

test('a paused channel keeps pushes', async () => {
  await s.want(200, 'POST', '/v1/channels/shop/pause');
  const o = hidden();
  same((await s.push('shop', { ids: [o.id] })).status, 200, 'taken');
  same(shop.count(`/orders/${o.id}`), 0, 'not fetched');
  await s.want(200, 'POST', '/v1/channels/shop/resume');
  await s.until('fetched', async () => await s.has('shop', o.id));
});

test('many at once: each is answered, what was taken is fetched', async () => {
  const all = Array.from({ length: 150 }, () => hidden());
  const said = await Promise.all(all.map((o) => s.push('shop', { ids: [o.id] })));
  check(said.every((a) => a.status === 200 || a.status === 503), JSON.stringify([...new Set(said.map((a) => a.status))]));
  const taken = all.filter((o, i) => said[i].status === 200);
  check(taken.length >= 64, `${taken.length} taken`);
  await s.until('all that were taken', async () => { const ids = new Set(await s.ids('shop')); return taken.every((o) => ids.has(o.id)); }, 20000);
});

test('pushes in the very moment after a start are checked with the sealed secrets', async () => {
  await s.stop();
  const fs = await import('node:fs');
  fs.appendFileSync(s.file('orderd.conf'), Array.from({ length: 12 }, (_, i) => section(`more-${i}`, shop)).join(''));
  await s.start();
  const o = hidden();
  const said = await Promise.all(['shop', 'more-5', 'more-11'].map((c) => s.push(c, { ids: [o.id] })));
  same(said.map((a) => a.status), [200, 200, 200], 'taken by all');
  await s.until('fetched', async () => await s.has('more-11', o.id));
});

test('a channel without [push]', async () => {
  const p = await new Poller(`[channel mute]\nconnector = mute\nhost = ${shop.host}\nkey = k\naccess_token = a\nrefresh_token = r\n`,
    { mute: connector({ push: '', push_ids: '' }).replace('[channel plain]', '[channel mute]') }).start();
  same((await p.push('mute', {})).json.code, 'no_push', 'no_push');
  await p.drop();
});
test('stops cleanly', async () => { same(await s.drop(), { code: 0, signal: null }); stopShops(); });
