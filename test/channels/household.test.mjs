// One customer's household, from three sales to the last refund, over real HTTP: two shops and a till within 72 hours, a sofa
// that is made and fails its first inspection, goods from the shelf, the cheapest carrier, its waybill, pick-up and delivery,
// a return through three people with a photo, and what WeCom and DingTalk heard of it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { exif, jpeg } from '../lib/photos.mjs';
import { Room, platforms } from '../outbox/rooms.mjs';
import { BINARY, FAST, Poller, Shop, check, connector, fail, same, section, test } from './lib.mjs';

const PLACE = { name: '林小茶', phone: '13800000001', address: '示例路8号样例小区2幢301室' };
const TELLS = `[request confirm]
POST {host}/ship
header.X-Token = secret('access_token')
body = json_object('order', :order_id, 'carrier', :carrier, 'number', :tracking_no)`;

class Home extends Poller {
  static async open() {
    const shops = [await new Shop().start(), await new Shop().start()], wecom = await new Room(platforms.wecom).start(), ding = await new Room(platforms.dingtalk).start();
    for (const shop of shops) {
      shop.told = [];
      shop.play = (c, res) => {
        if (c.path !== '/ship') return false;
        shop.told.push(JSON.parse(c.body));
        shop.send(res, 200, { ok: true });
        return true;
      };
    }
    const s = new Home(`${section('north', shops[0])}${section('south', shops[1])}[channel counter]\nconnector = till\nfolder = sales\nevery = 1s\nsettle = 0s\noverlap = 2s\nstart = 30d\n`
      + `[messenger office]\nconnector = wecom\nhost = ${wecom.url}\n${platforms.wecom.conf}\n[messenger floor]\nconnector = dingtalk\nhost = ${ding.url}\n${platforms.dingtalk.conf}\n`
      + '[notify cs-room]\nto = office\ndigest = 1s\non = remind escalate backlog exception:qc_failed exception:refund_by_hand\nlink = http://orders.example.com/o\n'
      + '[notify makers]\nto = floor\ndigest = 1s\non = exception:qc_failed\n[stage producing]\nremind = 1s\n'
      + '[sender]\nname = 示例商城\nphone = 13900000001\nprovince = 浙江省\ncity = 杭州市\ndistrict = 西湖区\naddress = 示例路1号\n'
      + '[outbox]\nallow = 127.0.0.1\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\nbreaker_most = 200ms\n',
      { plain: connector({ confirm: TELLS }) });
    Object.assign(s, { shops, wecom, ding });
    fs.mkdirSync(s.file('sales'));
    s.relay = http.createServer((req, res) => {
      const parts = [];
      req.on('data', (d) => parts.push(d)).on('end', async () => {
        const keep = Object.fromEntries(['content-type', 'mes-time', 'mes-signature'].filter((h) => req.headers[h]).map((h) => [h, req.headers[h]]));
        const a = await s.raw('POST', req.url, { token: null, body: Buffer.concat(parts), headers: keep }).catch(() => ({ status: 503, text: '' }));
        res.writeHead(a.status, { 'content-type': 'application/json' }).end(a.text);
      });
      req.on('error', () => {}), res.on('error', () => {});
    });
    await new Promise((done) => s.relay.listen(0, '127.0.0.1', done));
    s.sim = spawn(BINARY, ['sim', '--listen', '127.0.0.1:0', '--platforms', 'shopify', '--orders', '0', '--factories', 'F1', '--carriers', 'SF,DEPPON', '--make-time', '1h', '--pickup', '1h',
      '--push', `http://127.0.0.1:${s.relay.address().port}`, '--config', s.file('sim.conf')], { stdio: ['ignore', 'pipe', 'pipe'] });
    s.simLog = '';
    s.sim.stderr.on('data', (d) => { s.simLog += d; });
    const [line] = await once(s.sim.stdout, 'data');
    s.control = JSON.parse(String(line).split('\n')[0]).control;
    const all = fs.readFileSync(s.file('sim.conf'), 'utf8').replaceAll(/^(connector = .*)$/gm, '$1\ntimeout = 2s\nmax_rps = 1000');
    const cut = ['\n[factory', '\n[carrier'].map((k) => all.indexOf(k)).filter((i) => i >= 0);
    fs.appendFileSync(s.file('orderd.conf'), `\n${all.slice(Math.min(...cut))}`);
    await s.start();
    return s;
  }
  async sim_(method, path, body) { return (await fetch(`${this.control}/sim/${path}`, { method, body: body && JSON.stringify(body) })).json(); }
  async order(channel) { return (await this.want(200, 'GET', `/v1/orders/${(await this.orders(channel))[0].id}`)).json; }
  async close() {
    await this.stop();
    const whole = spawnSync(BINARY, ['--data', this.dir, 'check'], { encoding: 'utf8', timeout: 60000 });
    check(whole.status === 0, `check: ${whole.stdout}${whole.stderr}`);
    fs.rmSync(this.dir, { recursive: true, force: true });
    this.relay.closeAllConnections(), this.relay.close(), this.wecom.stop(), this.ding.stop();
    this.sim.kill('SIGTERM');
    await once(this.sim, 'exit');
    if (/AddressSanitizer|runtime error|LeakSanitizer|this must hold/.test(this.simLog)) fail(this.simLog.slice(-2000));
  }
}

