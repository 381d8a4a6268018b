// Many at once: writers of one thing, walkers through lists that change, listeners, streams that never end well.
import http from 'node:http';
import net from 'node:net';
import { check, endServer, order, same, SANITIZED, Server, sleep, test, withServer } from '../http_api/lib.mjs';

const s = withServer();
const range = (n) => Array.from({ length: n }, (_, i) => i);
const memory = async () => Number(/orderd_resident_bytes (\d+)/.exec((await s.get('/metrics')).text)[1]);

test('a hundred versions of one order at once, in any order: the newest stands, one order', async () => {
  const base = order({ channel: 'race', external_id: 'R1' });
  const version = (i) => ({ ...base, total: `${100 + i}.00`, updated_at: `2026-11-11T00:${String(i % 60).padStart(2, '0')}:${i < 60 ? '10' : '40'}+08:00` });
  const shuffled = range(100).map(version).sort((x, y) => (x.total.charCodeAt(2) * 7 + x.total.charCodeAt(1)) % 13 - (y.total.charCodeAt(2) * 7 + y.total.charCodeAt(1)) % 13);
  const newest = range(100).map(version).sort((x, y) => x.updated_at < y.updated_at ? -1 : 1).at(-1);
  const all = await Promise.all(shuffled.map((o) => s.post('/v1/orders', o)));
  same(all.filter((a) => a.status === 201).length, 1);
  same(all.filter((a) => ![200, 201].includes(a.status)).length, 0);
  same((await s.get('/v1/orders/race:R1')).json.total.amount, newest.total);
  same((await s.get('/v1/orders?channel=race')).json.data.length, 1);
});

test('one order by three ways at once: post, batch, stream: one row', async () => {
  for (let i = 0; i < 10; i++) {
    const o = order({ channel: 'ways' });
    const [a, b, c] = await Promise.all([s.post('/v1/orders', o), s.post('/v1/orders', { orders: [o, o] }), s.call('POST', '/v1/orders', { body: `${JSON.stringify(o)}\n`.repeat(3), type: 'application/x-ndjson' })]);
    const results = [a.json, ...b.json.results, ...c.text.trim().split('\n').map((l) => JSON.parse(l))];
    same(results.filter((r) => r.result === 'created').length, 1, o.external_id);
    same(new Set(results.map((r) => r.id)).size, 1);
  }
});

test('a hundred of one key at once on another write: one effect, one answer', async () => {
  const { id } = (await s.want(201, 'POST', '/v1/orders', { body: order() })).json;
  const all = await Promise.all(range(100).map(() => s.post(`/v1/orders/${id}/hold`, { reason: 'once' }, { headers: { 'idempotency-key': 'hold-once' } })));
  same(new Set(all.map((a) => `${a.status} ${a.text}`)).size, 1);
  same((await s.get(`/v1/orders/${id}/events`)).json.data.filter((e) => e.type === 'order.hold').length, 1);
});

test('cancel against every forward move: one wins, the other is told', async () => {
  for (let i = 0; i < 20; i++) {
    const { id } = (await s.want(201, 'POST', '/v1/orders', { body: order() })).json;
    const [a, b] = await Promise.all([s.post(`/v1/orders/${id}/cancel`, { reason: 'x', if_version: 1 }), s.post(`/v1/orders/${id}/transitions`, { to: 'split', if_version: 1 })]);
    same([a.status, b.status].sort(), [200, 412]);
    same((await s.get(`/v1/orders/${id}`)).json.status, a.status === 200 ? 'cancelled' : 'split');
  }
});

async function walk(path) {
  const ids = [];
  for (let next = path; next;) {
    const a = await s.get(next);
    if (a.status !== 200) { check(false, `${next}: ${a.status}`); break; }
    ids.push(...a.json.data.map((o) => o.id));
    next = /^<([^>]+)>; rel="next"$/.exec(a.headers.link ?? '')?.[1];
  }
  return ids;
}

