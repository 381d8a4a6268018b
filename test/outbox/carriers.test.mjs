// Carriers from end to end: orderd buys waybills of simulated SF, Deppon and JD Logistics by their files, hears of parcels by
// their pushes and by asking, and of others' parcels through Kuaidi100. A relay keeps the address of orderd when it is killed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { BINARY, Server, check, fail, order, same, test } from '../http_api/lib.mjs';

const SENDER = '\n[sender]\nname = Depot <b>\nphone = 13900000001\nprovince = 广东省\ncity = 深圳市\ndistrict = 南山区\naddress = 示例路1号\ncompany = 示例商城\n';
const OUTBOX = '\n[outbox]\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\nbreaker_most = 200ms\n[stock]\ntrack = no\n';

class Street extends Server {
  static async open({ words = '', names = 'SF,DEPPON,JDL', every = '1h', conf = '[pack]\nverify = no\n', pushes = true, env = {} } = {}) {
    const s = new Street({ conf: '#\n', env });
    s.seen = [];
    s.relay = http.createServer((req, res) => {
      const parts = [];
      req.on('data', (d) => parts.push(d)).on('end', async () => {
        const c = { path: req.url, type: req.headers['content-type'], body: Buffer.concat(parts).toString() };
        s.seen.push(c);
        const a = pushes && s.up ? await s.pass(c).catch(() => ({ status: 502, text: '' })) : { status: 503, text: '' };
        res.writeHead(a.status, { 'content-type': 'application/json' }).end(a.text);
      });
      req.on('error', () => {}), res.on('error', () => {});
    });
    await new Promise((done) => s.relay.listen(0, '127.0.0.1', done));
    s.sim = spawn(BINARY, ['sim', '--listen', '127.0.0.1:0', '--platforms', 'shopify', '--orders', '0', '--carriers', names, '--pickup', '1h',
      '--push', `http://127.0.0.1:${s.relay.address().port}`, '--config', s.file('sim.conf'), ...words.split(' ').filter(Boolean)], { stdio: ['ignore', 'pipe', 'pipe'] });
    s.simLog = '';
    s.sim.stderr.on('data', (d) => { s.simLog += d; });
    const [line] = await once(s.sim.stdout, 'data');
    s.control = JSON.parse(String(line).split('\n')[0]).control;
    const all = fs.readFileSync(s.file('sim.conf'), 'utf8');
    s.conf_ = all.slice(all.indexOf('\n[carrier')).replaceAll('connector =', `timeout = 1s\nmax_rps = 1000\nevery = ${every}\nconnector =`);
    fs.writeFileSync(s.file('orderd.conf'), s.conf_ + SENDER + OUTBOX + conf);
    await s.start();
    s.up = true;
    return s;
  }
  pass(c) { return this.raw('POST', c.path, { token: null, body: c.body, headers: { 'content-type': c.type } }); }
  async kill_() {
    this.up = false;
    await this.stop('SIGKILL');
    await this.start();
    this.up = true;
  }
  async close() {
    await this.stop();
    const whole = spawnSync(BINARY, ['--data', this.dir, 'check'], { encoding: 'utf8', timeout: 60000 });
    check(whole.status === 0, `check: ${whole.stdout}${whole.stderr}`);
    fs.rmSync(this.dir, { recursive: true, force: true });
    this.relay.closeAllConnections(), this.relay.close();
    this.sim.kill('SIGTERM');
    await once(this.sim, 'exit');
    if (/AddressSanitizer|runtime error|LeakSanitizer|this must hold/.test(this.simLog)) fail(this.simLog.slice(-2000));
  }
  async control_(method, path, body) { return (await fetch(`${this.control}/sim/${path}`, { method, body: body && JSON.stringify(body) })).json(); }
  async there(name) { return (await this.control_('GET', 'carriers')).find((f) => f.name === name); }
  decide(carrier, more) { return this.control_('POST', 'carriers', { carrier, ...more }); }
  async parcel(more = {}) {
    const o = order({ status: 'paid', total: '10.00', lines: [{ line_id: '1', sku: 'TEA', title: '茶具 <i>&', quantity: 1, price: '10.00' }], ...more });
    const id = (await this.want(201, 'POST', '/v1/orders', { body: o })).json.id;
    if ((await this.get(`/v1/orders/${id}`)).json.status !== 'split') await this.want(200, 'POST', `/v1/orders/${id}/transitions`, { body: { to: 'split' } });
    return { order: id, f: (await this.get(`/v1/orders/${id}`)).json.fulfilments[0].id };
  }
  async buy(f, carrier) { return (await this.want(201, 'POST', '/v1/waybills', { body: { fulfilment: f, carrier } })).json.id; }
  async waybill(id) { return (await this.get(`/v1/waybills/${id}`)).json; }
  is(id, state) { return this.until(`${id} is ${state}`, async () => (await this.waybill(id)).state === state, 30000); }
}

