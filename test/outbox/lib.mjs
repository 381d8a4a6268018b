// What the tests of the outbox share: a receiver with a ledger of its own, and a server that tells it events.
import { createHmac } from 'node:crypto';
import http from 'node:http';
import { Server, check, fail, order, same, sleep } from '../http_api/lib.mjs';

export * from '../http_api/lib.mjs';
export const SECRET = 'a-fictional-secret-of-the-receiver';
export const signature = (secret, id, time, body) => `v1,${createHmac('sha256', secret).update(`${id}.${time}.${body}`).digest('base64')}`;

// ---- the receiver: what it took is in its ledger, whatever it answered ------------------------------------------------
const receivers = new Set();
export class Receiver {
  // play(call, res): a test's own answer; call.take() writes it into the ledger. Without: taken, 204.
  constructor(play = null) { Object.assign(this, { play, calls: [], ledger: new Map(), taken: [], wrong: [], sockets: 0, open: 0 }); }
  async start(port = 0) {
    this.server = http.createServer((req, res) => {
      let body = '';
      req.setEncoding('utf8');
      req.on('data', (d) => { body += d; });
      req.on('error', () => {});
      req.on('end', () => this.call(req, res, body));
    });
    this.server.on('connection', (s) => { this.sockets++; this.open++; s.on('error', () => {}); s.on('close', () => this.open--); });
    this.server.on('clientError', (e, s) => s.destroy());
    await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/in`;
    receivers.add(this);
    return this;
  }
  stop() { this.server.closeAllConnections(); this.server.close(); receivers.delete(this); }
  call(req, res, body) {
    const h = req.headers, id = h['webhook-id'], time = h['webhook-timestamp'];
    const ok = h['webhook-signature'] === signature(SECRET, id, time, body) && Math.abs(Number(time) - Date.now() / 1000) < 300 &&
      h['content-type'] === 'application/json' && req.method === 'POST' && /^[A-Za-z0-9_-]+$/.test(id) && !h['accept-encoding'];
    if (!ok) this.wrong.push({ headers: h, body });
    const call = { id, body, path: req.url, event: JSON.parse(body), take: () => this.take(id, body) };
    this.calls.push(call);
    res.on('error', () => {});
    if (this.play?.(call, res)) return;
    call.take();
    res.writeHead(204).end();
  }
  // As receivers do: the first time it counts, later ones are known by their id.
  take(id, body) {
    const known = this.ledger.get(id);
    if (known === undefined) { this.ledger.set(id, body); this.taken.push(JSON.parse(body)); return true; }
    if (known !== body) fail(`${id} came with another body: ${body}, before ${known}`);
    return false;
  }
  check() {
    same(this.wrong, [], 'calls with a wrong signature or head');
    const last = new Map();
    for (const e of this.taken) {
      check(!(last.get(e.entity) > e.seq), `${e.entity}: ${e.seq} came after ${last.get(e.entity)}`);
      last.set(e.entity, e.seq);
    }
  }
}
export function stopReceivers() { for (const r of [...receivers]) r.stop(); }

// ---- a server that tells ------------------------------------------------------------------------------------------------
export const hook = (name, r, more = '') => `[webhook ${name}]\nurl = ${r.url ?? r}\nevents = order.*\nsecret = ${SECRET}\n${more}\n`;
export const outbox = (more = '') => `[outbox]\nallow = 127.0.0.1\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\nbreaker_most = 200ms\ntimeout = 400ms\n${more}\n`;
export class Teller extends Server {
  constructor(conf) { super({ conf }); }
  async orders(n, more = {}) {
    const all = Array.from({ length: n }, () => order(more));
    await this.want(207, 'POST', '/v1/orders', { body: { orders: all } });
    return all.map((o) => `${o.channel}:${o.external_id}`);
  }
  async hold(id, times = 1) {
    for (let i = 0; i < times; i++) {
      await this.want(200, 'POST', `/v1/orders/${id}/hold`, { body: { reason: 'x' } });
      await this.want(200, 'POST', `/v1/orders/${id}/release`, { body: {} });
    }
  }
  // Everything that the journal knows and that a webhook for order.* must have heard.
  async events() {
    const all = [];
    for (let since = 0; ;) {
      const a = (await this.want(200, 'GET', `/v1/events?limit=500&since=${since}`)).json;
      all.push(...a.data.filter((e) => e.type.startsWith('order.')));
      if (!a.next) return all;
      since = a.data.at(-1).seq;
    }
  }
  async effects(query) { return (await this.want(200, 'GET', `/v1/effects?limit=500&${query}`)).json.data; }
  async metric(name) {
    const text = (await this.raw('GET', '/metrics')).text, line = text.split('\n').find((l) => l.startsWith(`orderd_${name} `));
    return line ? Number(line.split(' ').at(-1)) : undefined;
  }
  async told(r, ms = 20000) {
    const want = (await this.events()).map((e) => e.seq).sort((a, b) => a - b);
    await this.until(`all of ${want.length} events`, () => r.ledger.size >= want.length, ms);
    same(r.taken.map((e) => e.seq).sort((a, b) => a - b), want, 'what the receiver heard');
    r.check();
  }
  async settled(ms = 20000) {
    return this.until('nothing open', async () => (await this.effects('state=waiting')).length + (await this.effects('state=sending')).length === 0, ms);
  }
}
export { sleep };