test('walks through lists while orders come, change, are cancelled and grouped: no row lost or doubled', async () => {
  const old = [];
  for (let i = 0; i < 6; i++) {
    const a = await s.want(207, 'POST', '/v1/orders', { body: { orders: range(50).map((n) => order({ channel: 'walked', external_id: `W${i}-${n}`, placed_at: `2026-10-${10 + i}T10:00:${String(n).padStart(2, '0')}+08:00` })) } });
    old.push(...a.json.results.map((r) => r.id));
  }
  let over = false, n = 0;
  const writer = (async () => {
    while (!over) {
      n++;
      const at = old[(n * 37) % old.length];
      await Promise.all([
        s.post('/v1/orders', order({ channel: 'walked', placed_at: `2026-10-${10 + n % 6}T10:00:30+08:00` })),
        s.post(`/v1/orders/${at}/${n % 3 ? 'hold' : 'release'}`, n % 3 ? { reason: `r${n}` } : {}),
        s.post('/v1/orders', { ...order({ channel: 'walked' }), external_id: `W${n % 6}-${n % 50}`, placed_at: `2026-10-${10 + n % 6}T10:00:${String(n % 50).padStart(2, '0')}+08:00`, total: `${200 + n % 7}.00`, updated_at: `2026-11-12T00:00:00.${String(n % 1000).padStart(3, '0')}+08:00` }),
      ]);
    }
  })();
  const known = new Set(old);
  for (const sort of ['-id', 'id', '-placed_at', 'placed_at'])
    for (const limit of [7, 50]) {
      const ids = await walk(`/v1/orders?channel=walked&sort=${sort}&limit=${limit}`);
      same(new Set(ids).size, ids.length, `${sort} ${limit} doubled`);
      same(old.filter((id) => !ids.includes(id)).length, 0, `${sort} ${limit} lost`);
      if (sort === '-id') same(ids.filter((id) => known.has(id)).length, old.length);
    }
  for (const path of ['/v1/groups?limit=20', '/v1/payloads?limit=50', '/v1/orders?status=paid,split&limit=20']) {
    const ids = await walk(path);
    same(new Set(ids).size, ids.length, path);
  }
  over = true;
  await writer;
  check(n > 5, `only ${n} rounds of writes`);
  same((await s.get('/v1/check')).json.findings, []);
});

// ---- live ------------------------------------------------------------------------------------------------------------
function listen(query, agent) {
  const w = { seqs: [], text: '' };
  w.req = http.get({ host: '127.0.0.1', port: s.port, path: `/v1/events${query}`, agent, headers: { host: 'localhost', authorization: `Bearer ${s.admin}`, accept: 'text/event-stream' } });
  w.begun = new Promise((done) => {
    w.req.on('error', () => done(0));
    w.req.on('response', (res) => {
      w.res = res;
      done(res.statusCode);
      res.on('error', () => {});
      res.on('end', () => { w.over = true; });
      res.on('data', (d) => {
        w.text += d;
        const lines = w.text.split('\n');
        w.text = lines.pop();
        for (const l of lines) if (l.startsWith('id: ')) w.seqs.push(Number(l.slice(4)));
      });
    });
  });
  return w;
}
const lastSeq = async () => Number((await s.get('/v1/stats/counts')).json.events);

test('two hundred listeners, some of them asleep, some gone: the others miss nothing', async () => {
  const agent = new http.Agent({ keepAlive: false, maxSockets: Infinity });
  const base = await lastSeq();
  const all = range(200).map(() => listen(`?since=${base}`, agent));
  const codes = await Promise.all(all.map((w) => w.begun));
  same(codes.filter((c) => c !== 200).length, 0, 'refused');
  for (const w of all.slice(0, 10)) w.res.pause();
  for (const w of all.slice(10, 20)) w.req.destroy();
  for (let i = 0; i < 10; i++) await Promise.all(range(20).map(() => s.post('/v1/orders', order())));
  const end = await lastSeq();
  await s.until('everybody', () => all.slice(20).every((w) => w.seqs.at(-1) >= end), 20000);
  for (const w of all.slice(20)) {
    const got = w.seqs.filter((q) => q <= end);
    if (!same([got.length, got[0]], [end - base, base + 1]) || !same(got.every((q, i) => q === base + 1 + i), true, 'in order')) break;
  }
  for (const w of all) w.req.destroy();
  await s.until('they are gone', async () => (await s.get('/healthz')).status === 200);
});

test('HEAD of the live events ends at once; a listener who asks for the far future hears what comes', async () => {
  const a = await Promise.race([s.raw('HEAD', '/v1/events', { headers: { accept: 'text/event-stream' } }), sleep(3000).then(() => ({ status: 'it hangs' }))]);
  same(a.status, 200);
  for (const id of ['-1', '1e3', '9223372036854775808', '99999999999999999999', '1 2', '0x10']) {
    const r = await Promise.race([s.raw('GET', '/v1/events', { headers: { accept: 'text/event-stream', 'last-event-id': id } }), sleep(300).then(() => ({ status: 'a stream' }))]);
    same(r.status, 400, `Last-Event-ID ${id}`);
  }
});

