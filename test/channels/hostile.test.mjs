// Answers and connector files that mean harm: refused in words, the process stays, and nothing is lost.
import { spawnSync } from 'node:child_process';
import { BINARY, PARTS, Poller, Shop, check, connector, same, section, stopShops, test } from './lib.mjs';

let s, shop;
test('starts', async () => {
  shop = await new Shop().start();
  s = await new Poller(section('shop', shop)).start();
  await s.state('shop', (c) => c.poll?.last_ok_at, 'first run');
});

const MB = 1 << 20, page = (orders, next = null) => JSON.stringify({ orders, next });
const stream = (bytes) => (c, res) => {
  res.writeHead(200, { 'content-type': 'application/json' });
  const more = () => { while (!res.destroyed && res.write(bytes)); if (!res.destroyed) res.once('drain', more); };
  more();
};
const text = (body, status = 200, headers = {}) => (c, res) => shop.send(res, status, body, headers);
const raw = (bytes) => (c, res) => { res.socket.write(bytes); res.socket.end(); };
const ANSWERS = [
  ['10 MB of rows', text(`{"orders":[${'{"id":"x"},'.repeat(MB)}{}]}`)], ['10 MB of one string', text(`{"orders":"${'x'.repeat(10 * MB)}"}`)],
  ['an endless stream', stream('x'.repeat(65536))], ['an endless array', stream('{"orders":['.padEnd(1024, '['))], ['depth', text(`${'['.repeat(200000)}${']'.repeat(200000)}`)],
  ['depth of objects', text(`${'{"orders":'.repeat(5000)}1${'}'.repeat(5000)}`)], ['NUL bytes', text(Buffer.from('{"orders":[\0]}'))], ['bytes that are no UTF-8', text(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))],
  ['half a page', text('{"orders":[{"id":"A')], ['nothing', text('')], ['HTML', text('<html><body>Please log in</body></html>')], ['a number', text('1e999999999')],
  ['two documents', text('{"orders":[]}{"orders":[]}')], ['a byte order mark', text('\ufeff{"orders":[]}')], ['the same key twice', text('{"orders":[],"orders":[{"id":"evil"}]}')],
  ['a redirect', text('', 302, { location: 'http://127.0.0.1:1/' })], ['a redirect to a file', text('', 301, { location: 'file:///etc/passwd' })], ['500', text('{}', 500)], ['418', text('{}', 418)],
  ['a lie about its length', raw('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{"orders":[]')], ['no HTTP', raw('SSH-2.0-OpenSSH_9\r\n')],
  ['a bad header', raw(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(2 * MB)}\r\n\r\n{}`)], ['a header for ever', (c, res) => { const go = () => { if (!res.socket?.destroyed && res.socket) res.socket.write('X-A: b\r\n', () => setImmediate(go)); }; res.socket.write('HTTP/1.1 200 OK\r\n'); go(); }],
  ['deflate that is none', text('garbage', 200, { 'content-encoding': 'gzip' })], ['nothing at all', (c, res) => res.socket.destroy()],
];
test('hostile answers: an error in words, then the order comes all the same', async () => {
  for (const [what, play] of ANSWERS) {
    const o = shop.put();
    let asked = 0;
    shop.play = (c, res) => { if (c.path !== '/orders') return false; asked++; play(c, res); return true; };
    await s.sync('shop');
    const c = await s.state('shop', (x) => asked && x.poll.error && Date.parse(x.poll.error.at) > o.changed - 1, what, 8000);
    const e = c?.poll.error;
    check(e && e.kind && e.code && JSON.stringify(e).length < 3000, `${what}: ${JSON.stringify(e)}`);
    shop.play = null;
    await s.sync('shop');
    await s.until(`${what}: its order comes afterwards`, async () => await s.has('shop', o.id), 6000);
  }
  same((await s.payloads('shop')).length, 0, 'nothing failed');
});

const ROWS = [
  ['a number for rows', { orders: 7 }], ['an object for rows', { orders: { a: 1 } }], ['no object', [1, 2]], ['rows that are no objects', { orders: [1, 'x', null, [], true] }],
  ['fields of other kinds', { orders: [{ id: { a: 1 }, state: [], at: 'soon', changed: {}, total: [], name: 5, phone: {}, address: true, sku: null }] }],
  ['NUL in a text', '{"orders":[{"id":"a\\u0000b","state":"paid","at":1,"changed":1,"total":"1.00","name":"x","phone":"1","address":"y","sku":"s"}],"next":null}'],
  ['numbers beyond all', '{"orders":[{"id":99999999999999999999999999,"state":"paid","at":1e300,"changed":-1e300,"total":1e308,"sku":"s"}]}'],
  ['half a character', '{"orders":[{"id":"\\ud800","state":"paid","at":1,"changed":1,"total":"1.00","sku":"\\udfff"}]}'],
  ['a sku of 100 KB', { orders: [{ id: 'big', state: 'paid', at: 1, changed: 1, total: '1.00', name: 'x', phone: '1', address: 'y', sku: 's'.repeat(100000) }] }],
  ['SQL', { orders: [{ id: "'; DROP TABLE orders; --", state: "paid' OR 1=1", at: 1, changed: 1, total: '1.00', sku: '$(x)' }] }],
];
test('rows of wrong kinds: kept as failed payloads or refused, and the good one beside them comes', async () => {
  for (const [what, rows] of ROWS) {
    const o = shop.put(), made = s.log.length;
    let asked = 0;
    shop.play = (c, res) => { if (c.path !== '/orders' || asked >= 1) return false; asked++; shop.send(res, 200, typeof rows === 'string' ? rows : { next: null, ...rows, ...(Array.isArray(rows) ? [] : {}) }); return true; };
    await s.sync('shop');
    await s.until(`${what}: answered`, () => asked >= 1, 8000);
    shop.play = null;
    await s.until(`${what}: the good order`, async () => await s.has('shop', o.id));
    check(!/Sanitizer|runtime error/.test(s.log.slice(made)), s.log.slice(made, made + 2000));
  }
  for (const p of await s.payloads('shop')) check(p.error?.code && p.size > 0, JSON.stringify(p));
  check((await s.payloads('shop')).length >= 5, `failed payloads: ${(await s.payloads('shop')).length}`);
  check((await s.ids('shop')).every((id) => !id.includes('DROP') && id !== 'big'), 'none of them is an order');
});

const bad = (what, parts, why, whole) => [what, whole ?? connector(parts), why];
const FILES = [
  bad('a table of ours', { orders: '[orders]\nSELECT body, \'$\' FROM payloads' }, /no such table|not authorized|prohibited/i),
  bad('ATTACH', { orders: "[orders]\nATTACH 'orderd.db' AS x" }, /not|only|SELECT/i), bad('PRAGMA', { orders: '[orders]\nPRAGMA database_list' }, /not|only|SELECT/i),
  bad('load_extension', { orders: "[orders]\nSELECT load_extension('/tmp/x.so'), '$'" }, /not|no such function/i), bad('readfile', { orders: "[orders]\nSELECT readfile('/etc/passwd'), '$'" }, /no such function|not/i),
  bad('printf of a gigabyte', { orders: "[orders]\nSELECT printf('%1000000000d', 1), '$'" }, /not|no such function/i),
  bad('a secret in a mapping', { orders: "[orders]\nSELECT json_object('external_id', secret('key')), '$'" }, /secret/),
  bad('a secret in errors', { errors: "[errors]\nSELECT 'refused', secret('key'), ''" }, /secret/), bad('two statements', { next: "[next list]\nSELECT 1; SELECT 2" }, /one|more|statement|tail|after/i),
  bad('an unknown section', { x: '[evil]\na = b' }, /evil/), bad('an unknown key', { channel: PARTS.channel.replace('title', 'tilte') }, /tilte/), bad('no [orders]', { orders: '' }, /orders/),
  bad('a file address', { list: PARTS.list.replace('{host}/orders', 'file:///etc/passwd') }, /begins with a line/),
  bad('a method', { list: PARTS.list.replace('GET', 'CONNECT') }, /GET|method/i), 
  bad('a header of two lines', { list: `${PARTS.list}\nheader.X\r\nY = 'evil'` }, /./), bad('an unknown secret', { list: `${PARTS.list}\nquery.x = secret('nosuch')` }, /nosuch/),
  bad('an endless recursion', { orders: "[orders]\nWITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a) SELECT json_object('n', count(*)), '$' FROM a" }, null),
  bad('NUL', {}, /./, '[channel plain]\0\n'), bad('no text', {}, /./, '\xff\xfe\x00'), bad('nothing', {}, /./, ''), bad('2 MB', {}, /./, `# ${'x'.repeat(2 * MB)}\n${connector()}`),
  bad('deep parentheses', { orders: `[orders]\nSELECT ${'('.repeat(5000)}1${')'.repeat(5000)}, '$'` }, /./),
];
test('hostile connector files: refused by line, and the channel keeps the old one', async () => {
  for (const [what, file, why] of FILES) {
    const t = new Poller('', { evil: file });
    const r = spawnSync(BINARY, ['channel', 'test', t.file('connectors/evil.channel')], { encoding: 'utf8', timeout: 20000 });
    const said = `${r.stdout}${r.stderr}`;
    if (why) check(r.status === 1 && why.test(said), `${what}: exit ${r.status} ${r.signal ?? ''}: ${said.slice(0, 400)}`);
    check(!/Sanitizer|runtime error|this must hold/.test(said), `${what}: ${said.slice(0, 2000)}`);
    await (await import('node:fs/promises')).rm(t.dir, { recursive: true });
  }
});

