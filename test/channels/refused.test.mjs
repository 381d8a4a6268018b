// Orders that a platform refuses to tell, and failed payloads by the thousand: both come in the end.
import { spawnSync } from 'node:child_process';
import { BINARY, PARTS, Poller, Shop, check, connector, same, same_set, section, stopShops, test } from './lib.mjs';

const rename = (text, name) => text.replace('[channel plain]', `[channel ${name}]`);
const DETAILS = rename(connector({
  ids: "[ids list]\nSELECT value ->> '$.id', json_object('hint', value ->> '$.id'), value ->> '$.changed' FROM json_each(:body, '$.orders')",
  detail: "[request detail]\nGET {host}/details\nbatch = 3\nquery.ids = (SELECT group_concat(value) FROM json_each(:ids))",
  one: '', orders_one: '' }), 'twice');

test('an order whose detail was refused is asked for again', async () => {
  const shop = await new Shop().start(), good = [shop.put(), shop.put()], bad = [shop.put(), shop.put(), shop.put()], refused = new Set(bad.map((o) => o.id));
  shop.play = (c, res) => {
    if (c.path !== '/details') return false;
    const ids = c.query.get('ids').split(',');
    if (ids.some((id) => refused.has(id))) shop.refuse(res, 'refused', 'no_right', 'The buyer has not agreed');
    else shop.send(res, 200, { orders: ids.map((id) => shop.orders.get(id)) });
    return true;
  };
  const s = await new Poller(section('shop', shop).replace('= plain', '= twice'), { twice: DETAILS }).start();
  await s.until('three are kept', async () => (await s.payloads('shop')).length === 3);
  same_set(await s.ids('shop'), good.map((o) => o.id), 'orders');
  const payloads = (await s.payloads('shop')), of = async (o) => {
    for (const p of payloads) if (JSON.stringify((await s.want(200, 'GET', `/v1/payloads/${p.id}`)).json.body).includes(o.id)) return p;
    return null;
  };
  const first = await of(bad[0]), asked = () => shop.asked.filter((c) => c.path === '/details' && c.query.get('ids') === bad[0].id).length, was = asked();
  const no = await s.want(202, 'POST', `/v1/payloads/${first.id}/retry`);
  same([no.json.id, no.json.state, no.json.result], [first.id, 'failed', 'asked'], JSON.stringify(no.json));
  await s.until('asked for again', () => asked() > was);
  await s.run('shop');
  same((await s.payloads('shop')).length, 3, 'still refused: one payload, not two');
  const env = { ...process.env };
  delete env.ORDERD;
  const said = spawnSync(BINARY, ['--data', s.dir, 'payload', 'retry', first.id], { encoding: 'utf8', env });
  check(said.status === 0 && /asked/.test(said.stdout), `payload retry: exit ${said.status} ${said.stdout}${said.stderr}`);
  refused.delete(bad[0].id);
  await s.want(202, 'POST', `/v1/payloads/${first.id}/retry`);
  await s.until('it comes', async () => await s.has('shop', bad[0].id));
  const now = (await s.want(200, 'GET', `/v1/payloads/${first.id}`)).json, order = (await s.orders('shop')).find((o) => o.external_id === bad[0].id);
  same([now.state, now.orders], ['applied', [order.id]], JSON.stringify(now));
  same((await s.want(409, 'POST', `/v1/payloads/${first.id}/retry`)).json.code, 'not_failed', 'again');
  same((await s.exceptions('mapping_failed')).length, 2, 'its exception is over');
  refused.clear();
  await s.want(200, 'POST', '/v1/payloads/retry');
  await s.until('all of them', async () => (await s.orders('shop')).length === 5);
  await s.until('settled', async () => (await s.payloads('shop')).length === 0);
  same((await s.exceptions('mapping_failed')).length, 0, 'exceptions');
  await s.drop();
});

