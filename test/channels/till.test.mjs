// Tills: a folder of CSV files, and another program's SQLite database, which is only read.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { HERE, Poller, check, same, skip, test } from './lib.mjs';

const HEAD = 'sale,time,sku,article,pieces,price,discount,paid,name,phone,address,note,state\n';
const sale = (no, more = '') => `${no},2026-03-01 10:00:00,MUG,Mug,2,19.90,,39.80,李示例,19900001000,浙江省杭州市西湖区示例路1号,${more},\n`;
const QUICK = 'every = 1s\nsettle = 0s\noverlap = 5s\nstart = 1d\n';

test('a folder of CSV files', async () => {
  const s = new Poller(`[channel counter]\nconnector = till\nfolder = sales\n${QUICK}`), at = (name) => path.join(s.dir, 'sales', name);
  fs.mkdirSync(s.file('sales'));
  fs.writeFileSync(at('a.csv'), HEAD + sale('T1') + sale('T2') + sale('T2'));
  fs.writeFileSync(at('b.txt'), HEAD + sale('NO'));
  fs.writeFileSync(at('.hidden.csv'), HEAD + sale('NO'));
  fs.mkdirSync(at('dir.csv'));
  fs.writeFileSync(at('c.csv'), `\ufeff${HEAD}${sale('T3', '"two\nlines, ""quoted"""')}`);
  await s.start();
  await s.until('three sales', async () => (await s.ids('counter')).length >= 3);
  same(await s.ids('counter'), ['T1', 'T2', 'T3'], 'sales');
  const two = (await s.orders('counter')).find((o) => o.external_id === 'T2');
  same((await s.want(200, 'GET', `/v1/orders/${two.id}`)).json.lines.length, 2, 'two rows are one sale');

  fs.appendFileSync(at('a.csv'), sale('T4'));
  await s.until('a row added', async () => await s.has('counter', 'T4'));
  fs.writeFileSync(at('d.csv'), 'garbage\0\xff');
  fs.writeFileSync(at('e.csv'), HEAD + sale('T5').replace('39.80', 'much') + sale('T6'));
  fs.writeFileSync(at('f.csv'), `${HEAD}${'x'.repeat(9 << 20)}`);
  fs.writeFileSync(at('g.csv'), '');
  fs.writeFileSync(at('h.csv'), HEAD + sale('T7'));
  await s.until('files that cannot be read stop no other', async () => await s.has('counter', 'T6') && await s.has('counter', 'T7'), 8000);
  const failed = await s.payloads('counter');
  check(failed.length >= 3 && failed.every((p) => p.error?.code), `kept: ${JSON.stringify(failed.map((p) => p.error))}`);
  const again = failed.length;
  await s.run('counter');
  same((await s.payloads('counter')).length, again, 'once');

  fs.rmSync(s.file('sales'), { recursive: true });
  const c = await s.state('counter', (x) => x.poll.error, 'the folder is gone');
  check(c.poll.error.kind === 'file' && /sales/.test(c.poll.error.message), JSON.stringify(c.poll.error));
  fs.mkdirSync(s.file('sales'));
  fs.writeFileSync(at('z.csv'), HEAD + sale('T8'));
  await s.until('it is there again', async () => await s.has('counter', 'T8'));
  await s.drop();
});

const PY = `
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA journal_mode = ' + sys.argv[2])
db.execute('CREATE TABLE IF NOT EXISTS sale (id INTEGER PRIMARY KEY, number, state, sold_at, changed_at, paid_fen, name, phone, address, note)')
db.execute('CREATE TABLE IF NOT EXISTS sale_article (sale_id, position, sku, article, pieces, price_fen, discount_fen)')
for i in sys.argv[3].split(','):
    t = int(time.time())
    db.execute("INSERT INTO sale VALUES (?, ?, 'paid', ?, ?, 1990, 'x', '19900001000', 'y', NULL)", (int(i), int(i), t, t))
    db.execute("INSERT INTO sale_article VALUES (?, 1, 'MUG', 'Mug', 1, 1990, 0)", (int(i),))
db.commit(); db.close()
`;
const python = (...args) => spawnSync('python3', ['-c', PY, ...args], { encoding: 'utf8' });
test("a till's SQLite file, only read", async () => {
  if (spawnSync('python3', ['-c', 'import sqlite3']).status !== 0) return skip('no python3 with sqlite3');
  const s = new Poller(`[channel counter]\nconnector = till-db\nfile = till.db\n${QUICK}`), file = s.file('till.db');
  for (const [mode, first, next] of [['delete', '1,2,3', '4'], ['wal', '5', '6,7']]) {
    same(python(file, mode, first).status, 0, 'the till writes');
    if (!s.port) await s.start();
    const digest = () => createHash('sha256').update(fs.readFileSync(file)).digest('hex');
    const was = [digest(), fs.statSync(file).mtimeMs, fs.statSync(file).mode];
    await s.until(`sales ${first}`, async () => { const ids = await s.ids('counter'); return first.split(',').every((i) => ids.includes(i)); });
    await s.run('counter');
    same([digest(), fs.statSync(file).mtimeMs, fs.statSync(file).mode], was, `${mode}: the till's file is as it was`);
    same(python(file, mode, next).status, 0, 'the till writes while it is read');
    await s.until(`sales ${next}`, async () => { const ids = await s.ids('counter'); return next.split(',').every((i) => ids.includes(i)); });
  }
  same((await s.channel('counter')).poll.error, null, 'no error');
  fs.writeFileSync(file, 'no database at all');
  const c = await s.state('counter', (x) => x.poll.error, 'a file that is no database');
  check(/database|not/.test(c.poll.error.message), JSON.stringify(c.poll.error));
  same(fs.readFileSync(file, 'utf8'), 'no database at all', 'left alone');
  await s.drop();
});

