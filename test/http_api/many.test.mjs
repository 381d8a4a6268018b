// Many orders in one request: batches and streams.
import http from 'node:http';
import net from 'node:net';
import { faults } from './schema.mjs';
import { check, endServer, order, same, SANITIZED, Server, sleep, test, withServer } from './lib.mjs';

const s = withServer();
const batch = (orders, status = 207) => s.want(status, 'POST', '/v1/orders', { body: { orders } });

test('a batch: a result per order, in their order, a bad one harms nobody', async () => {
  const orders = [order(), order({ external_id: 7 }), order(), { nonsense: true }, null, 'text', order({ total: 1.5 }), []];
  orders.push(orders[0], { ...orders[2], total: '188.00', updated_at: '2026-11-11T00:09:00+08:00' });
  const a = await batch(orders);
  same(a.json.results.map((r) => r.index), orders.map((_, i) => i));
  same(a.json.results.map((r) => r.status), [201, 422, 201, 422, 422, 422, 422, 422, 200, 200]);
  same(a.json.results.map((r) => r.result ?? r.problem.code !== undefined), ['created', true, 'created', true, true, true, true, true, 'unchanged', 'updated']);
  same(a.json.results[1].problem.errors[0].code, 'id_must_be_text');
  same(a.json.results[1].problem.errors[0].pointer, '/external_id');
  same(a.json.results[8].id, a.json.results[0].id);
  for (const i of [0, 2]) await s.want(200, 'GET', `/v1/orders/${a.json.results[i].id}`);
});

test('a batch of 500; not one more', async () => {
  const orders = Array.from({ length: 500 }, () => order({ channel: 'batch' }));
  orders[250] = { ...orders[250], lines: [] };
  const a = await batch(orders);
  same(a.json.results.filter((r) => r.status === 201).length, 499);
  same(a.json.results[250].status, 422);
  const before = (await s.get('/v1/stats/counts')).json.orders;
  const b = await batch(Array.from({ length: 501 }, () => order()), 422);
  same(b.json.errors[0].code, 'too_many_orders');
  same((await s.get('/v1/stats/counts')).json.orders, before);
});

test('a batch that is wrong as a whole is refused as a whole', async () => {
  const before = (await s.get('/v1/stats/counts')).json.orders;
  const o = JSON.stringify(order());
  for (const [text, status] of [
    ['{"orders":[]}', 422], ['{"orders":{}}', 422], ['{"orders":null}', 422], ['{"orders":"x"}', 422], [`{"orders":[${o}],"more":1}`, 422],
    [`{"more":1,"orders":[${o}]}`, 422], [`{"orders":[${o}]`, 400], [`{"orders":[${o}]}x`, 400], [`{"orders":[${o},]}`, 400], [`{"orders":[${o}],"orders":[]}`, 400],
    [`{"orders":[${o} ${o}]}`, 400],
  ]) await s.want(status, 'POST', '/v1/orders', { body: text });
  await s.want(207, 'POST', '/v1/orders', { body: ` \n{ "orders" :\t[ ${o} , ${JSON.stringify(order())} ] } ` });
  same((await s.get('/v1/stats/counts')).json.orders, before + 2);
});

test('a whole page of bad rows is answered in full', async () => {
  const a = await batch(Array.from({ length: 500 }, () => ({})));
  same(a.json.results.every((r) => r.status === 422 && r.problem.errors.length > 3), true);
});

