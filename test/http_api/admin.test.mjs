// Tokens, users, backups, the check, health, figures, reload, and one process per directory.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { BINARY, check, endServer, order, same, SANITIZED, Server, sleep, test, withServer } from './lib.mjs';

const s = withServer();

test('the first admin token: only for the owner of the files, made once', async () => {
  same(fs.statSync(s.file('admin.token')).mode & 0o777, 0o600);
  same(fs.statSync(s.file('orderd.sock')).mode & 0o777, 0o600);
  same(fs.statSync(s.file('orderd.db')).mode & 0o077, 0);
  const before = s.admin;
  await s.stop();
  await s.start();
  same(s.admin, before);
  await s.want(200, 'GET', '/v1/tokens');
  check(!fs.readFileSync(s.file('orderd.db')).includes(before), 'the token itself is in the database');
});

test('no credentials in the binary', async () => {
  const text = fs.readFileSync(BINARY).toString('latin1');
  check(!/ord_[A-Za-z0-9_-]{20,}/.test(text), 'something that looks like a token');
});

test('users', async () => {
  const a = await s.want(201, 'POST', '/v1/users', { body: { name: 'amy', roles: 'cs,warehouse', password: 'correct horse battery' } });
  await s.want(409, 'POST', '/v1/users', { body: { name: 'amy', roles: 'cs' } });
  for (const body of [{ name: 'x', roles: 'cs', password: 'short' }, { name: 'x', roles: 'king' }, { name: 'x y', roles: 'cs' }, { roles: 'cs' }, { name: 'x', roles: 'channel' },
    { name: 'x', roles: 'cs', hash: 'y' }, { name: 'x', roles: 'cs', state: 'active' }, { name: 'x'.repeat(65), roles: 'cs' }])
    await s.want(422, 'POST', '/v1/users', { body });
  await s.want(200, 'POST', `/v1/users/${a.json.id}`, { body: { roles: 'viewer' } });
  await s.want(200, 'POST', '/v1/users/amy', { body: { state: 'revoked' } });
  await s.want(422, 'POST', '/v1/users/amy', { body: {} });
  await s.want(404, 'POST', '/v1/users/u_999', { body: { state: 'revoked' } });
  const list = await s.want(200, 'GET', '/v1/users');
  const amy = list.json.data.find((u) => u.name === 'amy');
  same([amy.roles, amy.state, amy.has_password], [['viewer'], 'revoked', true]);
  for (const path of ['/v1/users', '/v1/events?limit=500']) {
    const text = (await s.get(path)).text;
    check(!text.includes('argon2') && !text.includes('correct horse'), `${path} shows a password`);
  }
});

test('a flood of passwords: two at once, the others are told to wait, orders go on', async () => {
  const flood = Promise.all(Array.from({ length: 30 }, (_, i) => s.post('/v1/users', { name: `flood-${i}`, roles: 'cs', password: 'a long enough one' })));
  const from = Date.now();
  await s.want(201, 'POST', '/v1/orders', { body: order() });
  check(Date.now() - from < 2000, 'an order waited');
  const codes = (await flood).map((a) => a.status);
  check(codes.every((c) => c === 201 || c === 429), String(codes));
  check(codes.includes(201) && codes.includes(429), String(codes));
});

test('a backup is made over the Unix socket only, and is whole', async () => {
  const file = s.file('copy.db');
  await s.want(403, 'POST', '/v1/backups', { body: { file } });
  const local = { token: null, socket: true };
  for (const body of [{}, { file: 'relative.db' }, { file: 7 }, { file, mode: 'w' }, []]) await s.want(422, 'POST', '/v1/backups', { body, ...local });
  const a = await s.want(201, 'POST', '/v1/backups', { body: { file }, ...local });
  same(a.json, { file, checked: true });
  check(fs.statSync(file).size > 10000, 'an empty backup');
  const b = await s.post('/v1/backups', { file: '/nowhere/at/all.db' }, local);
  check(b.status >= 400, 'a backup to nowhere');
  const copy = new Server();
  fs.copyFileSync(file, copy.file('orderd.db'));
  fs.copyFileSync(s.file('admin.token'), copy.file('admin.token'));
  await copy.start();
  same((await copy.get('/v1/stats/counts')).json.orders, (await s.get('/v1/stats/counts')).json.orders);
  await copy.drop();
});