test('a file that could not be mapped is mapped again: when the connector is mended, and when a person wishes', async () => {
  const s = new Poller(`[channel counter]\nconnector = own\nfolder = sales\n${QUICK}`), at = (name) => path.join(s.dir, 'sales', name);
  const till = fs.readFileSync(path.join(HERE, '../../examples/connectors/till.channel'), 'utf8').replace('[channel till]', '[channel own]');
  const broken = till.replace("ts(v ->> '$.time')", "ts(json_extract(v ->> '$.sale', '$.x'))").replace(/\[example[^]*/, '');
  check(broken !== till, 'a broken mapping');
  s.connector('own', broken);
  fs.mkdirSync(s.file('sales'));
  fs.writeFileSync(at('a.csv'), HEAD + sale('T1') + sale('T2'));
  fs.writeFileSync(at('b.csv'), Buffer.concat([Buffer.from(`${HEAD}T3,2026-03-01 10:00:00,MUG,`), Buffer.from([0xd6, 0xd0, 0xce, 0xc4]), Buffer.from(',1,19.90,,19.90,,,,,\n')])); // GB18030
  await s.start();
  await s.until('both are kept', async () => (await s.payloads('counter')).length === 2);
  const [p] = await s.payloads('counter');
  const no = await s.want(422, 'POST', `/v1/payloads/${p.id}/retry`);
  check(no.json.code === 'mapping_failed' && /\[orders\]/.test(no.json.detail), JSON.stringify(no.json));
  await s.stop();
  s.connector('own', till);
  fs.rmSync(s.file('sales'), { recursive: true }); // what was kept is enough
  fs.mkdirSync(s.file('sales'));
  await s.start();
  await s.state('counter', (c) => c.poll.last_ok_at, 'it runs');
  const key = { headers: { 'idempotency-key': 'again-1' } };
  for (const f of await s.payloads('counter')) {
    const a = await s.want(200, 'POST', `/v1/payloads/${f.id}/retry`, f.id === p.id ? key : {});
    same([a.json.id, a.json.state, a.json.orders?.length], [f.id, 'applied', 1], JSON.stringify(a.json));
    if (f.id === p.id) same((await s.want(200, 'POST', `/v1/payloads/${f.id}/retry`, key)).json, a.json, 'the same key, the same answer');
  }
  same(await s.ids('counter'), ['T1', 'T2', 'T3'], 'sales');
  same((await s.payloads('counter')).length, 0, 'nothing is left');
  await s.stop();
  s.connector('own', broken);
  fs.writeFileSync(at('c.csv'), HEAD + sale('T4') + sale('T5'));
  await s.start();
  await s.until('kept', async () => (await s.payloads('counter')).length === 1);
  s.connector('own', till);
  await s.until('mended: it heals by itself', async () => await s.has('counter', 'T4') && await s.has('counter', 'T5'));
  await s.until('nothing is left', async () => (await s.payloads('counter')).length === 0);
  await s.drop();
});

test('more files than are looked up at a time, some taken away meanwhile, some moved in with an old time', async () => {
  const s = new Poller(`[channel counter]\nconnector = till\nfolder = sales\n${QUICK}`), at = (name) => path.join(s.dir, 'sales', name), want = [];
  fs.mkdirSync(s.file('sales'));
  for (let i = 0; i < 10100; i++) {
    const sells = i % 100 === 7 || i > 10050;
    if (sells) want.push(`S${i}`);
    fs.writeFileSync(at(`${String(i * 7919 % 10100).padStart(5, '0')}.csv`), sells ? HEAD + sale(`S${i}`) : '');
  }
  fs.writeFileSync(s.file('old.csv'), HEAD + sale('OLD'));
  fs.utimesSync(s.file('old.csv'), new Date(Date.now() - 5 * 86400000), new Date(Date.now() - 5 * 86400000));
  fs.renameSync(s.file('old.csv'), at('old.csv'));
  want.push('OLD');
  await s.start();
  await s.until('the first', async () => (await s.ids('counter')).length > 0, 20000);
  for (let i = 0; i < 3000; i++) if (i % 100 !== 7) fs.rmSync(at(`${String(i * 7919 % 10100).padStart(5, '0')}.csv`), { force: true });
  await s.until('all of them', async () => (await s.ids('counter')).length >= want.length, 60000);
  same((await s.ids('counter')).length, want.length, 'sales');
  await s.drop();
});
