// Rooms and customers from end to end, through the plain webhook: digests, links, what is urgent, who wants to be written to,
// and nothing twice when the receiver is lost or the process is killed.
import { createHmac } from 'node:crypto';
import http from 'node:http';
import { Server, check, order, same, sleep, test } from '../http_api/lib.mjs';

const SECRET = 'a-fictional-secret-of-the-room';

class Room {
  constructor() { Object.assign(this, { took: [], play: null }); }
  async start() {
    this.server = http.createServer((req, res) => {
      let body = '';
      req.setEncoding('utf8');
      req.on('error', () => {});
      req.on('data', (d) => { body += d; });
      req.on('end', () => {
        const h = req.headers, want = `v1,${createHmac('sha256', SECRET).update(`${h['webhook-id']}.${h['webhook-timestamp']}.${body}`).digest('base64')}`;
        check(h['webhook-signature'] === want, 'a wrong signature');
        const m = JSON.parse(body);
        this.took.push({ ...m, at: Date.now() });
        if (this.play?.(res, this.took.length)) return;
        res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}/in`;
    return this;
  }
  ids() { return new Set(this.took.map((m) => m.id)); }
  stop() { this.server.closeAllConnections(); this.server.close(); }
}
const FAST = '[outbox]\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\nbreaker_most = 200ms\n';
const robot = (url, name = 'robot') => `[messenger ${name}]\nconnector = webhook\nhost = ${url}\nsecret = ${SECRET}\n`;
const lines = (took) => took.flatMap((m) => m.text.split('\n'));

test('a digest a time: reminders of orders come together, with links, and once', async () => {
  const room = await new Room().start();
  const s = await new Server({ conf: `${robot(room.url)}[notify cs]\nto = robot\non = remind\ndigest = 2s\nlink = https://orders.example/o\n` +
    `[stage pending]\nowner = cs\nremind = 1s\nescalate = never\n${FAST}` }).start();
  const ids = [];
  for (let i = 0; i < 12; i++) {
    ids.push((await s.want(201, 'POST', '/v1/orders', { body: order({ status: 'placed', paid_at: null, paid: '0.00' }) })).json.id);
    if (i % 4 === 3) await sleep(700);
  }
  await s.until('told', async () => lines(room.took).filter((l) => l.startsWith('Waits:')).length >= ids.length, 20000);
  const said = lines(room.took);
  for (const id of ids) same(said.filter((l) => l.includes(` ${id} `)).length, 1, id);
  check(said.every((l) => !l.startsWith('Waits') || l.includes('https://orders.example/o/o_')), 'links');
  for (let i = 1; i < room.took.length; i++) check(room.took[i].at - room.took[i - 1].at > 1500, `messages ${room.took[i].at - room.took[i - 1].at} ms apart`);
  const list = (await s.get('/v1/notices?state=sent&limit=200')).json.data;
  same(list.length, ids.length, 'all are told');
  same((await s.get(`/v1/notices?about=${ids[0]}`)).json.data.map((n) => [n.room, n.kind, n.messenger]), [['cs', 'remind', 'robot']]);
  same((await s.get(`/v1/notices/${list[0].id}`)).json, list[0]);
  await s.want(400, 'GET', '/v1/notices?state=lost');
  await s.want(404, 'GET', '/v1/notices/m_999999');
  await s.want(404, 'POST', '/v1/notices/test', { body: { room: 'nobody' } });
  await s.drop();
  room.stop();
});

test('killed, broken off, refused for a while: the same message again, and nothing is lost', async () => {
  const room = await new Room().start();
  const s = await new Server({ conf: `${robot(room.url)}[notify cs]\nto = robot\ndigest = 1s\n${FAST}` }).start();
  room.play = (res, n) => {
    if (n > 6) return false;
    if (n % 3 === 1) res.destroy();
    else if (n % 3 === 2) res.writeHead(503).end();
    else res.writeHead(200, { 'content-type': 'application/json' }).write('{'), res.destroy();
    return true;
  };
  await s.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs' } });
  await s.until('tried', async () => room.took.length >= 2, 15000);
  await s.stop('SIGKILL');
  await s.start();
  await s.until('told', async () => (await s.get('/v1/notices?state=waiting')).json.data.length === 0, 20000);
  same([room.ids().size, new Set(room.took.map((m) => m.text)).size], [1, 1], 'one message, always the same');
  await s.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs' } });
  await s.until('told', async () => room.ids().size === 2, 15000);
  same((await s.get('/v1/notices?state=sent')).json.data.length, 2);
  await s.drop();
  room.stop();
});

test('customers: who wants it hears once that the parcel left; an answer that is lost is not taken for a no', async () => {
  const room = await new Room().start();
  const hour = (h) => String((h + 24) % 24).padStart(2, '0'), now = new Date().getUTCHours();
  const s = await new Server({ conf: `${robot(room.url)}[customers shipped]\nto = robot\ntemplate = T1\nparams = tracking_no order\nquiet = ${hour(now + 3)}:00-${hour(now + 4)}:00\n` +
    `[calendar]\nzone = +00:00\n[merge]\nwindow = 1s\n${FAST}` }).start();
  await s.want(201, 'POST', '/v1/warehouses', { body: { code: 'HZ' } });
  await s.want(201, 'POST', '/v1/skus', { body: { code: 'A' } });
  await s.want(201, 'POST', '/v1/stock/adjustments', { body: { sku: 'A', warehouse: 'HZ', delta: 10, reason: 'received' } });
  const ship = async (n, more) => {
    const o = order({ status: 'paid', ...more });
    o.lines = [{ line_id: '1', sku: 'A', quantity: 1, price: '10.00' }], o.total = '10.00';
    o.receiver = { ...o.receiver, phone: `1380000000${n}` };
    const id = (await s.want(201, 'POST', '/v1/orders', { body: o })).json.id;
    await s.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } });
    const f = (await s.get(`/v1/orders/${id}`)).json.fulfilments[0].id;
    await s.call('POST', `/v1/fulfilments/${f}/claims`, { body: { carrier: 'SF', tracking_no: `SF00000${n}` } });
    for (let i = 0; i < 2; i++) await s.call('POST', '/v1/shipments/trace', { body: { tracking_no: `SF00000${n}`, status: 'picked_up' } });
    return o.external_id;
  };
  const first = await ship(1, { flags: ['consent_sms'] });
  await ship(2, {});
  await s.until('told', async () => room.took.length > 0, 15000);
  same([room.took[0].to, room.took[0].template, Object.entries(room.took[0].params)], [['+8613800000001'], 'T1', [['tracking_no', 'SF000001'], ['order', first]]]);
  room.play = (res) => { res.destroy(); return true; };
  await ship(3, { flags: ['consent_sms'] });
  await s.until('lost', async () => (await s.get('/v1/effects?kind=notice&state=unknown')).json.data.length === 1, 15000);
  room.play = null;
  await s.stop('SIGKILL');
  await s.start();
  await sleep(2500);
  same(room.took.length, 2, 'nothing is sent twice without asking');
  const told = (await s.get('/v1/notices?room=customer%3Ashipped')).json.data;
  same(told.map((n) => n.state), ['waiting', 'sent']);
  check(!JSON.stringify(told).includes('1380000'), 'no number in the list');
  await s.drop();
  room.stop();
});