test('a header that would be two is never sent', async () => {
  const p = await new Poller(section('shop', shop).replace('= plain', '= split'), { split: connector({ list: `${PARTS.list}\nheader.X-A = 'a' || char(13) || char(10) || 'X-Evil: 1'` })
    .replace('[channel plain]', '[channel split]') }).start();
  const c = await p.state('shop', (x) => x.poll?.error, 'refused');
  same(c.poll.error.kind, 'connector', JSON.stringify(c.poll.error));
  check(shop.asked.every((a) => !a.headers['x-evil']), 'not sent');
  await p.drop();
});

test('a broken file beside a working one: the old one stays in use, and says why', async () => {
  const from = s.log.length, o = () => shop.put();
  s.connector('plain', connector({ orders: '[orders]\nSELECT nonsense FROM nowhere' }));
  await s.until('the log says it', () => /the changed connector is not taken: plain\.channel:\d+:\d+: /.test(s.log.slice(from)));
  let x = o();
  await s.until('the old one still polls', async () => await s.has('shop', x.id));
  s.connector('plain', connector({ orders: PARTS.orders.replace("value ->> '$.name'", "'Renamed'") }));
  await s.until('the mended one is taken', () => s.log.slice(from).includes('its connector was read again'));
  x = o();
  await s.until('and used', async () => await s.has('shop', x.id));
  const id = (await s.orders('shop')).find((k) => k.external_id === x.id)?.id;
  same((await s.want(200, 'GET', `/v1/orders/${id}`)).json?.receiver?.name, 'Renamed', 'its mapping');
});

