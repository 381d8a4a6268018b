// Mappings that need more than they may have: of a page, of an order, of a file. Nothing is lost by it, and nothing waits for ever.
import fs from 'node:fs';
import { PARTS, Poller, Shop, check, connector, same, same_set, section, stopShops, test } from './lib.mjs';

// A loop without end for answers that `when` is true of, else one turn.
const ENDLESS = (when) => `(WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a WHERE x < iif(${when}, 1000000000000, 1)) SELECT count(*) FROM a) > 0`;
const slow = (when, parts = {}) => connector({ orders: `${PARTS.orders} WHERE ${ENDLESS(when)}`, ...parts }).replace('[channel plain]', '[channel slow]');
const conf = (shop) => section('shop', shop).replace('= plain', '= slow');
const MANY = "json_array_length(:body, '$.orders') > 1", POISON = "instr(:body, 'POISON')";

test('a page that takes too long comes in smaller pages', async () => {
  const shop = await new Shop().start(), orders = [shop.put(), shop.put(), shop.put()];
  const s = await new Poller(conf(shop), { slow: slow(MANY) }).start();
  await s.until('all are there', async () => (await s.orders('shop')).length === 3, 20000);
  same_set(await s.ids('shop'), orders.map((o) => o.id), 'orders');
  same((await s.payloads('shop')).length, 0, 'nothing is kept as failed');
  check(shop.asked.some((c) => c.query.get('size') === '1'), 'smaller pages were asked for');
  await s.state('shop', (c) => c.poll.watermark && !c.poll.error, 'read');
  await s.drop();
});

test('one order that takes too long: it alone is kept, the others come, and it can be mapped when the file is mended', async () => {
  const shop = await new Shop().start(), good = [shop.put(), shop.put()], bad = shop.put({ sku: 'POISON' });
  good.push(shop.put(), shop.put());
  const s = await new Poller(conf(shop), { slow: slow(POISON) }).start();
  await s.until('the others', async () => (await s.orders('shop')).length === 4, 30000);
  await s.until('it is kept', async () => (await s.payloads('shop')).length === 1, 10000);
  same_set(await s.ids('shop'), good.map((o) => o.id), 'orders');
  const kept = (await s.payloads('shop'))[0], body = (await s.want(200, 'GET', `/v1/payloads/${kept.id}`)).json.body;
  check(JSON.stringify(body).includes(bad.id) && good.every((o) => !JSON.stringify(body).includes(o.id)), 'the one and no other');
  await s.state('shop', (c) => c.poll.watermark, 'it goes on', 10000);
  s.connector('slow', slow('0'));
  await s.until('mended', async () => await s.has('shop', bad.id), 15000);
  await s.until('settled', async () => (await s.payloads('shop')).length === 0, 15000);
  await s.drop();
});

test('a platform that gives no smaller pages: runs fail first, the watermark stays; in the end the page is kept whole', async () => {
  const shop = await new Shop().start(), orders = [shop.put(), shop.put(), shop.put()];
  shop.play = (c, res) => { if (c.path === '/orders') c.query.set('size', '50'); return false; };
  shop.signed = () => true;
  const s = await new Poller(conf(shop).replace('breaker = 200ms', 'breaker = 2s').replace('breaker_most = 300ms', 'breaker_most = 2s'), { slow: slow(MANY) }).start();
  const c = await s.state('shop', (x) => x.poll?.error, 'the run fails', 15000);
  same([c?.poll.error.kind, c?.poll.error.code, c?.poll.watermark], ['retry', 'mapping_limit', null], JSON.stringify(c?.poll.error));
  check(/slow\.channel:\d+: \[orders\]: it took longer than/.test(c?.poll.error.message), c?.poll.error.message);
  same((await s.payloads('shop')).length, 0, 'nothing is given up yet');
  await s.until('kept', async () => (await s.payloads('shop')).length === 1, 20000);
  await s.state('shop', (x) => x.poll.watermark, 'and it goes on', 10000);
  s.connector('slow', slow('0'));
  await s.until('mended', async () => (await s.orders('shop')).length === 3, 15000);
  same_set(await s.ids('shop'), orders.map((o) => o.id), 'orders');
  await s.drop();
});

test('details that take too long together are fetched alone; one that does alone is kept', async () => {
  const shop = await new Shop().start(), good = [shop.put(), shop.put()], bad = shop.put({ sku: 'POISON' });
  shop.signed = () => true;
  shop.play = (c, res) => {
    if (c.path !== '/details') return false;
    shop.send(res, 200, { orders: c.query.get('ids').split(',').map((id) => shop.orders.get(id)) });
    return true;
  };
  const s = await new Poller(conf(shop), { slow: slow(POISON, {
    ids: "[ids list]\nSELECT value ->> '$.id', NULL, value ->> '$.changed' FROM json_each(:body, '$.orders')",
    detail: "[request detail]\nGET {host}/details\nbatch = 3\nquery.ids = (SELECT group_concat(value) FROM json_each(:ids))" }) }).start();
  await s.until('kept', async () => (await s.payloads('shop')).length === 1, 20000);
  same_set(await s.ids('shop'), good.map((o) => o.id), 'orders');
  await s.state('shop', (c) => c.poll.watermark, 'it goes on', 10000);
  s.connector('slow', slow('0'));
  await s.until('mended', async () => await s.has('shop', bad.id), 15000);
  await s.drop();
});
test('stops', async () => { stopShops(); });
