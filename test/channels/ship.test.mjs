// What the outbox tells platforms, seen by their own ledger: taken once, refused, lost and asked about, with old tokens, too
// fast, for some orders of a merged parcel only; carriers' pick-ups; stock figures.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { BINARY, Server, check, same, sleep, test } from '../http_api/lib.mjs';

const NAMES = ['shopee', 'lazada', 'taobao', 'jd', 'douyin', 'pinduoduo', 'amazon', 'shopify', 'woocommerce'];
const QUICK = '\n[outbox]\nbackoff = 100ms\nbackoff_most = 300ms\nbreaker = 200ms\nbreaker_most = 400ms\n';
let s, sim, control, serial = 0;

async function ask(path, body) {
  const a = await fetch(control + path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
  return a.json();
}
async function play(words) {
  sim = spawn(BINARY, ['sim', '--listen', '127.0.0.1:0', '--config', s.file('sim.conf'), ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => sim?.kill());
  for await (const d of sim.stdout) {
    const m = /"control":"(\S+?)"/.exec(String(d));
    if (m) { control = m[1]; break; }
  }
}
const ledger = async (no) => (await ask('/sim/ledger')).confirmations.filter((c) => c.tracking_no === no);
const number = () => `SF${String(Date.now()).slice(-9)}${String(1000 + ++serial)}`;
// Orders that are alone in their parcel, or with others.
async function paid(channel, together = 1) {
  const all = (await s.want(200, 'GET', `/v1/orders?status=paid&channel=${channel}&limit=200`)).json.data;
  for (const o of all) {
    const whole = (await s.want(200, 'GET', `/v1/orders/${o.id}`)).json;
    if (o.channel_status === 'paid' && !o.holds?.length && !(whole.shipments ?? []).length && (whole.group?.orders?.length ?? 1) === together &&
      !JSON.stringify(whole.lines).includes('"requested"')) return whole;
  }
  return check(false, `no paid order of ${channel} with ${together} in its parcel`), null;
}
async function claim(o, no = number()) {
  for (const id of o.group?.orders ?? [o.id]) await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } });
  const f = (await s.want(200, 'GET', `/v1/fulfilments?order=${o.id}`)).json.data[0];
  const a = await s.want(201, 'POST', `/v1/fulfilments/${f?.id}/claims`, { body: { carrier: 'SF', tracking_no: no } });
  return { id: a.json?.id, no };
}
const told = async (k) => (await s.want(200, 'GET', `/v1/claims/${k.id}`)).json;
async function comes(k, what, ms = 20000) {
  let now;
  await s.until(`${k.no} is ${what}`, async () => { now = await told(k); return now.confirmations.every((c) => what.split('|').includes(c.told)); }, ms);
  return now;
}
const results = async (k) => (await ledger(k.no)).map((c) => c.result);
const picked = (k) => s.want(200, 'POST', '/v1/shipments/trace', { body: { carrier: 'SF', tracking_no: k.no, status: 'picked_up', at: new Date().toISOString() } });

test('starts with nine platforms', async () => {
  s = await new Server({ conf: QUICK }).start();
  const token = s.file('admin.token');
  await play(['--platforms', NAMES.join(','), '--orders', '600', '--days', '2', '--seed', '11', '--no-limits', '--traces', `http://127.0.0.1:${s.port}`, '--token-file', token, '--pickup', '1h']);
  await ask('/sim/stop-changes', {});
  const conf = fs.readFileSync(s.file('sim.conf'), 'utf8').replace(/^connector = .*$/gm, '$&\nevery = 1s\nmax_rps = 0\ntimeout = 1500ms\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 300ms\nstock = yes');
  fs.writeFileSync(s.file('orderd.conf'), QUICK + conf);
  s.child.kill('SIGHUP');
  for (const name of NAMES)
    await s.until(`${name} is read`, async () => (await s.get(`/v1/channels/${name}`)).json?.poll?.last_ok_at, 60000);
});