test('bought once of each carrier, though answers are lost and orderd is killed', async () => {
  const s = await Street.open();
  for (const name of ['SF', 'DEPPON', 'JDL']) {
    const p = await s.parcel();
    await s.decide(name, { lose: 1 });
    const id = await s.buy(p.f, name);
    await s.until('it was sold', async () => (await s.there(name)).waybills.length === 1, 30000);
    await s.kill_();
    await s.is(id, 'bought');
    const there = await s.there(name), w = await s.waybill(id);
    same([there.waybills.length, there.waybills[0].order_no, there.waybills[0].tracking_no], [1, w.order_no, w.tracking_no], `${name} sold one`);
    same([there.bad_signatures, there.unanswered], [0, 1], `${name}: well signed, one answer lost`);
    same((await s.get(`/v1/claims/${w.claim}`)).json.tracking_no, w.tracking_no, 'its number claims the fulfilment');
    same((await s.want(200, 'POST', '/v1/waybills', { body: { fulfilment: p.f } })).json.id, id, 'asked for again it is the same');
  }
  await s.close();
});

for (const point of ['waybill.wanted', 'waybill.bought']) {
  test(`kill -9 at ${point}: one is bought, and it claims the fulfilment`, async () => {
    const s = await Street.open({ names: 'SF', env: { ORDERD_KILL_AT: `${point}:1` } });
    let deaths = 0;
    const revive = async () => {
      const how = await Promise.race([s.exited, new Promise((go) => setTimeout(go, 3000))]);
      if (!s.over) return;
      same(how?.signal, 'SIGKILL', 'how it died');
      deaths++, s.env = {}, s.up = false;
      await s.start();
      s.up = true;
    };
    const p = await s.parcel();
    let id;
    for (let i = 0; i < 5 && !id; i++) {
      try { id = (await s.post('/v1/waybills', { fulfilment: p.f, carrier: 'SF' })).json.id; } catch { await revive(); }
    }
    for (let i = 0; i < 5 && deaths < 1; i++) await revive();
    await s.is(id, 'bought');
    same(deaths, 1, 'deaths');
    const there = await s.there('SF'), w = await s.waybill(id);
    same([there.waybills.length, there.waybills[0].tracking_no], [1, w.tracking_no], 'the carrier sold one');
    same((await s.get(`/v1/waybills?fulfilment=${p.f}`)).json.data.length, 1, 'one is asked for');
    same((await s.get(`/v1/claims/${w.claim}`)).json.tracking_no, w.tracking_no, 'its number claims the fulfilment');
    await s.close();
  });
}

test('taken back and bought again; never two that are live', async () => {
  const s = await Street.open();
  const p = await s.parcel(), id = await s.buy(p.f, 'SF');
  await s.is(id, 'bought');
  const r = await s.want(202, 'POST', `/v1/waybills/${id}/again`, { body: { reason: 'the box is too small', carrier: 'JDL' } });
  same(r.json.id, id, 'the old one first');
  await s.until('another is bought', async () => (await s.get(`/v1/waybills?fulfilment=${p.f}&state=bought`)).json.data[0]?.carrier === 'JDL', 30000);
  same((await s.there('SF')).waybills.map((w) => w.void), [true], 'SF took it back');
  await s.want(409, 'POST', `/v1/fulfilments/${p.f}/claims`, { body: { carrier: 'SF', tracking_no: 'SF1111111111' } });
  const last = (await s.get(`/v1/waybills?fulfilment=${p.f}&state=bought`)).json.data[0];
  await s.want(200, 'POST', `/v1/waybills/${last.id}/void`, { body: { reason: 'sent by taxi' } });
  await s.is(last.id, 'void');
  await s.decide('DEPPON', { refuse: 1 });
  const q = await s.parcel(), no = await s.buy(q.f, 'DEPPON');
  await s.is(no, 'refused');
  check((await s.get(`/v1/orders/${q.order}`)).json.exceptions.some((x) => x.type === 'waybill_refused'), 'a person is told');
  await s.buy(q.f, 'SF');
  await s.until('no more of it', async () => !(await s.get(`/v1/orders/${q.order}`)).json.exceptions.some((x) => x.type === 'waybill_refused' && !x.closed_at && x.state !== 'closed'), 30000);
  await s.close();
});

