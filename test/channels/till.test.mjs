// Tills: a folder of CSV files, and another program's SQLite database, which is only read.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Poller, check, same, skip, test } from './lib.mjs';

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