test('each platform is told once, in its own form, and believes it', async () => {
  for (const name of NAMES) {
    const o = await paid(name);
    if (!o) continue;
    const k = await claim(o);
    if (name === 'pinduoduo') {
      await sleep(300);
      same(await results(k), [], 'pinduoduo hears nothing before the pick-up');
      await picked(k);
    }
    await comes(k, 'accepted');
    same(await results(k), ['accepted'], `${name}'s ledger`);
    const row = (await ledger(k.no))[0];
    same([row?.order, row?.answered], [o.external_id, true], `${name}: whose it is`);
  }
  const shops = (await ask('/sim/state')).shops;
  same(shops.map((x) => x.bad_signatures), NAMES.map(() => 0), 'signatures');
});

test('a refusal is final, and says why in the platform\'s words', async () => {
  const o = await paid('taobao');
  await ask('/sim/fail', { shop: 'taobao', call: 'confirm', how: 'refuse' });
  const k = await claim(o), now = await comes(k, 'refused');
  check(/锁定/.test(JSON.stringify(now.confirmations[0].error)), JSON.stringify(now.confirmations[0]));
  await sleep(600);
  same(await results(k), ['refused'], 'nobody asks again');
});

for (const [how, want] of [['lost', ['accepted']], ['taken_error', ['accepted']], ['cut', ['accepted']], ['hang', ['not_taken', 'accepted']], ['error', ['not_taken', 'accepted']]])
  test(`an answer that is ${how}: the platform is asked before anything is said twice`, async () => {
    for (const name of ['taobao', 'douyin', 'shopee', 'lazada', 'jd', 'shopify', 'amazon', 'woocommerce']) {
      const o = await paid(name);
      if (!o) continue;
      await ask('/sim/fail', { shop: name, call: 'confirm', how });
      const k = await claim(o);
      await comes(k, 'accepted');
      same(await results(k), want, `${name}'s ledger`);
    }
  });

test('polling goes on while a confirmation hangs', async () => {
  const o = await paid('jd'), before = (await s.get('/v1/channels/jd')).json.poll.last_ok_at;
  await ask('/sim/fail', { shop: 'jd', call: 'confirm', how: 'hang' });
  const k = await claim(o);
  await s.until('a good run meanwhile', async () => (await s.get('/v1/channels/jd')).json.poll.last_ok_at > before, 8000);
  await comes(k, 'accepted');
});

test('a token that ends in the middle is renewed once for all', async () => {
  for (const name of ['shopee', 'pinduoduo']) {
    const shop = async () => (await ask('/sim/state')).shops.find((x) => x.name === name), before = (await shop()).refreshed;
    const list = [];
    for (let i = 0; i < 3; i++) { const o = await paid(name); if (o) list.push(await claim(o)); }
    await ask('/sim/expire', { shop: name });
    if (name === 'pinduoduo') for (const k of list) await picked(k);
    for (const k of list) await comes(k, 'accepted'), same(await results(k), ['accepted'], `${name}'s ledger`);
    await s.until('the tokens are new', async () => (await shop()).refreshed > before, 8000);
    same((await shop()).refreshed - before, 1, `${name}: renewed once`);
  }
});

test('too many calls: later, and once', async () => {
  const o = await paid('douyin');
  await ask('/sim/fail', { shop: 'douyin', call: 'order.logisticsAdd', how: 'throttle', times: 2 });
  const k = await claim(o);
  await comes(k, 'accepted');
  same(await results(k), ['accepted'], 'the ledger');
});

test('shipped behind our back: asked about, refused with the other number', async () => {
  const o = await paid('shopify');
  await s.want(200, 'POST', '/v1/channels/shopify/pause', { body: {} });
  same((await ask('/sim/ship', { shop: 'shopify', id: o.external_id, tracking_no: 'BO1234567890' })).result, 'shipped');
  const k = await claim(o);
  await sleep(400);
  same(await results(k), [], 'a channel that is paused is told nothing');
  await s.want(200, 'POST', '/v1/channels/shopify/resume', { body: {} });
  await s.until('it is known', async () => JSON.stringify(await told(k)).match(/refused|void|shipped_with_another|BO1234567890/), 60000);
  check(!(await results(k)).includes('accepted'), 'it was never taken');
});