// ---- streams ------------------------------------------------------------------------------------------------------------
function chunked(token = s.admin) {
  const c = { got: '', rows: 0 };
  c.sock = net.connect(s.port, '127.0.0.1');
  c.sock.on('error', () => { c.dead = true; });
  c.sock.on('close', () => { c.dead = true; });
  c.sock.on('data', (d) => { for (const b of d) c.rows += b === 10 ? 1 : 0; c.got = (c.got + d.toString('latin1')).slice(-4000); });
  c.sock.write(`POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n`);
  c.send = async (text) => {
    const ok = c.sock.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
    if (!ok && !c.dead) await new Promise((done) => {
      const go = () => { c.sock.off('drain', go).off('close', go); done(); };
      c.sock.on('drain', go).on('close', go);
    });
  };
  return c;
}

test('a long stream: the server’s memory stays where it was', async () => {
  const mib = Number(process.env.ORDERD_TEST_MIB ?? (SANITIZED ? 12 : 40));
  const fat = order({ channel: 'fat', lines: range(400).map((i) => ({ line_id: `${i}`, sku: `SKU-${i}`, title: '沙'.repeat(150), quantity: 1, price: '1.00' })) });
  const text = JSON.stringify(fat);
  const size = Buffer.byteLength(text);
  const c = chunked();
  for (let i = 0; i < 4; i++) await c.send(`${text}\n`);
  await sleep(300);
  const before = await memory();
  for (let sent = 0; sent < mib << 20; sent += size) await c.send(`${text}\n`);
  const during = await memory();
  await c.send('{"half":');
  c.sock.write('0\r\n\r\n');
  await s.until('the end', () => /\r\n0\r\n\r\n$/.test(c.got), 60000);
  check(during - before < (SANITIZED ? 400e6 : 24e6), `memory went from ${before} to ${during}`);
  check(/"status":400/.test(c.got), 'the half line at the end has no row of its own');
  same((await s.get('/v1/orders?channel=fat')).json.data.length, 1);
  c.sock.destroy();
});

test('streams cut in the middle of a line, of a chunk, of a letter: whole lines stand, nothing else', async () => {
  const marks = [];
  for (let cut = 0; cut < 12; cut++) {
    const c = chunked();
    const whole = order({ channel: 'cut' }), half = Buffer.from(`${JSON.stringify(order({ channel: 'cut', external_id: `HALF-${cut}` }))}\n`);
    await c.send(`${JSON.stringify(whole)}\n`);
    const part = half.subarray(0, Math.floor((half.length - 1) * (cut + 1) / 12));
    c.sock.write(`${(cut % 2 ? half.length : part.length).toString(16)}\r\n`);
    c.sock.write(part);
    if (cut % 3 === 0) c.sock.write('\r\nzz\r\n');
    await s.until('the first row', async () => (await s.raw('GET', `/v1/orders/cut:${whole.external_id}`)).status === 200);
    if (cut % 2) c.sock.resetAndDestroy(); else c.sock.destroy();
    marks.push(whole.external_id);
  }
  await sleep(200);
  const there = (await s.get('/v1/orders?channel=cut&limit=500')).json.data.map((o) => o.external_id).sort();
  same(there, marks.sort());
});

test('thirty streams at once with good and bad lines: each is answered for its own lines', async () => {
  const all = range(30).map((lane) => {
    const lines = range(20).map((i) => (i % 5 === 4 ? '{"bad":' : JSON.stringify(order({ channel: 'lanes', external_id: `${lane}-${i}` }))));
    return s.raw('POST', '/v1/orders', { body: `${lines.join('\n')}\n`, type: 'application/x-ndjson' });
  });
  for (const a of await Promise.all(all)) {
    const rows = a.text.trim().split('\n').map((l) => JSON.parse(l));
    same(rows.map((r) => r.status), range(20).map((i) => (i % 5 === 4 ? 400 : 201)));
  }
  same((await walk('/v1/orders?channel=lanes&limit=500')).length, 480);
});

test('after all this the data prove themselves', async () => same((await s.get('/v1/check')).json.findings, []));

endServer(s);

test('a token that is revoked in the middle of a stream, a walk, a listening: no more for it', async () => {
  const r = await new Server().start();
  const t = await r.want(201, 'POST', '/v1/tokens', { body: { name: 'gone', roles: 'cs' } });
  await r.want(200, 'GET', '/v1/orders', { token: t.json.token });
  const [x, y] = await Promise.all([r.post('/v1/tokens/gone/revoke', {}), r.get('/v1/orders', { token: t.json.token })]);
  same(x.status, 200);
  check([200, 401].includes(y.status), String(y.status));
  const after = await Promise.all(range(20).map(() => r.get('/v1/orders', { token: t.json.token })));
  check(after.every((a) => [401, 429].includes(a.status)), after.map((a) => a.status).join());
  await r.drop();
});