test('the check proves the data while writing goes on', async () => {
  const writes = Promise.all(Array.from({ length: 200 }, () => s.post('/v1/orders', order())));
  const a = await s.want(200, 'GET', '/v1/check');
  await writes;
  same([a.json.ok, a.json.findings], [true, []]);
});

test('health, readiness, figures, description', async () => {
  same((await s.want(200, 'GET', '/healthz', { token: null })).json.status, 'ok');
  same((await s.want(200, 'GET', '/readyz', { token: null })).json, { ready: true });
  await s.want(200, 'GET', '/', { token: null });
  const m = (await s.want(200, 'GET', '/metrics')).text;
  for (const line of m.trim().split('\n')) check(/^(# (HELP|TYPE) orderd_[a-z0-9_]+ .+|orderd_[a-z0-9_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?\d+)$/.test(line), line);
  for (const name of ['orders_ingested_total{result="created"}', 'writer_lag_ms', 'db_wal_bytes', 'count_orders', 'disk_free_bytes'])
    check(m.includes(`orderd_${name} `), name);
  const c = (await s.want(200, 'GET', '/v1/stats/counts')).json;
  check(m.includes(`orderd_count_orders ${c.orders}`), 'counts differ');
  same((await s.want(200, 'GET', '/openapi.json')).json.openapi, '3.1.0');
  await s.want(200, 'GET', '/v1/channels');
});

test('a second process on the same data is told who holds it', async () => {
  const b = spawnSync(BINARY, ['--data', s.dir, 'serve'], { env: { ...process.env, ORDERD_SERVER_LISTEN: '127.0.0.1:0' }, encoding: 'utf8', timeout: 20000 });
  same(b.status, 1);
  check(b.stderr.includes(String(s.child.pid)), b.stderr);
  await s.want(200, 'GET', '/readyz', { token: null });
});

test('a configuration is read again whole, or not at all', async () => {
  const r = await new Server({ conf: '[intake]\nnew_channels = yes\n' }).start();
  fs.writeFileSync(r.file('orderd.conf'), '[intake]\nnew_channels = perhaps\n[merge]\nwindow = 1h\n');
  r.child.kill('SIGHUP');
  await r.until('the refusal', () => /the old one stays/.test(r.log));
  same((await r.post('/v1/orders', order({ channel: 'fresh-1' }))).status, 201);
  fs.writeFileSync(r.file('orderd.conf'), '[intake]\nnew_channels = no\n');
  const flow = (async () => { for (let i = 0; i < 50; i++) await Promise.all(Array.from({ length: 20 }, () => r.post('/v1/orders', order({ channel: 'fresh-1' })))); })();
  r.child.kill('SIGHUP');
  await r.until('the reading', () => /was read again/.test(r.log));
  same((await r.post('/v1/orders', order({ channel: 'fresh-2' }))).json.code, 'unknown_channel');
  await flow;
  await r.drop();
});

test('a start that cannot be says why and exits 1', async () => {
  const b = spawnSync(BINARY, ['--data', s.file('admin.token'), 'serve'], { encoding: 'utf8', timeout: 20000, env: { ...process.env, ORDERD_SERVER_LISTEN: '127.0.0.1:0' } });
  same(b.status, 1);
  const c = spawnSync(BINARY, ['--data', s.file('other'), 'serve'], { encoding: 'utf8', timeout: 20000, env: { ...process.env, ORDERD_SERVER_LISTEN: `127.0.0.1:${s.port}` } });
  same(c.status, 1);
  check(/in use/.test(c.stderr), c.stderr);
});

test('small and quick: ready soon, little memory', async () => {
  const r = await new Server().start();
  await sleep(1500);
  const bytes = Number(/orderd_resident_bytes (\d+)/.exec((await r.get('/metrics')).text)[1]);
  check(SANITIZED || bytes < 16 << 20, `${bytes} bytes`);
  await r.drop();
});

endServer(s);