// ---- NDJSON ---------------------------------------------------------------------------------------------------
function stream(token = s.admin) {
  const rows = [];
  let text = '', ended;
  const req = http.request({ host: '127.0.0.1', port: s.port, method: 'POST', path: '/v1/orders',
    headers: { host: 'localhost', authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' } });
  const over = new Promise((done) => {
    req.on('error', (e) => done({ error: e }));
    req.on('response', (res) => {
      res.on('data', (d) => {
        text += d;
        const lines = text.split('\n');
        text = lines.pop();
        for (const l of lines) rows.push(JSON.parse(l));
      });
      res.on('error', (e) => done({ error: e }));
      res.on('end', () => { ended = true; done({ status: res.statusCode, headers: res.headers, rest: text }); });
    });
  });
  return { req, rows, over, ended: () => ended, send: (t) => new Promise((ok) => (req.write(t) ? ok() : req.once('drain', ok))) };
}
function rowsAreDescribed(rows) {
  for (const r of rows) {
    const wrong = faults(Server.doc, Server.doc.components.schemas.Row, r);
    if (wrong.length) { check(false, wrong.join('; ')); return; }
  }
}
const line = (o) => `${JSON.stringify(o)}\n`;

test('a stream: a row per line, in order, blank lines are nothing', async () => {
  const t = stream();
  const twice = order();
  await t.send(`\n  \n${line(order())}\r\n${line(twice).replace('\n', '\r\n')}{"half":\n${line(order({ external_id: 5 }))}\t\n`);
  await t.send(line(twice).slice(0, 40));
  await sleep(50);
  await t.send(line(twice).slice(40));
  t.req.end(JSON.stringify(order())); /* no line end at the end */
  const a = await t.over;
  same([a.status, a.headers['content-type'], a.rest], [200, 'application/x-ndjson', '']);
  same(t.rows.map((r) => [r.index, r.status]), [[0, 201], [1, 201], [2, 400], [3, 422], [4, 200], [5, 201]]);
  rowsAreDescribed(t.rows);
});

test('results come while the stream goes on', async () => {
  const t = stream();
  for (let i = 0; i < 3; i++) {
    await t.send(line(order()));
    await s.until(`row ${i}`, () => t.rows.length === i + 1);
    await s.want(200, 'GET', `/v1/orders/${t.rows[i].id}`);
  }
  same(t.ended(), undefined);
  t.req.end();
  await t.over;
});

test('an empty stream is an empty answer', async () => {
  const t = stream();
  t.req.end();
  const a = await t.over;
  same([a.status, t.rows.length], [200, 0]);
});

test('a line over 1 MiB is one refused row; the rest goes on', async () => {
  const t = stream();
  await t.send(line(order()));
  const long = `{"x":"${'y'.repeat(3 << 20)}"}`;
  await t.send(`${long}\n`);
  await t.send(line(order()));
  await t.send(`${' '.repeat(1 << 20)}${line(order())}`);
  t.req.end(line(order()));
  await t.over;
  same(t.rows.map((r) => r.status), [201, 413, 201, 413, 201]);
  rowsAreDescribed(t.rows);
});

test('twenty thousand lines at once', async () => {
  const t = stream();
  const n = Number(process.env.ORDERD_TEST_LINES ?? 20000);
  for (let i = 0; i < n; i += 100) {
    let text = '';
    for (let k = i; k < i + 100; k++) text += line(order({ channel: 'stream', external_id: `S${k}` }));
    await t.send(text);
  }
  t.req.end();
  await t.over;
  same([t.rows.length, t.rows.filter((r) => r.status === 201).length], [n, n]);
  same(t.rows.every((r, i) => r.index === i), true);
});

test('a client that does not read its results holds only itself up', async () => {
  const sock = net.connect(s.port, '127.0.0.1');
  sock.on('error', () => {});
  sock.write(`POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${s.admin}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n`);
  sock.pause();
  let full = false;
  for (let i = 0; i < 400 && !full; i++) {
    let text = '';
    for (let k = 0; k < 200; k++) text += `{"bad":"${'x'.repeat(150)}"}\n`;
    const chunk = `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
    if (!sock.write(chunk)) full = !(await Promise.race([new Promise((ok) => sock.once('drain', () => ok(true))), sleep(1500).then(() => false)]));
  }
  check(full, 'the server read on without end');
  const from = Date.now();
  await s.want(200, 'GET', '/v1/orders?limit=1');
  check(Date.now() - from < 1000, 'others had to wait');
  const memory = Number(/orderd_resident_bytes (\d+)/.exec((await s.get('/metrics')).text)[1]);
  check(SANITIZED || memory < 48e6, `memory ${memory}`);
  sock.destroy();
});

test('a stream that breaks off has applied its complete lines, and no half one', async () => {
  const t = stream();
  const whole = Array.from({ length: 300 }, () => order({ channel: 'broken' }));
  const half = order({ channel: 'broken', external_id: 'HALF' });
  await t.send(whole.map(line).join('') + JSON.stringify(half));
  await sleep(300);
  t.req.destroy();
  await t.over;
  await s.until('the lines', async () => (await s.get('/v1/orders?channel=broken&limit=500')).json.data.length === 300);
  await sleep(200);
  await s.want(404, 'GET', '/v1/orders/broken:HALF');
  same((await s.get('/v1/orders?channel=broken&limit=500')).json.data.length, 300);
});

test('a stream without a right to it is refused before it is read', async () => {
  const viewer = await s.token('only-looks', 'viewer');
  for (const [token, status] of [['nonsense', 401], [viewer, 403]]) {
    const t = stream(token);
    const answer = new Promise((done) => t.req.on('response', (res) => { res.resume(); done(res.statusCode); }));
    t.req.write(line(order()));
    same(await answer, status);
    t.req.destroy();
  }
});

endServer(s);
