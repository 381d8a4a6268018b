// Black-box tests of `orderd sim`: its ports, control routes, pushes and files.
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { check, Place, same, sleep, test } from './lib.mjs';

const started = { wait: /"control":"(\S+?)"/ };
const sim = (p, words) => p.start(`sim --listen 127.0.0.1:0 ${words}`, started);
const get = async (url) => (await fetch(url)).json();
const post = async (url, body) => (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).json();

// [channel NAME] sections as objects
function channels(text) {
  const all = {};
  for (const part of text.split('\n[channel ').slice(1)) {
    const [head, ...lines] = part.trim().split('\n');
    all[head.replace(']', '')] = Object.fromEntries(lines.map((l) => l.split(' = ')));
  }
  return all;
}

// A client of Shopee as its documentation tells: written here, so that simulator and connector have a third witness.
class Shopee {
  constructor(channel, now) { this.s = channel; this.now = now; }
  url(path, params = {}) {
    const at = Math.floor(this.now() / 1000), { partner_id, partner_key, shop_id, access_token } = this.s;
    const sign = createHmac('sha256', partner_key).update(`${partner_id}${path}${at}${access_token}${shop_id}`).digest('hex');
    return `${this.s.host}${path}?${new URLSearchParams({ ...params, partner_id, timestamp: at, access_token, shop_id, sign })}`;
  }
  page(cursor = '') {
    const to = Math.floor(this.now() / 1000);
    return this.url('/api/v2/order/get_order_list', { time_range_field: 'update_time', time_from: to - 14 * 86400, time_to: to, page_size: 100, cursor });
  }
  async ids() {
    const ids = [];
    for (let cursor = '', more = true; more; ) {
      const r = await get(this.page(cursor));
      if (!check(r.error === '', JSON.stringify(r).slice(0, 200))) break;
      ids.push(...r.response.order_list.map((o) => o.order_sn));
      ({ more, next_cursor: cursor } = r.response);
    }
    return ids;
  }
}
const known = (truth, name) => truth.channels.find((c) => c.name === name).orders.map((o) => o.external_id).sort();

test('sim: serves every order, moves its clock, and writes the truth', async () => {
  const p = new Place({ init: false });
  const s = await sim(p, '--platforms shopee,shopify,shopee --orders 600 --seed 5 --no-limits --rate 1 --late-cancel 10% --config sim.conf --truth truth.json');
  const line = JSON.parse(s.out.split('\n')[0]);
  same(line.shops.map((x) => x.name), ['shopee', 'shopify', 'shopee-2'], 'shops');
  same(new Set(line.shops.map((x) => x.host)).size, 3, 'a port each');
  const conf = p.read('sim.conf');
  check(conf.includes(s.url) && fs.statSync(p.path('sim.conf')).mode % 512 === 0o600, 'the control port is in the configuration');
  same(await (await fetch(`${s.url}/sim/config`)).text(), conf, '/sim/config');
  const all = channels(conf);
  same(all['shopee-2'].connector, 'shopee', 'connector');
  let ahead = 0;
  const shop = new Shopee(all.shopee, () => Date.now() + ahead);
  await post(`${s.url}/sim/advance`, { ms: 3600000 });
  ahead = 3600000;
  const date = new Date((await fetch(shop.page())).headers.get('date')).getTime();
  check(Math.abs(date - Date.now() - ahead) < 60000, `Date says the world's time: ${date}`);
  same((await post(`${s.url}/sim/stop-changes`, {})).result, 'frozen', 'stop-changes');
  const truth = await get(`${s.url}/sim/truth`);
  same((await shop.ids()).sort(), known(truth, 'shopee'), 'every order');
  check(truth.late_cancels > 0 && truth.groups.length > 10 && truth.groups.every((g) => g.length > 1), 'groups and late cancels');
  const state = await get(`${s.url}/sim/state`);
  check(state.frozen && state.shops[0].calls['order/get_order_list'] > 1 && state.shops[0].bad_signatures === 0, JSON.stringify(state.shops[0]));
  const wrong = await get(shop.page().replace(/sign=./, 'sign=x'));
  same([wrong.error, (await get(`${s.url}/sim/state`)).shops[0].bad_signatures], ['error_sign', 1], 'a wrong signature');
  same((await s.stop()).code, 0, 'ends');
  same(JSON.parse(p.read('truth.json')), truth, '--truth');
  check(!/runtime error|Sanitizer/.test(s.log), s.log);
});

