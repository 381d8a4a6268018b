// Connectors as text: read, tried on their examples, written so that they count at once, and put back.
import fs from 'node:fs';
import { check, endServer, same, test, withServer } from './lib.mjs';

const s = withServer({ conf: '' });
let text, cs;

test('the built-in ones are listed with their examples', async () => {
  const list = (await s.want(200, 'GET', '/v1/connectors')).json.data;
  check(list.length >= 9 && list.every((c) => c.built_in && !c.own && !c.error && c.examples > 0), JSON.stringify(list).slice(0, 300));
  const one = (await s.want(200, 'GET', '/v1/connectors/shopee')).json;
  check(one.text.includes('[channel shopee]') && !one.own, 'shopee is there');
  text = one.text;
  await s.want(404, 'GET', '/v1/connectors/nobody');
  await s.want(400, 'GET', '/v1/connectors/..%2F..%2Fetc');
  cs = await s.token('cs', 'cs');
  for (const [m, p] of [['GET', ''], ['GET', '/shopee'], ['POST', '/shopee'], ['POST', '/shopee/test'], ['POST', '/shopee/reset']]) await s.want(403, m, `/v1/connectors${p}`, { token: cs, ...(m === 'POST' ? { body: {} } : {}) });
});

test('a text is tried, and nothing is written', async () => {
  const good = (await s.want(200, 'POST', '/v1/connectors/shopee/test', { body: { text } })).json;
  check(good.ok && good.examples.length > 5 && good.examples.every((e) => e.passed && !e.differences.length), JSON.stringify(good).slice(0, 300));
  const broken = (await s.want(200, 'POST', '/v1/connectors/shopee/test', { body: { text: text.replace('[orders]', '[orders]\nSELECT nonsense FROM') } })).json;
  check(!broken.ok && broken.error?.line > 1 && broken.error.detail, JSON.stringify(broken).slice(0, 300));
  const other = (await s.want(200, 'POST', '/v1/connectors/shopee/test', { body: { text: text.replace("'external_id', ", "'external_id', 'Z' || ") } })).json;
  check(!other.ok && (other.error || other.examples.some((e) => !e.passed && e.differences.length)), JSON.stringify(other).slice(0, 300));
  await s.want(422, 'POST', '/v1/connectors/shopee/test', { body: {} });
  await s.want(422, 'POST', '/v1/connectors/shopee/test', { body: { text, more: 1 } });
  check(!fs.existsSync(s.file('connectors/shopee.channel')), 'nothing is written');
});

test('one is written, counts at once, and is put back', async () => {
  const before = (await s.want(200, 'GET', '/v1/connectors/shopee')).json;
  const mine = text.replace('[channel shopee]', '# ours\n[channel shopee]');
  same((await s.want(412, 'POST', '/v1/connectors/shopee', { body: { text: mine, if_version: 'x' } })).json.code, 'stale_version');
  const saves = await Promise.all([1, 2, 3].map(() => s.call('POST', '/v1/connectors/shopee', { body: { text: mine, if_version: before.version } })));
  same(saves.filter((a) => a.status === 200).map((a) => [a.json.name, a.json.in_force]), [['shopee', true]], 'one of three who read the same');
  check(saves.every((a) => [200, 412, 503].includes(a.status)), saves.map((a) => a.status).join());
  const now = (await s.want(200, 'GET', '/v1/connectors/shopee')).json;
  same([now.text, now.own, fs.statSync(s.file('connectors/shopee.channel')).mode & 0o777], [mine, true, 0o600]);
  check(/the configuration was read again/.test(s.log), 'it is read again');
  check((await s.want(200, 'GET', '/v1/events?limit=500')).json.data.some((e) => e.type === 'connector.changed' && e.data.name === 'shopee' && e.actor === 'token:admin'), 'who changed it is known');
  const bad = await s.want(422, 'POST', '/v1/connectors/shopee', { body: { text: 'nonsense' } });
  check(bad.json.code === 'connector_fault' && bad.json.trial?.error, bad.text.slice(0, 200));
  const failing = mine.replace("'external_id', ", "'external_id', 'Z' || ");
  const no = await s.call('POST', '/v1/connectors/shopee', { body: { text: failing } });
  same([no.status, no.json.code], [422, 'examples_fail']);
  same((await s.want(200, 'GET', '/v1/connectors/shopee')).json.text, mine, 'a refused one changes nothing');
  await s.want(200, 'POST', '/v1/connectors/shopee', { body: { text: failing, force: true } });
  await s.want(200, 'POST', '/v1/connectors/shopee/reset', { body: {} });
  same((await s.want(200, 'GET', '/v1/connectors/shopee')).json.own, false);
  same((await s.want(409, 'POST', '/v1/connectors/shopee/reset', { body: {} })).json.code, 'not_own');
  same((await s.want(404, 'POST', '/v1/connectors/nobody/reset', { body: {} })).json.code, 'not_built_in');
});

test('a platform of one\'s own', async () => {
  const own = text.replaceAll('shopee', 'my-shop');
  const tried = (await s.want(200, 'POST', '/v1/connectors/my-shop/test', { body: { text: own } })).json;
  check(!tried.error, `it can be read: ${JSON.stringify(tried.error)}`);
  await s.want(200, 'POST', '/v1/connectors/my-shop', { body: { text: own, force: true } });
  const row = (await s.want(200, 'GET', '/v1/connectors')).json.data.find((c) => c.name === 'my-shop');
  same([row?.own, row?.built_in], [true, false]);
  for (const name of ['UPPER', 'a.b', 'x'.repeat(60)]) await s.want(404, 'POST', `/v1/connectors/${name}`, { body: { text: own } });
});

endServer(s);
