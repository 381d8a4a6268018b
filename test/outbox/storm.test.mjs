// Storms of claims with kill -9 in their midst: several callers want each fulfilment, each under a number and a key of its
// own, and ask until they are answered. What was answered stands, each fulfilment has one number, its platform hears of it once.
import { Poller, SANITIZED, Shop, check, connector, order, same, section, sleep, test } from '../channels/lib.mjs';
import { outbox } from './lib.mjs';

const TELLS = {
  confirm: '[request confirm]\nPOST {host}/confirm\nform.id = :order_id\nform.number = :tracking_no',
  shipped: '[request shipped]\nGET {host}/shipped/{which}\nvar.which = :order_id',
  shipped_rows: "[shipped]\nSELECT value FROM json_each(:body, '$.numbers')",
};

// The platform's own books. Some answers come late, some are lost after it took the number, some before.
class Platform extends Shop {
  constructor() { super({ told: new Map(), calls: 0, asks: 0 }); }
  take(req, res, body) { res.on('error', () => {}); return super.take(req, res, body); }
  answer(call, res) {
    const form = new URLSearchParams(call.body);
    if (call.path === '/confirm') return this.confirm(form.get('id'), form.get('number'), res, ++this.calls);
    if (call.path.startsWith('/shipped/')) { this.asks++; return this.send(res, 200, { numbers: this.told.get(decodeURIComponent(call.path.slice(9))) ?? [] }); }
    return super.answer(call, res);
  }
  confirm(id, number, res, n) {
    this.called?.(n);
    if (n % 7 === 3) return res.destroy();
    this.told.set(id, [...this.told.get(id) ?? [], number]);
    if (n % 5 === 2) return res.destroy();
    return setTimeout(() => this.send(res, 200, { ok: true }), n % 20);
  }
}

// The server, and callers who wait while it is away.
class Storm {
  constructor(s) { Object.assign(this, { s, answers: 0, kills: 0, limit: Infinity, away: null, tries: 0, seed: 20261111 }); }
  random(n) { this.seed = (this.seed * 1103515245 + 12345) % 2147483648; return Math.floor(this.seed / 65536) % n; }
  kill() {
    this.limit = Infinity;
    this.away ??= (async () => {
      this.s.child.kill('SIGKILL');
      this.kills++;
      await this.s.exited;
      await this.s.start();
      this.away = null;
    })();
  }
  answered() { if (++this.answers >= this.limit) this.kill(); }
  // Dies when so many more answers have come, or after so many milliseconds.
  arm(answers, ms) { if (ms === null) this.limit = this.answers + answers; else this.timer = sleep(ms).then(() => this.kill()); }
  async ask(path, body, key) {
    for (let i = 0; i < 400; i++) {
      try {
        this.tries++;
        const a = await this.s.raw('POST', path, { body, headers: { 'idempotency-key': key } });
        if (a.status < 500) { this.answered(); return a; }
      } catch { /* it died, or is away */ }
      await this.away;
      await sleep(5);
    }
    check(false, `${path}: no answer`);
    return { status: 0 };
  }
}

const ORDERS = 60, CALLERS = 4, WAVES = 15;
test('kill -9 in storms of claims: what was answered stands, one number each, told once', async () => {
  const shop = await new Platform().start();
  const s = await new Poller(`${outbox()}[merge]\nwindow = 1s\n${section('shop', shop)}`, { plain: connector(TELLS) }).start();
  const storm = new Storm(s), all = [];
  for (const [path, body] of [['/v1/skus', { code: 'A' }], ['/v1/warehouses', { code: 'HZ' }], ['/v1/stock', { sku: 'A', warehouse: 'HZ', counted: ORDERS + 3 }]]) {
    check([200, 201].includes((await s.post(path, body)).status), path);
  }

  // Orders and splits are killed as well.
  storm.arm(ORDERS, null);
  await Promise.all(Array.from({ length: ORDERS }, async (_, i) => {
    const o = order({ channel: 'shop', lines: [{ line_id: '1', sku: 'A', quantity: 1 }] });
    const id = (await storm.ask('/v1/orders', o, `order-${i}`)).json?.id;
    const now = await storm.ask(`/v1/orders/${id}/transitions`, { to: 'split' }, `split-${i}`);
    all.push({ id, external: o.external_id, fulfilment: now.json?.fulfilments?.[0]?.id, won: [], lost: [], odd: [] });
  }));
  await storm.away;
  same(all.filter((o) => /^f_/.test(o.fulfilment)).length, ORDERS, 'fulfilments');

  // In waves, so that every kill meets claims that are new; some wait until confirmations are under way, too.
  const wave = Math.ceil(ORDERS / WAVES);
  for (let from = 0; from < ORDERS; from += wave) {
    const how = (from / wave) % 3, enough = shop.calls + 1 + storm.random(2);
    if (how < 2) storm.arm(1 + storm.random(wave * CALLERS - 2), how ? 1 + storm.random(SANITIZED ? 30 : 12) : null);
    else shop.called = (n) => { if (n >= enough) { shop.called = null; storm.kill(); } };
    await Promise.all(all.slice(from, from + wave).flatMap((o, i) => Array.from({ length: CALLERS }, async (_, c) => {
      const number = `SF${String(from + i).padStart(4, '0')}${c}`, body = { carrier: 'SF', tracking_no: number };
      const path = `/v1/fulfilments/${o.fulfilment}/claims`, key = `claim-${number}`;
      const a = await storm.ask(path, body, key);
      (a.status === 201 ? o.won : a.status === 409 && a.json?.code === 'already_claimed' ? o.lost : o.odd).push(a.json);
      if (a.status !== 201 && c % 2) return;
      const again = await storm.ask(path, body, key); // a double click
      same([again.status, again.json?.id ?? again.json?.claim?.id], [a.status, a.json?.id ?? a.json?.claim?.id], `${number} again`);
    })));
    await storm.timer;
    if (how === 2) await s.until('a kill while it is told', () => !shop.called, 20000);
    await storm.away;
  }

  check(storm.kills > WAVES, `${storm.kills} kills`);
  check(storm.tries > storm.answers, 'no caller had to ask again');
  for (const o of all) {
    same([o.won.length, o.lost.length, o.odd], [1, CALLERS - 1, []], `answers of ${o.fulfilment}`);
    const [k] = o.won;
    check(o.lost.every((x) => x.claim?.id === k?.id), `${o.fulfilment}: those refused were told another claim`);
    const now = (await s.want(200, 'GET', `/v1/claims/${k?.id}`)).json;
    same([now.state, now.tracking_no, now.fulfilment], ['live', k?.tracking_no, o.fulfilment], 'the claim that was answered');
    await s.until(`${o.external} is told`, async () => (await s.get(`/v1/claims/${k?.id}`)).json?.told === 'accepted', 20000);
    same(shop.told.get(o.external), [k?.tracking_no], `what the platform has of ${o.external}`);
  }
  check(shop.asks > 0, 'the platform was never asked');
  for (const state of ['waiting', 'sending', 'unknown', 'dead']) same((await s.want(200, 'GET', `/v1/effects?state=${state}&kind=confirm`)).json.data, [], `${state} effects`);
  const [row] = (await s.want(200, 'GET', '/v1/stock?sku=A')).json.data;
  same([row.on_hand, row.reserved, row.frozen, row.available], [ORDERS + 3, 0, ORDERS, 3], 'the shelf');
  same((await s.want(200, 'GET', '/v1/check')).json.findings, [], 'check');
  await s.drop();
  shop.stop();
});