test('a mapping that never ends is stopped, its page kept, and others go on', async () => {
  const other = await new Shop().start();
  shop.orders.clear();
  for (let i = 0; i < 3; i++) shop.put();
  const p = await new Poller(section('shop', shop).replace('= plain', '= spin') + section('other', other), { spin: connector({
    orders: "[orders]\nWITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a) SELECT json_object('n', count(*)), '$' FROM a" }).replace('[channel plain]', '[channel spin]') }).start();
  const o = other.put();
  await p.until('the other channel', async () => await p.has('other', o.id));
  for (let i = 0; i < 4; i++) { // what it reads is not taken from it
    const from = shop.asked.length;
    await p.until('it reads', () => shop.asked.length > from);
    if (i % 2) p.child.kill('SIGHUP');
    else {
      await p.want(200, 'POST', '/v1/channels/shop/pause');
      await p.want(200, 'POST', '/v1/channels/shop/resume');
    }
  }
  await p.until('the page is kept', async () => (await p.payloads('shop')).length >= 1);
  p.connector('spin', connector().replace('[channel plain]', '[channel spin]'));
  await p.until('mended: it heals', async () => (await p.orders('shop')).length === 3, 15000);
  await p.until('no page stays behind', async () => (await p.payloads('shop')).length === 0, 15000); // all its orders, then itself
  await p.drop();
});

test('a channel whose file is broken from the start: the server runs, and says so', async () => {
  const p = await new Poller(section('shop', shop) + section('sick', shop).replace('= plain', '= sick'), { sick: 'no connector at all\n' }).start();
  await p.until('the healthy one', async () => (await p.ids('shop')).length > 0);
  const all = (await p.want(200, 'GET', '/v1/channels')).json.data;
  const sick = all.find((c) => c.name === 'sick');
  check(/sick\.channel:1:/.test(sick?.poll?.now?.broken ?? ''), JSON.stringify(sick));
  same((await p.want(409, 'POST', '/v1/channels/sick/sync')).json.code, 'connector_broken', 'a wish');
  same((await p.push('sick', {})).status, 404, 'a push');
  p.connector('sick', connector().replace('[channel plain]', '[channel sick]'));
  await p.until('mended while it runs', async () => (await p.orders('sick')).length > 0, 8000);
  await p.drop();
});
test('stops cleanly', async () => { same(await s.drop(), { code: 0, signal: null }); stopShops(); });
