// A storm at the door: three shops sell the same last unit in the same moment. One order gets it, all others are told.
import { check, endServer, order, same, sleep, test, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
const CHANNELS = ['tmall-home', 'douyin-home', 'pdd-home'], EACH = 200;

async function everything(path) {
  const all = [];
  for (let next = ''; ;) {
    const page = (await s.raw('GET', `${path}&limit=500${next}`)).json; // their form is the matter of other tests
    all.push(...page.data);
    if (!page.next) return all;
    next = `&cursor=${encodeURIComponent(page.next)}`;
  }
}
async function shelf(on_hand, reserved, frozen, what) {
  const [t] = (await s.want(200, 'GET', '/v1/stock?sku=LAST')).json.data;
  same([t.on_hand, t.reserved, t.frozen, t.available], [on_hand, reserved, frozen, on_hand - reserved - frozen], what);
}
const sound = async (what) => same((await s.want(200, 'GET', '/v1/check')).json, { findings: [], count: 0, ok: true }, what);

// There are more callers than connections: who is sent away comes again, as the answer says.
async function patient(path, body) {
  for (let tries = 0; ; tries++) {
    const a = await s.post(path, body);
    if (a.status !== 503 || tries === 200) return a;
    await sleep(50);
  }
}

let all = [], winner;
test('three shops, 600 orders at once, one unit: one order has it, 599 are oversold', async () => {
  const goods = [['/v1/warehouses', { code: 'HZ', country: 'CN' }], ['/v1/skus', { code: 'LAST' }],
    ['/v1/stock/adjustments', { sku: 'LAST', warehouse: 'HZ', delta: 1, reason: 'receipt' }]];
  for (const [path, body] of goods) await s.want(201, 'POST', path, { body });
  const wanted = Array.from({ length: CHANNELS.length * EACH }, (_, i) => order({ channel: CHANNELS[i % CHANNELS.length],
    lines: [{ line_id: '1', sku: 'LAST', title: 'The last one', quantity: 1, price: '199.00', discount: '10.00', refunded: '0.00' }] }));
  s.agent.maxSockets = wanted.length;
  const answers = await Promise.all(wanted.map((o) => patient('/v1/orders', o)));
  s.agent.maxSockets = 128;
  check(answers.every((a) => a.status === 201 || a.status === 202), 'an order was not taken');
  await s.until('all are applied', async () => (all = await everything('/v1/orders?status=paid')).length === wanted.length, 30000);
  for (const c of CHANNELS) same(all.filter((o) => o.channel === c).length, EACH, c);
  const told = new Set((await everything('/v1/exceptions?type=oversold&state=open')).map((x) => x.order));
  same(told.size, wanted.length - 1, 'orders that are oversold');
  const left = all.filter((o) => !told.has(o.id));
  same(left.length, 1, 'orders that are not');
  winner = left[0]?.id;
  await shelf(1, 1, 0, 'the shelf');
  const moves = (await s.want(200, 'GET', '/v1/stock/ledger?sku=LAST&limit=500')).json.data;
  same(moves.filter((m) => m.ref === winner || m.reason === 'reserved').length, 1, 'reservations in the ledger');
  await sound('after the storm');
});

test('all 600 are tried at the bench at once: one goes on', async () => {
  const answers = await Promise.all(all.map((o) => s.post(`/v1/orders/${o.id}/transitions`, { to: 'split' })));
  const on = all.filter((o, i) => answers[i].status === 200);
  same(on.map((o) => o.id), [winner], 'orders that could be split');
  check(answers.every((a) => a.status === 200 || a.status === 409), 'another answer than yes or no');
  await shelf(1, 1, 0, 'the shelf');
});

test('the one is cancelled while others wait: exactly one of them gets it', async () => {
  await s.want(200, 'POST', `/v1/orders/${winner}/cancel`, { body: { reason: 'changed his mind' } });
  const open = async () => (await everything('/v1/exceptions?type=oversold&state=open')).map((x) => x.order);
  await s.until('another one has it', async () => (await open()).length === all.length - 2, 20000);
  const told = new Set(await open()), next = all.filter((o) => o.id !== winner && !told.has(o.id));
  same(next.length, 1, 'orders that have it now');
  await shelf(1, 1, 0, 'the shelf');
  const f = (await s.want(200, 'POST', `/v1/orders/${next[0].id}/transitions`, { body: { to: 'split' } })).json.fulfilments[0].id;
  const claims = await Promise.all(Array.from({ length: 60 }, (_, i) =>
    s.post(`/v1/fulfilments/${f}/claims`, { carrier: 'SF', tracking_no: `SFLAST${1000 + i}` })));
  same([201, 409].map((n) => claims.filter((a) => a.status === n).length), [1, 59], 'claims that were made, and refused');
  const number = claims.find((a) => a.status === 201).json.tracking_no;
  const traces = await Promise.all(Array.from({ length: 40 }, () => s.post('/v1/shipments/trace', { tracking_no: number, status: 'picked_up' })));
  check(traces.every((a) => a.status === 200), 'a trace was not taken');
  await shelf(0, 0, 0, 'the shelf is empty');
  same((await everything('/v1/orders?status=shipped')).map((o) => o.id), [next[0].id], 'what left');
  same((await open()).length, all.length - 2, 'the others still wait');
  await sound('at the end');
});

endServer(s);
