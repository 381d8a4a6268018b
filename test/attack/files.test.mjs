// Files, processes and configuration of a live server.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { BINARY, check, endServer, order, same, Server, test, withServer } from '../http_api/lib.mjs';

const s = withServer();
const cli = (dir, words, more = {}) => {
  const env = { ...process.env, ...more };
  delete env.ORDERD;
  return spawnSync(BINARY, ['--data', dir, ...words], { encoding: 'utf8', timeout: 60000, env, maxBuffer: 1 << 28 });
};

test('backups while 16 write: each is whole and holds what was acknowledged before it began', async () => {
  let over = false;
  const acknowledged = [];
  const lanes = Array.from({ length: 16 }, async () => {
    while (!over) {
      const o = order({ channel: 'saved' });
      if ((await s.raw('POST', '/v1/orders', { body: o }).catch(() => ({}))).status === 201) acknowledged.push(o.external_id);
    }
  });
  for (let i = 0; i < 3; i++) {
    await s.until('more orders', () => acknowledged.length > 40 * (i + 1));
    const before = [...acknowledged], file = s.file(`copy-${i}.db`);
    const a = await s.want(201, 'POST', '/v1/backups', { body: { file }, token: null, socket: true });
    same(a.json.checked, true);
    same(fs.statSync(file).mode & 0o077, 0, 'others may read the backup');
    const copy = new Server();
    const r = cli(copy.dir, ['restore', file]);
    same(r.status, 0, r.stderr.slice(0, 300));
    fs.copyFileSync(s.file('admin.token'), copy.file('admin.token')); /* the tokens came along */
    await copy.start();
    for (const id of [...before.slice(0, 10), ...before.slice(-20)]) if (!same((await copy.raw('GET', `/v1/orders/saved:${id}`)).status, 200, id)) break;
    check((await copy.raw('GET', '/v1/stats/counts')).json.orders >= before.length, 'fewer orders than were acknowledged');
    same((await copy.raw('GET', '/v1/check')).json.findings, []);
    await copy.drop();
  }
  over = true;
  await Promise.all(lanes);
});

test('what is no backup is not restored, and nothing is lost by the attempt', async () => {
  const dir = fs.mkdtempSync(`${s.dir}/r-`);
  same(cli(dir, ['init']).status, 0);
  const whole = fs.readFileSync(s.file('copy-0.db'));
  const kinds = { empty: Buffer.alloc(0), text: Buffer.from('hello'), short: whole.subarray(0, Math.floor(whole.length / 2)), torn: Buffer.from(whole) };
  kinds.torn.fill(0x5a, 4096 * 3, 4096 * 6);
  const before = fs.readFileSync(`${dir}/orderd.db`);
  for (const [name, bytes] of Object.entries(kinds)) {
    fs.writeFileSync(s.file(`${name}.bad`), bytes);
    const r = cli(dir, ['restore', s.file(`${name}.bad`), '--force']);
    check(r.status !== 0, `${name} was restored`);
    check(fs.readFileSync(`${dir}/orderd.db`).equals(before), `${name} changed the database`);
  }
  check(cli(dir, ['restore', '/nowhere/x.db', '--force']).status !== 0, 'nothing was restored');
  check(cli(s.dir, ['restore', s.file('copy-0.db'), '--force']).status !== 0, 'restored under a running server');
});

test('a sheet that is exported runs nothing, from the API to the file', async () => {
  const evil = ['=1+1', '+1', '-1', '+1+1', '-1+1', '-2+3+cmd|x', '+1,5', '@SUM(A1)', '\t=1', '\r=1', '=HYPERLINK("http://evil.example")', '＝1+1', ' =1+1', '"=1', "'=1", '=1\n=2', ';=1'];
  for (const [i, t] of evil.entries()) await s.post('/v1/orders', order({ channel: 'sheet', external_id: `=${i}`, receiver: { ...order().receiver, name: t, address: `${t} 1 号` }, remarks: { buyer: t, seller: t, flag: '' }, lines: [{ line_id: '1', sku: 'A', title: t, quantity: 1 }] }));
  for (const what of ['orders', 'lines', 'events', 'exceptions', 'groups']) {
    const r = cli(s.dir, ['export', what, '--format', 'csv']);
    if (!check(r.status === 0, `${what}: ${r.stderr}`)) continue;
    const cells = r.stdout.replace(/^\ufeff/, '').match(/"(?:[^"]|"")*"|[^,\r\n"]+/g) ?? [];
    const bad = cells.map((x) => x.replace(/^"|"$/g, '')).filter((x) => /^[-=+@\t\r＝＋－＠]/.test(x) && !/^[-+]\d+(\.\d+)?$/.test(x) /* a number is no formula */);
    same(bad.slice(0, 3), [], what);
  }
});

test('the environment is stronger than the file; nonsense in it is refused with its name', async () => {
  const r = await new Server({ conf: '[intake]\nnew_channels = yes\n', env: { ORDERD_INTAKE_NEW_CHANNELS: 'no' } }).start();
  same((await r.post('/v1/orders', order())).json.code, 'unknown_channel');
  fs.writeFileSync(r.file('orderd.conf'), '[intake]\nnew_chanels = yes\n');
  r.child.kill('SIGHUP');
  await r.until('the refusal', () => /not taken/.test(r.log));
  check(/new_channels/.test(r.log) && /2/.test(r.log), r.log);
  same((await r.get('/readyz')).status, 200);
  await r.drop();
  for (const [name, value] of [['ORDERD_INTAKE_SURGE_QUEUE', 'many'], ['ORDERD_SERVER_HEAD_TIMEOUT', '-1s'], ['ORDERD_SERVER_LISTEN', 'nowhere:99999']]) {
    const dir = fs.mkdtempSync(`${s.dir}/e-`);
    const b = cli(dir, ['serve'], { ORDERD_SERVER_LISTEN: '127.0.0.1:0', [name]: value });
    check(b.status === 1 || b.status === 2, `${name}=${value}: ${b.status}`);
    check(/ORDERD_|listen|address|nowhere/i.test(b.stderr), b.stderr);
  }
});

test('the binary holds no credentials and no keys', () => {
  const text = fs.readFileSync(BINARY).toString('latin1');
  for (const x of [/BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY-----\n[A-Za-z0-9+/]{40}/, /admin:admin/, /changeme/i, /Bearer [A-Za-z0-9_-]{20,}/, /AKIA[0-9A-Z]{16}/]) check(!x.test(text), String(x));
});

endServer(s);
