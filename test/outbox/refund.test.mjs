// A refund from end to end: a case of three people, the simulated shop as the one that pays back, kill -9 in between. The
// shop's ledger says what was paid back: once, whatever became of its answers and of us, and never more than was paid.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { BINARY, SANITIZED, Server, check, same, sleep, test } from '../http_api/lib.mjs';

const slow = SANITIZED ? 4 : 1;

class Till extends Server {
  static async open(platform) {
    const s = new Till({ conf: '#\n' });
    s.sim = spawn(BINARY, ['sim', '--listen', '127.0.0.1:0', '--platforms', platform, '--orders', '40', '--days', '1', '--changes', '0', '--rate', '0',
      '--no-limits', '--seed', '7', '--config', s.file('sim.conf')], { stdio: ['ignore', 'pipe', 'pipe'] });
    s.simLog = '', s.platform = platform;
    s.sim.stderr.on('data', (d) => { s.simLog += d; });
    const [line] = await once(s.sim.stdout, 'data');
    s.control = JSON.parse(String(line).split('\n')[0]).control;
    const sim = fs.readFileSync(s.file('sim.conf'), 'utf8');
    fs.writeFileSync(s.file('orderd.conf'), `[outbox]\nallow = 127.0.0.1\ntimeout = 1s\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\n${sim}every = 1s\ntimeout = 1s\nsettle = 0s\n`);
    await s.start();
    s.who = {};
    for (const [name, roles] of [['asker', 'cs'], ['cs', 'cs'], ['warehouse', 'warehouse'], ['finance', 'finance']])
      s.who[name] = (await s.want(201, 'POST', '/v1/tokens', { body: { name, roles } })).json.token;
    await s.until('orders are there', async () => (await s.get('/v1/orders?limit=5')).json.data.length === 5, 20000 * slow);
    return s;
  }
  get(p) { return this.want(200, 'GET', p); }
  async world(path, body) { return (await fetch(`${this.control}${path}`, { method: body ? 'POST' : 'GET', body: body && JSON.stringify(body) })).json(); }
  fail(how, times = 1) { return this.world('/sim/fail', { shop: this.platform, call: 'refund', how, times }); }
  async until(what, is, ms = 10000 * slow) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await is().catch(() => false)) return;
    throw new Error(`never: ${what}\n${this.log.slice(-2000)}\n${this.simLog.slice(-500)}`);
  }
  // A case over an amount, by the last step, which sends the refund.
  async agreed(o, amount) {
    const k = (await this.want(201, 'POST', '/v1/cases', { body: { order: o.id, kind: 'refund_only', amount, reason: 'scratched' }, token: this.who.asker })).json;
    for (const name of ['cs', 'warehouse', 'finance']) await this.want(200, 'POST', `/v1/cases/${k.id}/approve`, { body: {}, token: this.who[name] });
    return k.id;
  }
  async case(id) { return (await this.get(`/v1/cases/${id}`)).json; }
  async backs(o) { return (await this.world('/sim/ledger')).refunds.filter((r) => r.order === o.external_id && r.result === 'accepted'); }
  async leave() {
    const how = await this.stop();
    this.sim.kill('SIGKILL');
    fs.rmSync(this.dir, { recursive: true, force: true });
    return how;
  }
}

for (const platform of ['woocommerce', 'shopify']) test(`${platform} pays a refund back once, whatever becomes of the answer and of us`, async () => {
  const s = await Till.open(platform);
  const orders = (await s.get('/v1/orders?limit=100')).json.data.filter((o) => ['paid', 'completed', 'shipped'].includes(o.status) && !o.refunds.length && Number(o.total.amount) > 5);
  check(orders.length >= 5, `${orders.length} orders to try`);
  const [plain, killed, lost, refused, twice] = orders;

  let id = await s.agreed(plain, '2.00');
  await s.until('paid back', async () => (await s.case(id)).state === 'done');
  const k = await s.case(id);
  same([k.refund, (await s.backs(plain)).map((r) => r.amount_minor)], ['accepted', [200]]);
  await s.until('the order tells of it', async () => (await s.get(`/v1/orders/${plain.id}`)).json.refunds.length === 1);
  same((await s.get(`/v1/orders/${plain.id}`)).json.refunds.map((r) => [r.refund_id, r.amount.amount]), [[k.refund_id, '2.00']], 'the number that the answer told');

  await s.fail('lost', 1); // taken, and the answer never comes: killed while it is awaited
  id = await s.agreed(killed, '3.00');
  await s.until('the shop has it', async () => (await s.backs(killed)).length === 1);
  await s.stop('SIGKILL');
  await s.start();
  await s.until('the order told of it', async () => (await s.case(id)).state === 'done');
  same((await s.backs(killed)).map((r) => r.amount_minor), [300], 'not twice');
  check((await s.case(id)).refund_id, 'its number');

  await s.fail('lost', 1); // the same without a crash
  id = await s.agreed(lost, '1.50');
  await s.until('the order told of it', async () => (await s.case(id)).state === 'done');
  same((await s.backs(lost)).map((r) => r.amount_minor), [150]);

  await s.fail('error', 1); // not taken, which nobody can know: it is not sent again by itself
  id = await s.agreed(refused, '1.00');
  await s.until('nobody knows', async () => (await s.case(id)).refund === 'unknown');
  await sleep(500);
  same([(await s.backs(refused)).length, (await s.case(id)).state], [0, 'approved']);
  await s.want(200, 'POST', `/v1/cases/${id}/refunded`, { body: { note: 'by hand' }, token: s.who.finance });
  same((await s.case(id)).state, 'done');

  const all = twice.total.amount;
  id = await s.agreed(twice, all); // all of it
  await s.until('paid back', async () => (await s.backs(twice)).length === 1);
  const more = (await s.want(409, 'POST', '/v1/cases', { body: { order: twice.id, kind: 'refund_only', amount: '0.01', reason: 'once more' }, token: s.who.asker })).json;
  same(more.code, 'over_refund');

  for (const o of orders) {
    const sum = (await s.backs(o)).reduce((n, r) => n + r.amount_minor, 0);
    check(sum <= Math.round(Number(o.total.amount) * 100), `${o.external_id}: ${sum} of ${o.total.amount}`);
  }
  same((await s.get('/v1/check')).json.findings ?? [], []);
  await s.leave();
});