test('pushes tell of parcels: forged, replayed and out of order they do no harm', async () => {
  const s = await Street.open({ words: '--duplicates 50% --reorder 50% --seed 5', names: 'SF,DEPPON,JDL,kuaidi100' });
  const ids = {};
  for (const name of ['SF', 'DEPPON', 'JDL']) ids[name] = await s.buy((await s.parcel()).f, name);
  for (const id of Object.values(ids)) await s.is(id, 'bought');
  await s.control_('POST', 'advance', { ms: 5 * 3600000 });
  for (const [name, id] of Object.entries(ids)) {
    await s.until(`${name} delivered`, async () => new Set((await s.waybill(id)).trace.map((t) => t.status)).size === 4, 30000);
    const w = await s.waybill(id);
    same(w.trace.map((t) => t.status).sort(), ['delivered', 'in_transit', 'out_for_delivery', 'picked_up'], `${name}: each word once`);
    same((await s.get(`/v1/claims/${w.claim}`)).json.carried, 'delivered', `${name}: it arrived`);
  }
  const calls = (await s.get('/v1/callbacks?limit=200')).json.data.length;
  for (const c of s.seen.slice(0, 6)) same((await s.pass(c)).status, 200, `a replay is answered alike: ${c.path}`);
  same((await s.get('/v1/callbacks?limit=200')).json.data.length, calls, 'and kept once');
  for (const c of s.seen.slice(0, 6)) {
    const forged = { ...c, path: c.path.replace(/key=word-./, 'key=word-x'), body: c.body.replace('%22', '%27').replace('deliver', 'x').replace('轨迹', '轨道') };
    if (c.path === forged.path && c.body === forged.body) fail('nothing forged');
    same((await s.pass(forged)).status, 401, `forged: ${c.path}`);
  }
  await s.close();
});

test('where pushes fail carriers are asked; Kuaidi100 about those without a connector', async () => {
  const s = await Street.open({ names: 'SF,kuaidi100', every: '1s', pushes: false });
  const p = await s.parcel(), id = await s.buy(p.f, 'SF'), q = await s.parcel();
  await s.is(id, 'bought');
  const k = (await s.want(201, 'POST', `/v1/fulfilments/${q.f}/claims`, { body: { carrier: 'YTO', tracking_no: 'YT9693083639795' } })).json.id;
  await s.until('it was subscribed to', async () => (await s.there('kuaidi100')).waybills[0]?.followed, 30000);
  await s.control_('POST', 'advance', { ms: 5 * 3600000 });
  await s.until('SF was asked', async () => (await s.get(`/v1/claims/${(await s.waybill(id)).claim}`)).json.carried === 'delivered', 30000);
  same((await s.get(`/v1/claims/${k}`)).json.carried, 'label', 'a parcel that tells by itself is asked for rarely');
  await s.close();
});

test('a label of 100 by 150 mm, escaped; masked for who may not see whom', async () => {
  const s = await Street.open({ names: 'SF' });
  const p = await s.parcel({ receiver: { name: '林<script>x</script>', phone: '13800000000', country: 'CN', province: '湖北省', city: '十堰市', district: '丹江口市', address: '示例路155号 "&<' } });
  const id = (await s.want(201, 'POST', '/v1/waybills', { body: { fulfilment: p.f, pieces: 2 } })).json.id;
  await s.is(id, 'bought');
  const page = (await s.raw('GET', `/v1/waybills/${id}/label`)).text, w = await s.waybill(id);
  check(/@page\{size:100mm 150mm/.test(page) && page.split('<section').length === 3 && page.includes('1/2') && page.includes('2/2'), 'a page per piece');
  check(page.includes(w.tracking_no) && page.includes('<svg') && page.includes('林&lt;script&gt;') && page.includes('13800000000') && page.includes('Depot &lt;b&gt;'), 'all of it, escaped');
  check(!/<script|<b>/.test(page.replace(/<b><bdi>/g, '')), 'nothing of others is markup');
  same(w.why, { because: 'only' }, 'why this carrier');
  await s.until('noted who saw it', async () => (await s.get('/v1/events?limit=100')).json.data.some((e) => JSON.stringify(e).includes('"label"')), 20000);
  const token = await s.token('eye', 'viewer');
  const masked = (await s.raw('GET', `/v1/waybills/${id}/label`, { token })).text;
  check(!masked.includes('13800000000') && !masked.includes('示例路155号') && masked.includes('138****0000'), 'masked');
  await s.close();
});