test('a household, from three sales to the last refund', async () => {
  const s = await Home.open(), [north, south] = s.shops;
  // what the shop has: a sofa that is made to order, lamps and rugs on the shelf, and what carriers cost
  await s.want(201, 'POST', '/v1/warehouses', { body: { code: 'HZ' } });
  await s.want(201, 'POST', '/v1/warehouses', { body: { code: 'F1', kind: 'factory' } });
  for (const k of [{ code: 'SOFA', title: 'Sofa', made: true, weight_g: 45000 }, { code: 'LAMP', title: 'Lamp', weight_g: 2400 }, { code: 'RUG', title: 'Rug', weight_g: 3000 }]) await s.want(201, 'POST', '/v1/skus', { body: k });
  for (const sku of ['LAMP', 'RUG']) await s.want(200, 'POST', '/v1/stock', { body: { sku, warehouse: 'HZ', counted: 5 } });
  for (const [carrier, first_price, price_per_kg] of [['SF', '12', '3'], ['DEPPON', '20', '0.8']]) await s.want(201, 'POST', '/v1/rates', { body: { carrier, province: '浙江省', first_price, price_per_kg, step_kg: '1' } });

  // three sales within 72 hours, one customer
  const hour = 3600e3, at = Date.now() - 50 * hour;
  north.put({ id: 'N-1', sku: 'SOFA', total: '4800.00', at, changed: Date.now(), ...PLACE });
  south.put({ id: 'S-1', sku: 'LAMP', total: '189.00', at: at + 20 * hour, changed: Date.now(), ...PLACE });
  const local = new Date(at + 40 * hour + 8 * hour).toISOString().replace('T', ' ').slice(0, 19);
  fs.writeFileSync(s.file('sales/today.csv'), `sale,time,sku,article,pieces,price,discount,paid,name,phone,address,note,state\nT-1,${local},RUG,Rug,1,260.00,,260.00,${PLACE.name},${PLACE.phone},浙江省杭州市西湖区${PLACE.address},,\n`);
  for (const name of ['north', 'south', 'counter']) await s.until(`${name} is polled`, async () => (await s.orders(name)).length === 1, 20000);
  const [sofa, lamp, rug] = [await s.order('north'), await s.order('south'), await s.order('counter')];
  check(sofa.group && sofa.group.id === lamp.group?.id && lamp.group.id === rug.group?.id, `one group: ${JSON.stringify([sofa.group, lamp.group, rug.group])}`);

  // the plan: the sofa is the factory's, the rest goes in one parcel
  await s.want(200, 'POST', `/v1/orders/${sofa.id}/transitions`, { body: { to: 'split' } });
  for (const o of [lamp, rug]) if ((await s.want(200, 'GET', `/v1/orders/${o.id}`)).json.status !== 'split') await s.want(200, 'POST', `/v1/orders/${o.id}/transitions`, { body: { to: 'split' } });
  const made = (await s.order('north')).fulfilments.find((f) => f.warehouse === 'F1'), shelf = (await s.order('south')).fulfilments.find((f) => f.warehouse === 'HZ');
  same((await s.order('counter')).fulfilments.map((f) => f.id), [shelf.id], 'lamp and rug are one parcel');

  // the sofa: told to the factory, fails its inspection, is made again
  await s.want(200, 'POST', `/v1/orders/${sofa.id}/transitions`, { body: { to: 'producing' } });
  const works = async () => (await s.order('north')).fulfilments.find((f) => f.id === made.id).work_orders;
  const first = (await works())[0].id;
  await s.until('the factory has it', async () => ['accepted', 'started'].includes((await works())[0].state), 20000);
  check((await works())[0].expected_at, 'the order shows the date expected');
  await s.sim_('POST', 'factories', { factory: 'F1', work_order: first, qc: 'failed' });
  await s.sim_('POST', 'advance', { ms: 2 * hour });
  await s.until('made again', async () => (await works()).some((w) => w.rework_of === first), 20000);
  check((await s.order('north')).exceptions.some((x) => x.type === 'qc_failed'), 'a person is told');
  await s.until('DingTalk heard of it', async () => s.ding.taken.length > 0, 20000);
  await s.until('WeCom heard of it', async () => s.wecom.taken.length > 0, 20000);
  for (let i = 0; i < 30 && (await s.order('north')).status !== 'inspected'; i++) { await s.sim_('POST', 'advance', { ms: 2 * hour }); await s.until('a word of the factory', async () => (await works()).at(-1).state !== 'sent', 5000); }
  await s.until('inspected', async () => (await s.order('north')).status === 'inspected', 20000);

  // the parcel from the shelf: picked, packed, the cheaper carrier, its waybill
  await s.want(201, 'POST', '/v1/waves', { body: { warehouse: 'HZ', fulfilments: [shelf.id] } });
  for (const sku of ['LAMP', 'RUG']) await s.want(200, 'POST', `/v1/pack/${shelf.id}/scan`, { body: { barcode: sku } });
  const quote = (await s.want(200, 'POST', '/v1/shipments/quote', { body: { fulfilment: shelf.id } })).json;
  same([quote.winner?.carrier, quote.winner?.price_minor, quote.candidates.find((k) => k.carrier === 'SF')?.lost], ['DEPPON', 2400, 'dearer'], `six kilograms: 20 + 5 x 0.80 against 12 + 5 x 3: ${JSON.stringify(quote)}`);
  const bought = (await s.want(201, 'POST', '/v1/waybills', { body: { fulfilment: shelf.id } })).json;
  same(bought.carrier, 'DEPPON', 'the cheapest that sells waybills');
  const waybill = async (id) => (await s.want(200, 'GET', `/v1/waybills/${id}`)).json;
  await s.until('bought', async () => (await waybill(bought.id)).state === 'bought', 20000);
  const number = (await waybill(bought.id)).tracking_no;
  const label = await s.raw('GET', `/v1/waybills/${bought.id}/label`);
  check(label.status === 200 && label.text.includes(number) && /100mm 150mm|100 ?mm/.test(label.text), 'its label');
  const sent = (await s.want(201, 'POST', '/v1/waybills', { body: { fulfilment: made.id } })).json;
  await s.until('the sofa has one too', async () => (await waybill(sent.id)).state === 'bought', 20000);

  // pick-up and delivery; each shop hears of its own parcel, once
  for (let i = 0; i < 40; i++) {
    await s.sim_('POST', 'advance', { ms: 6 * hour });
    const k = await Promise.all([bought.id, sent.id].map(async (id) => (await s.want(200, 'GET', `/v1/claims/${(await waybill(id)).claim}`)).json));
    if (k.every((x) => x.carried === 'delivered')) break;
  }
  for (const id of [bought.id, sent.id]) await s.until('delivered', async () => (await s.want(200, 'GET', `/v1/claims/${(await waybill(id)).claim}`)).json.carried === 'delivered', 20000);
  await s.until('the shops are told', async () => north.told.length >= 1 && south.told.length >= 1, 20000);
  same([north.told.map((x) => [x.order, x.number]), south.told.map((x) => [x.order, x.number])], [[['N-1', (await waybill(sent.id)).tracking_no]], [['S-1', number]]], 'each of its own, once');
  for (const o of [sofa, lamp, rug]) check(['shipped', 'signed', 'completed', 'delivered'].includes((await s.want(200, 'GET', `/v1/orders/${o.id}`)).json.status), 'it has left');

  // the lamp comes back: three people, a photo without its place, quarantine, the shelf
  const token = {};
  for (const [name, roles] of [['asks', 'cs'], ['cs', 'cs'], ['warehouse', 'warehouse'], ['finance', 'finance']]) token[name] = await s.token(name, roles);
  const as = (name, body) => ({ body, token: token[name] });
  const k = (await s.want(201, 'POST', '/v1/cases', as('asks', { order: lamp.id, kind: 'return', reason: 'the shade is torn', lines: [{ line_id: '1', quantity: 1 }] }))).json;
  const photo = (await s.call('POST', `/v1/cases/${k.id}/photos`, { body: jpeg([exif()]), type: 'image/jpeg', token: token.asks })).json;
  same(photo.photos.length, 1, 'the photo');
  check(!fs.readFileSync(s.file(`photos/${photo.photos[0].digest.slice(0, 2)}/${photo.photos[0].digest.slice(2)}`)).includes('Exif'), 'without where it was taken');
  same((await s.want(403, 'POST', `/v1/cases/${k.id}/approve`, as('asks', {}))).json.code, 'own_request');
  for (const name of ['cs', 'warehouse', 'finance']) await s.want(200, 'POST', `/v1/cases/${k.id}/approve`, as(name, {}));
  await s.want(200, 'POST', `/v1/cases/${k.id}/receive`, as('warehouse', { warehouse: 'HZ', lines: [{ line_id: '1', quantity: 1 }] }));
  await s.want(200, 'POST', `/v1/cases/${k.id}/receive`, as('warehouse', { warehouse: 'HZ', lines: [{ line_id: '1', good: 1 }] }));
  same((await s.want(200, 'POST', `/v1/cases/${k.id}/refunded`, as('finance', { refund_id: 'R-1' }))).json.state, 'done');
  same((await s.want(200, 'GET', '/v1/stock?sku=LAMP')).json.data.map((x) => x.on_hand), [5], 'one left, one came back');
  await s.until('WeCom heard of the refund', async () => s.wecom.taken.some((t) => t.includes(lamp.id)), 20000);
  same([s.wecom.refused, s.ding.refused], [[], []], 'every word well signed');
  await s.close();
  north.stop(), south.stop();
});
