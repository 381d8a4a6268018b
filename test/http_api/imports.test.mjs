// Files dropped into the console: looked through row by row, applied when a person says so, taken back when nothing was
// built upon them, and applied again afterwards.
import fs from 'node:fs';
import path from 'node:path';
import { check, endServer, fail, order, same, Server, sleep, test, unique, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
let cs, viewer;
const ndjson = (orders) => orders.map((o) => JSON.stringify(o)).join('\n') + '\n';
const put = (body, query = 'name=file.ndjson', token = cs, at = s) => at.call('POST', `/v1/imports?${query}`, { token, body: Buffer.from(body), type: 'application/octet-stream' });
const rows = async (id, more = '') => (await s.want(200, 'GET', `/v1/imports/${id}/rows?limit=500${more}`, { token: cs })).json.data;
async function ended(id, state, at = s) {
  await at.until(`${id} is ${state}`, async () => (await at.want(200, 'GET', `/v1/imports/${id}`)).json.state === state);
  return (await at.want(200, 'GET', `/v1/imports/${id}`)).json;
}
const confirm = async (id) => { await s.want(202, 'POST', `/v1/imports/${id}/confirm`, { token: cs, body: {} }); return ended(id, 'done'); };

test('people', async () => {
  cs = await s.token('cs', 'cs'); viewer = await s.token('see', 'viewer');
});

test('each row says what it would do, and why not', async () => {
  const known = order({ external_id: 'K-1' }), old = order({ external_id: 'K-2' });
  await s.want(201, 'POST', '/v1/orders', { body: known });
  await s.want(201, 'POST', '/v1/orders', { body: old });
  const later = { ...known, updated_at: '2026-11-11T09:00:00+08:00', total: '88.00' }, stale = { ...old, updated_at: '2026-11-10T00:00:00+08:00', total: '1.00' };
  const fresh = order({ external_id: 'N-1' });
  const text = [JSON.stringify(fresh), JSON.stringify(later), JSON.stringify(old), JSON.stringify(stale), '{"not an order":1}', '{broken', JSON.stringify(fresh)].join('\n');
  const a = await put(text);
  same(a.status, 201, a.text);
  const i = a.json;
  same([i.state, i.rows, i.counts.new, i.counts.changed, i.counts.unchanged, i.counts.stale + i.counts.again, i.counts.refused], ['preview', 7, 1, 1, 1, 2, 2]);
  const list = await rows(i.id);
  same(list.map((r) => [r.row, r.result]).sort((x, y) => x[0] - y[0]), [[1, 'new'], [2, 'changed'], [3, 'unchanged'], [4, 'again'], [5, 'refused'], [6, 'refused'], [7, 'again']]);
  check(list.filter((r) => r.result === 'refused').every((r) => r.error?.code && r.error?.detail), 'a refused row says why');
  check(list.find((r) => r.row === 1).receiver.includes('*') && list.find((r) => r.row === 2).order?.startsWith('o_'), 'masked, and the known order is named');
  same((await rows(i.id, '&result=new')).map((r) => r.number), ['tmall-home:N-1']);
  same((await s.want(200, 'GET', '/v1/orders?q=N-1')).json.data.length, 0, 'nothing is applied before it is confirmed');
  const done = await confirm(i.id);
  same([done.counts.created, done.counts.updated, done.counts.unchanged], [1, 1, 1]);
  same((await s.want(200, 'GET', '/v1/orders/tmall-home:K-1')).json.total.amount, '88.00');
  await s.want(409, 'POST', `/v1/imports/${i.id}/confirm`, { token: cs, body: {} });
  same((await s.want(409, 'POST', `/v1/imports/${i.id}/undo`, { token: cs, body: {} })).json.code, 'import_changed_orders');
  await s.want(202, 'POST', `/v1/imports/${i.id}/undo`, { token: cs, body: { keep_changed: true } });
  await ended(i.id, 'undone');
  same((await s.want(404, 'GET', '/v1/orders/tmall-home:N-1')).status, 404);
  same((await s.want(200, 'GET', '/v1/orders/tmall-home:K-1')).json.total.amount, '88.00', 'what was changed stays changed');
});

test('an import is undone, and the same file comes again', async () => {
  await s.want(201, 'POST', '/v1/warehouses', { body: { code: 'HZ' } });
  await s.want(201, 'POST', '/v1/skus', { body: { code: 'LAMP' } });
  await s.want(201, 'POST', '/v1/stock/adjustments', { body: { sku: 'LAMP', warehouse: 'HZ', delta: 100, reason: 'received' } });
  const list = Array.from({ length: 40 }, () => order({ external_id: unique('U'), lines: [{ line_id: '1', sku: 'LAMP', title: 'Lamp', quantity: 1, price: '10.00' }] }));
  const first = (await put(ndjson(list))).json;
  same((await confirm(first.id)).counts.created, 40);
  const stock = async () => (await s.want(200, 'GET', '/v1/stock?sku=LAMP')).json.data[0].available;
  same(await stock(), 60, 'stock is reserved');
  await s.want(202, 'POST', `/v1/imports/${first.id}/undo`, { token: cs, body: {} });
  same((await ended(first.id, 'undone')).counts.undone, 40);
  same(await stock(), 100, 'and free again');
  const second = (await put(ndjson(list))).json;
  same(second.counts.new, 40, 'the numbers are free');
  same((await confirm(second.id)).counts.created, 40);
  same(await stock(), 60);
  same((await s.want(200, 'GET', '/v1/check')).json.findings, []);
  // Somebody works with one of them: now nothing goes back.
  const one = (await s.want(200, 'GET', `/v1/orders/tmall-home:${list[7].external_id}`)).json.id;
  await s.want(200, 'POST', `/v1/orders/${one}/hold`, { body: { reason: 'asks' } });
  const no = await s.want(409, 'POST', `/v1/imports/${second.id}/undo`, { token: cs, body: {} });
  same([no.json.code, no.json.orders], ['import_built_upon', [one]]);
});

test('spreadsheets, GB18030, and files that are none', async () => {
  const csv = fs.readFileSync(path.join(path.dirname(new URL(import.meta.url).pathname), '../../examples/orders/tmall-demo.csv'));
  const a = await put(csv, 'name=tmall.csv&channel=tmall-sheet');
  same(a.status, 201, a.text.slice(0, 200));
  check(a.json.counts.new > 10 && a.json.counts.refused > 0, JSON.stringify(a.json.counts));
  check((await rows(a.json.id, '&result=refused')).every((r) => r.error?.code), 'refused rows name the reason');
  await s.want(200, 'POST', `/v1/imports/${a.json.id}/discard`, { token: cs, body: {} });
  same((await s.want(200, 'GET', `/v1/imports/${a.json.id}`)).json.state, 'discarded');
  await s.want(409, 'POST', `/v1/imports/${a.json.id}/confirm`, { token: cs, body: {} });
  for (const [body, what] of [['', 'empty'], ['PK\x03\x04 no workbook', 'a torn workbook'], ['a,b,c\n1,2,3\n', 'no header'], [Buffer.from([0, 1, 2, 3, 255]), 'bytes']]) {
    const r = await put(body);
    check(r.status === 422 || (r.status === 201 && r.json.counts.new === 0), `${what}: ${r.status} ${r.text.slice(0, 200)}`);
  }
  await s.want(422, 'POST', '/v1/imports?channel=a%2Fb', { token: cs, body: Buffer.from('{}'), type: 'text/csv' });
});

test('who may, and what is not there', async () => {
  await s.want(403, 'POST', '/v1/imports', { token: viewer, body: Buffer.from('x'), type: 'text/csv' });
  await s.want(403, 'GET', '/v1/imports', { token: viewer });
  for (const p of ['', '/rows']) await s.want(404, 'GET', `/v1/imports/i_999${p}`, { token: cs });
  for (const v of ['confirm', 'discard', 'undo']) await s.want(404, 'POST', `/v1/imports/i_999/${v}`, { token: cs, body: {} });
  await s.want(400, 'GET', '/v1/imports/i_1/rows?result=odd', { token: cs });
  check((await s.want(200, 'GET', '/v1/imports', { token: cs })).json.data.length >= 4, 'they are listed');
});

test('a kill in the middle of applying costs nothing and doubles nothing', async () => {
  const t = await new Server({ conf: '[merge]\nwindow = 1s\n' }).start();
  const list = Array.from({ length: 1200 }, (_, n) => order({ external_id: `KILL-${n}` }));
  const i = (await put(ndjson(list), 'name=k.ndjson', t.admin, t)).json;
  same(i.counts.new, 1200);
  await t.want(202, 'POST', `/v1/imports/${i.id}/confirm`, { body: {} });
  await t.until('some are applied', async () => { const n = (await t.want(200, 'GET', `/v1/imports/${i.id}`)).json; return n.done > 0 || n.state === 'done'; });
  await t.stop('SIGKILL');
  await t.start();
  const done = await ended(i.id, 'done', t);
  same(done.counts.created, 1200);
  same((await t.want(200, 'GET', '/v1/stats/counts')).json.orders, 1200);
  same((await t.want(200, 'GET', '/v1/check')).json.findings, []);
  await t.drop();
});

endServer(s);