test('sim: breaks answers as it is told', async () => {
  const p = new Place({ init: false });
  const s = await sim(p, '--platforms shopee --orders 400 --no-limits --config sim.conf --truncated 1');
  const shop = new Shopee(channels(p.read('sim.conf')).shopee, Date.now);
  let cut = 0, short = 0;
  for (let i = 0; i < 30; i++) {
    try { JSON.parse(await (await fetch(shop.page())).text()); } catch (e) { if (e instanceof SyntaxError) short++; else cut++; }
  }
  check(cut > 0 && short > 0 && cut + short === 30, `connections cut ${cut}, bodies cut ${short}`);
  same((await post(`${s.url}/sim/faults`, { truncated: 0, timeouts: '100%' })).result, 'set', 'faults');
  const late = await Promise.race([fetch(shop.page(), { signal: AbortSignal.timeout(3000) }).then(() => 'answered', () => 'gone'), sleep(300).then(() => 'waiting')]);
  same(late, 'waiting', 'a request that is never answered');
  same((await post(`${s.url}/sim/faults`, { timeouts: 0, same_page: 1 })).result, 'set', 'faults');
  const pages = [];
  for (let i = 0, cursor = ''; i < 4; i++, cursor = pages[0].next_cursor) pages.push((await get(shop.page(cursor))).response);
  check(pages.every((x) => x.more && x.next_cursor === pages[0].next_cursor), 'the same cursor for ever');
  same(pages[3].order_list[0], pages[0].order_list[0], 'the same page for ever');
  const table = [['GET', 'x', null, 404], ['POST', 'advance', { ms: -1 }, 422], ['POST', 'advance', {}, 422], ['POST', 'faults', { nosuch: 1 }, 422],
    ['POST', 'faults', { errors: 2 }, 422], ['POST', 'push', { shop: 'shopee', id: 'x' }, 404], ['POST', 'push', { shop: 'shopee' }, 409], ['GET', 'advance', null, 404]];
  for (const [method, path, body, status] of table) {
    const r = await fetch(`${s.url}/sim/${path}`, { method, body: body && JSON.stringify(body) });
    same(r.status, status, `${method} ${path}`);
  }
  same((await fetch(`${s.url}/sim/advance`, { method: 'POST', body: '{' })).status, 400, 'no JSON');
  same((await s.stop()).code, 0, 'ends with a request waiting');
  check(!/runtime error|Sanitizer/.test(s.log), s.log);
});

test('sim: pushes what changes, signed, some of it twice', async () => {
  const got = [];
  let refuse = 1;
  const ear = http.createServer((req, res) => {
    let body = '';
    req.on('data', (d) => { body += d; });
    req.on('end', () => { got.push({ url: req.url, headers: req.headers, body }); res.statusCode = refuse-- > 0 ? 503 : 200; res.end(); });
  });
  await new Promise((done) => ear.listen(0, '127.0.0.1', done));
  const base = `http://127.0.0.1:${ear.address().port}`, p = new Place({ init: false });
  const s = await sim(p, `--platforms shopee,shopify --orders 30 --config sim.conf --push ${base}`);
  const all = channels(p.read('sim.conf')), truth = await get(`${s.url}/sim/truth`);
  for (const shop of ['shopee', 'shopify']) same((await post(`${s.url}/sim/push`, { shop, id: known(truth, shop)[0] })).result, 'pushed', shop);
  for (let i = 0; i < 100 && got.length < 3; i++) await sleep(100); // one is refused, and comes again
  const shopee = got.filter((x) => x.url === '/v1/hooks/channel/shopee'), shopify = got.filter((x) => x.url === '/v1/hooks/channel/shopify');
  same(got.length, 3, 'pushes');
  same(shopee[0].headers.authorization, createHmac('sha256', all.shopee.partner_key).update(`${base}/v1/hooks/channel/shopee|${shopee[0].body}`).digest('hex'), 'shopee');
  same(JSON.parse(shopee[0].body).data.ordersn, known(truth, 'shopee')[0], 'ordersn');
  same(shopify[0].headers['x-shopify-hmac-sha256'], createHmac('sha256', all.shopify.client_secret).update(shopify[0].body).digest('base64'), 'shopify');
  await post(`${s.url}/sim/faults`, { duplicates: 1 });
  got.length = 0;
  await post(`${s.url}/sim/push`, { shop: 'shopify', id: known(truth, 'shopify')[1] });
  for (let i = 0; i < 100 && got.length < 2; i++) await sleep(100);
  same(new Set(got.map((x) => x.headers['x-shopify-webhook-id'])).size, 1, 'the same push twice');
  same(got.length, 2, 'twice');
  await post(`${s.url}/sim/faults`, { duplicates: 0, lost_pushes: 1 });
  await post(`${s.url}/sim/push`, { shop: 'shopify' });
  check((await get(`${s.url}/sim/state`)).shops[1].faults['lost-pushes'] > 5, 'lost pushes are counted');
  same((await s.stop()).code, 0, 'ends');
  check(!/runtime error|Sanitizer/.test(s.log), s.log);
  ear.close();
});

test('sim: says what is wrong with its options', async () => {
  const p = new Place({ init: false });
  p.write('own.conf', '[server]\n');
  const s = await sim(p, '--platforms shopee --orders 1');
  const table = [
    [2, '--timeouts 2', /a share/], [2, '--rate x', /per second/], [2, '--token-life soon', /duration/], [2, '--orders -1', /number from/],
    [1, '--platforms nosuch', /no such platform/], [1, '--listen here', /ADDRESS:PORT/], [1, `--listen ${s.url.slice(7)} --platforms shopee`, /in use/],
    [1, '--listen 127.0.0.1:0 --platforms shopee --config own.conf', /not written by orderd sim/],
  ];
  for (const [status, words, why] of table) check(why.test(p.is(status, `sim ${words}`).err), `sim ${words}: says ${why}`);
  same(p.read('own.conf'), '[server]\n', 'somebody\'s configuration');
  await s.stop();
});