test('a merged parcel taken for some orders only: the others again, nothing twice', async () => {
  const o = await paid('taobao', 2) ?? await paid('douyin', 2);
  if (!o) return;
  const name = o.channel;
  await ask('/sim/fail', { shop: name, call: 'confirm', how: 'refuse' });
  const k = await claim(o), now = await comes(k, 'accepted|refused');
  same(now.confirmations.map((c) => c.told).sort(), ['accepted', 'refused'], 'one of two');
  const open = (await s.want(200, 'GET', '/v1/exceptions?type=partly_confirmed&state=open')).json.data;
  check(open.length >= 1, `a person is told: ${JSON.stringify(open).slice(0, 300)}`);
  await s.want(200, 'POST', `/v1/claims/${k.id}/confirm`, { body: { outcome: 'again', reason: 'the platform said why' } });
  await comes(k, 'accepted');
  same((await results(k)).sort(), ['accepted', 'accepted', 'refused'], 'the ledger');
});

test('a carrier that the platform does not know is refused before any call', async () => {
  const o = await paid('jd'), no = number();
  await s.want(200, 'POST', `/v1/orders/${o.id}/transitions`, { body: { to: 'split' } });
  const f = (await s.want(200, 'GET', `/v1/fulfilments?order=${o.id}`)).json.data[0];
  const a = await s.want(201, 'POST', `/v1/fulfilments/${f.id}/claims`, { body: { carrier: 'PIGEON', tracking_no: no } });
  const now = await comes({ id: a.json.id, no }, 'refused');
  check(/unknown_carrier/.test(JSON.stringify(now.confirmations[0].error)), JSON.stringify(now.confirmations[0]));
  same((await ledger(no)).length, 0, 'no call');
});

test('a carrier\'s pick-up reaches the claim', async () => {
  const o = await paid('amazon'), k = await claim(o);
  await comes(k, 'accepted');
  await ask('/sim/label', { tracking_no: k.no, carrier: 'SF', after_ms: 0 });
  await ask('/sim/pickup', { tracking_no: k.no });
  await s.until('picked up', async () => (await told(k)).carried === 'picked_up', 10000);
  check((await ask('/sim/state')).traces >= 1, 'the carrier told it');
});

test('stock: the figure of the moment, the last one wins, by each platform\'s own names', async () => {
  const articles = { shopee: '23620000007:221404000007', taobao: '610947572367:4351001234574', douyin: 'RUG-200', shopify: '66001002003:46001000000007', lazada: 'RUG-200' };
  await s.want(201, 'POST', '/v1/warehouses', { body: { code: 'HZ', title: 'Hangzhou', country: 'CN' } });
  await s.want(201, 'POST', '/v1/skus', { body: { code: 'RUG-200', title: 'Rug' } });
  for (const [channel, channel_sku] of Object.entries(articles))
    await s.want(201, 'POST', '/v1/mappings', { body: { channel, channel_sku, sku: 'RUG-200' } });
  for (const quantity of [5, 3, 9]) await s.want(201, 'POST', '/v1/stock/adjustments', { body: { sku: 'RUG-200', warehouse: 'HZ', delta: quantity, reason: 'receipt' } });
  const figures = async (shop) => (await ask('/sim/ledger')).stock.filter((x) => x.shop === shop && x.sku === 'RUG-200').map((x) => x.quantity);
  const there = async () => (await s.want(200, 'GET', '/v1/stock?sku=RUG-200')).json.data[0]?.available;
  for (const shop of Object.keys(articles))
    await s.until(`${shop} has the figure`, async () => (await figures(shop)).at(-1) === await there(), 20000);
  check((await figures('shopee')).length <= 3, 'figures are not told one by one');
  await ask('/sim/fail', { shop: 'taobao', call: 'stock', how: 'hang' });
  await s.want(201, 'POST', '/v1/stock/adjustments', { body: { sku: 'RUG-200', warehouse: 'HZ', delta: 30, reason: 'receipt' } });
  await s.until('the figure comes again, as it is then', async () => (await figures('taobao')).at(-1) === await there(), 20000);
});

test('stops cleanly', async () => {
  same(await s.drop(), { code: 0, signal: null });
  sim.kill();
});
