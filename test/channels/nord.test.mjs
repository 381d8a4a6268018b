// A platform that nobody has seen: its signing, its pages and its two steps in one file of at most 60 lines.
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { BINARY, FAST, HERE, Poller, Shop, check, same, same_set, stopShops, test } from './lib.mjs';

const SECRET = 'nordlicht/+geheim=42', SHOP = '7 711', FILE = fs.readFileSync(path.join(HERE, 'nord.channel'), 'utf8');
const sha1 = (text) => createHmac('sha1', SECRET).update(text).digest('base64');
const enc = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

class Nord extends Shop {
  answer(call, res) {
    const query = [...call.query].sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([k, v]) => `${enc(k)}=${enc(v)}`).join('&');
    const at = call.headers['nord-time'], raw = call.url.pathname;
    if (Math.abs(at * 1000 - Date.now()) > 120000) return this.send(res, 403, { fehler: 'Uhr' });
    if (call.headers['nord-sign'] !== `NORD ${SHOP}:${sha1(`${call.method}\n${raw}\n${query}\n${at}`)}`) return this.send(res, 403, { fehler: 'Unterschrift' });
    if (decodeURIComponent(raw) === `/v3/shops/${SHOP}/orders`) return this.list(call, res);
    const wanted = JSON.parse(call.body).orderNumbers;
    if (wanted.length > 3) return this.send(res, 400, { fehler: 'zu viele' });
    return this.send(res, 200, { orders: wanted.filter((n) => this.orders.has(n)).map((n) => ({ orderNumber: n, articles: this.orders.get(n).articles })) });
  }
  // A token of a page names the last order of the page before; it is good for one question only.
  list(call, res) {
    const from = Date.parse(call.query.get('changedAfter')), to = Date.parse(call.query.get('changedBefore')) + 999, token = call.query.get('pageToken');
    const after = token ? Buffer.from(token, 'base64').toString() : '';
    const all = [...this.orders.values()].filter((o) => o.changed >= from && o.changed < to).sort((a, b) => (a.id < b.id ? -1 : 1)).filter((o) => o.id > after);
    const page = all.slice(0, Number(call.query.get('limit')));
    this.send(res, 200, { orders: page.map((o) => this.head(o)), paging: { nextToken: all.length > page.length ? Buffer.from(page.at(-1).id).toString('base64') : null } });
  }
  head(o) {
    const t = (ms) => new Date(ms).toISOString();
    return { orderNumber: o.id, state: o.state, created: t(o.at), paid: t(o.at), changed: t(o.changed), cents: 4998, to: { name: 'Erika Beispiel', phone: '+49 30 555 0100', city: 'Kiel', zip: '24103', street: `Beispielweg ${o.id}` } };
  }
  sale(more = {}) {
    return this.put({ state: 'BEZAHLT', articles: [{ position: 1, sku: 'LAMPE', name: 'Lampe', pieces: 2, cents: 1999 }, { position: 2, sku: 'BIRNE', name: 'Birne', pieces: 1, cents: 1000 }], ...more });
  }
}

let s, nord;
test('the file is short, and its own', async () => {
  check(FILE.trimEnd().split('\n').length <= 60, `${FILE.split('\n').length} lines`);
  nord = await new Nord().start();
  for (let i = 0; i < 10; i++) nord.sale();
  s = new Poller(`[channel kiel]\nconnector = nord\nhost = ${nord.host}\n${FAST}settle = 0s\noverlap = 3s\nshop = ${SHOP}\nsecret_file = kiel.secret\n`, { nord: FILE });
  fs.writeFileSync(s.file('kiel.secret'), `${SECRET}\n`, { mode: 0o600 });
  const r = spawnSync(BINARY, ['channel', 'test', s.file('connectors/nord.channel')], { encoding: 'utf8' });
  same(r.status, 0, `channel test: ${r.stdout}${r.stderr}`);
  await s.start();
});

test('every order with its articles, in three pages and four detail calls', async () => {
  await s.until('ten orders', async () => (await s.ids('kiel')).length === 10);
  same_set(await s.ids('kiel'), [...nord.orders.keys()], 'orders');
  const o = (await s.want(200, 'GET', `/v1/orders/${(await s.orders('kiel'))[0].id}`)).json;
  same([o.status, o.total, o.receiver.city, o.lines.map((l) => [l.sku, l.quantity, l.price])], [o.status, { amount: '49.98', currency: 'EUR' }, 'Kiel', [['LAMPE', 2, { amount: '19.99', currency: 'EUR' }], ['BIRNE', 1, { amount: '10.00', currency: 'EUR' }]]], 'an order');
  same((await s.payloads('kiel')).length, 0, 'nothing failed');
});

test('what is known in that state is not fetched again; what changed is', async () => {
  await s.run('kiel');
  const path = (c) => c.path.endsWith('/articles'), from = nord.asked.length;
  await s.run('kiel');
  same(nord.asked.slice(from).filter(path).length, 0, 'no detail call without news');
  const first = [...nord.orders.keys()][0];
  nord.sale({ id: first, state: 'VERSANDT' });
  await s.until('sent', async () => (await s.orders('kiel')).some((o) => o.external_id === first && o.channel_status === 'shipped'));
});

test('a push makes it look at once', async () => {
  await s.stop();
  fs.writeFileSync(s.file('orderd.conf'), fs.readFileSync(s.file('orderd.conf'), 'utf8').replace('every = 1s', 'every = 1h'));
  await s.start();
  await s.state('kiel', (c) => c.poll.now.phase === 'idle' && Date.parse(c.poll.now.next_at) > Date.now() + 1000, 'it rests');
  const o = nord.sale(), body = '{"event":"order"}';
  const push = (sign) => s.raw('POST', '/v1/hooks/channel/kiel', { token: null, body, headers: { 'nord-sign': sign, 'nord-event': o.id } });
  same([(await push('x')).status, (await push(sha1(body))).status], [401, 200], 'signature');
  await s.until('the order', async () => await s.has('kiel', o.id));
});

test('a wrong secret is said in its words, and lost nothing', async () => {
  fs.writeFileSync(s.file('kiel.secret'), 'falsch-falsch\n');
  s.child.kill('SIGHUP');
  const c = await s.state('kiel', (x) => x.poll.error, 'an error');
  same([c.poll.error.kind, c.poll.error.status, c.poll.error.answer], ['refused', 403, '{"fehler":"Unterschrift"}'], 'what it says');
  const o = nord.sale();
  fs.writeFileSync(s.file('kiel.secret'), SECRET);
  s.child.kill('SIGHUP');
  await s.until('all is well', async () => await s.has('kiel', o.id));
  check(!s.log.includes('falsch-falsch') && !s.log.includes(SECRET), 'no secret in the log');
});
test('stops cleanly', async () => { same(await s.drop(), { code: 0, signal: null }); stopShops(); });