test('an order that a push named and the platform did not know yet', async () => {
  const shop = await new Shop().start(), s = await new Poller(section('shop', shop).replace('every = 1s', 'every = 1h')).start();
  await s.state('shop', (c) => c.poll?.last_ok_at, 'first run');
  await s.push('shop', { ids: ['LATE-1'] });
  await s.until('kept', async () => (await s.payloads('shop')).length === 1);
  shop.put({ id: 'LATE-1' });
  const [p] = await s.payloads('shop');
  await s.want(202, 'POST', `/v1/payloads/${p.id}/retry`);
  await s.until('it comes', async () => await s.has('shop', 'LATE-1'));
  await s.until('settled', async () => (await s.payloads('shop')).length === 0);
  await s.drop();
});

test('a mended connector heals more than 2,000 failed payloads', async () => {
  const shop = await new Shop().start(), N = 2600;
  for (let i = 0; i < N; i++) shop.put({ address: `示例路${i}号` });
  const list = PARTS.list.replace('page_size = 3', 'page_size = 500');
  const s = await new Poller(section('shop', shop).replace('= plain', '= many').replace('every = 1s', 'every = 1h').replace('timeout = 500ms', 'timeout = 20s'), {
    many: rename(connector({ list, orders: PARTS.orders.replace("'currency', 'CNY'", "'currency', 'NONE'") }), 'many') }).start();
  const failed = async () => (await s.channel('shop')).failed_payloads;
  await s.until('all failed', async () => await failed() === N, 60000);
  for (const still of ['NOT', 'NOR']) { // changed again while it heals: it begins anew
    const from = s.log.length;
    s.connector('many', rename(connector({ list, orders: PARTS.orders.replace("'currency', 'CNY'", `'currency', '${still}E'`) }), 'many'));
    await s.until('read again', () => s.log.slice(from).includes('its connector was read again'));
  }
  s.connector('many', rename(connector({ list }), 'many'));
  await s.until('all healed', async () => await failed() === 0, 60000);
  same((await s.channel('shop')).orders, N, 'orders');
  check(/of 2600 failed payloads 2600 are orders now/.test(s.log), s.log.slice(-500));
  await s.drop();
});
test('an answer without its list is no empty page', async () => {
  const shop = await new Shop().start(), o = shop.put(), list = `${PARTS.list}\nexpect = $.orders $.next`;
  shop.play = (c, res) => c.path === '/orders' && (shop.send(res, 200, { orders: [] }), true);
  const s = await new Poller(section('shop', shop).replace('= plain', '= strict'), { strict: rename(connector({ list, errors_list: '' }), 'strict') }).start();
  const c = await s.state('shop', (x) => x.poll?.error, 'an error');
  same([c.poll.error.kind, c.poll.error.code, c.poll.error.message, c.poll.watermark], ['retry', 'unexpected', 'the answer has no $.next', null], JSON.stringify(c.poll.error));
  shop.play = null;
  await s.until('it goes on', async () => await s.has('shop', o.id));
  await s.state('shop', (x) => x.poll.watermark && !x.poll.error, 'and reads');
  const r = spawnSync(BINARY, ['channel', 'test', s.file('connectors/bad.channel')], { encoding: 'utf8' });
  check(r.status !== 0, 'no such file');
  for (const [what, text] of [['no path', 'expect = orders'], ['too many', `expect = ${'$.a '.repeat(9)}`]]) {
    s.connector('bad', rename(connector({ list: `${PARTS.list}\n${text}` }), 'bad'));
    const t = spawnSync(BINARY, ['channel', 'test', s.file('connectors/bad.channel')], { encoding: 'utf8' });
    check(t.status === 1 && /bad\.channel:\d+:\d+: expect is at most 8 paths/.test(t.stdout + t.stderr), `${what}: ${t.stdout}${t.stderr}`);
  }
  await s.drop();
});
test('stops', async () => { stopShops(); });
