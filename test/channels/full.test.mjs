// The disk fills while platforms are polled; wishes come at the same time; the process dies in the middle of a renewal.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BINARY, Poller, Shop, check, same, same_set, section, skip, sleep, stopShops, test } from './lib.mjs';

const filled = (file) => { // to the last byte
  const fd = fs.openSync(file, 'w');
  for (let n = 1 << 20; n >= 1;) {
    try { fs.writeSync(fd, Buffer.alloc(n, 1)); } catch (e) { if (e.code !== 'ENOSPC') throw e; n >>= 1; }
  }
  fs.closeSync(fd);
};

test('a disk that is full to the last byte: nothing counts as read that is not stored, and it goes on by itself', async () => {
  const disk = fs.mkdtempSync(path.join(os.tmpdir(), 'small-')), tmp = process.env.TMPDIR;
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=110m', 'tmpfs', disk]).status !== 0) return skip('no right to mount a small disk');
  process.env.TMPDIR = disk;
  try {
    const shop = await new Shop().start(), all = [], put = (n) => { for (let i = 0; i < n; i++) all.push(shop.put().id); };
    const s = await new Poller(`[data]\ndisk_reserve = 1M\n${section('shop', shop)}`).start();
    process.env.TMPDIR = tmp ?? '', tmp ?? delete process.env.TMPDIR;
    put(5);
    await s.until('before', async () => (await s.orders('shop')).length === 5);
    for (let round = 0; round < 3; round++) {
      put(7);
      filled(path.join(disk, 'ballast'));
      put(7);
      const was = shop.asked.length;
      await sleep(1500);
      const c = await s.channel('shop'), ids = new Set(await s.ids('shop'));
      const lost = [...shop.orders.values()].filter((o) => o.changed < Date.parse(c.poll.watermark) && !ids.has(o.id));
      same(lost.map((o) => o.id), [], `round ${round}: read, says the watermark ${c.poll.watermark}, but not stored`);
      check(s.child.exitCode === null, `it lives: ${s.log.slice(-500)}`);
      fs.rmSync(path.join(disk, 'ballast'));
      await s.until(`round ${round}: all are there by themselves`, async () => (await s.orders('shop')).length === all.length, 20000);
      check(shop.asked.length > was, 'it asked');
    }
    same_set(await s.ids('shop'), all, 'orders');
    await s.state('shop', (x) => !x.poll.error, 'no error stays', 10000);
    same((await s.want(200, 'GET', '/v1/check')).json.findings, [], 'the file is sound');
    await s.drop();
  } finally {
    process.env.TMPDIR = tmp ?? '', tmp ?? delete process.env.TMPDIR;
    spawnSync('umount', ['-l', disk]);
    fs.rmSync(disk, { recursive: true, force: true });
  }
});

test('wishes at the same time: one run at a time, and none is lost', async () => {
  const shop = await new Shop().start(), s = await new Poller(section('shop', shop).replace('every = 1s', 'every = 1h')).start();
  await s.state('shop', (c) => c.poll?.last_ok_at, 'first run');
  let open = 0, most = 0;
  shop.play = (c, res) => {
    if (c.path !== '/orders') return false;
    most = Math.max(most, ++open);
    setTimeout(() => { open--; shop.answer(c, res); }, 100);
    return true;
  };
  const runs = Array.from({ length: 4 }, () => s.raw('POST', '/v1/channels/shop/sync'));
  const env = { ...process.env };
  delete env.ORDERD;
  const cli = [1, 2].map(() => once(spawn(BINARY, ['--data', s.dir, 'channel', 'sync', 'shop'], { stdio: 'ignore', env }), 'exit').then(([code]) => code));
  same([...(await Promise.all(runs)).map((a) => a.status), ...await Promise.all(cli)], [202, 202, 202, 202, 0, 0], 'all are taken');
  const o = shop.put();
  await s.sync('shop');
  await s.until('what came before the last wish', async () => await s.has('shop', o.id));
  same(most, 1, 'runs at a time');
  await s.drop();
});

test('kill -9 in the middle of a renewal', async () => {
  const shop = await new Shop().start(), s = await new Poller(section('shop', shop)).start();
  const fresh = async (what) => { const o = shop.put(); await s.until(what, async () => await s.has('shop', o.id), 10000); };
  await fresh('at first');
  for (const [what, taken] of [['before the platform took it', false], ['after it did, the answer is lost', true]]) {
    let held = null;
    shop.access = `ended-${what}`;
    shop.play = (c, res) => {
      if (c.path !== '/token' || held) return false;
      if (taken) shop.answer(c, { writeHead() {}, end() {} }); // the old refresh token is worth nothing now
      return held = true;
    };
    await s.until('it renews', () => held);
    await s.stop('SIGKILL');
    shop.play = null;
    await s.start();
    if (taken) {
      await s.until('a person is called', async () => (await s.exceptions('channel_auth')).length === 1, 10000);
      const c = await s.channel('shop');
      check(c.poll.error.kind === 'refused' || c.poll.error.kind === 'auth_expired', JSON.stringify(c.poll.error));
      for (const [name, value] of [['access_token', shop.access], ['refresh_token', shop.refresh]])
        same(spawnSync(BINARY, ['--data', s.dir, 'secret', 'set', 'shop', name], { input: `${value}\n`, encoding: 'utf8', env: { ...process.env, ORDERD: '' } }).status, 0, name);
    }
    await fresh(`killed ${what}: it goes on`);
  }
  await s.until('settled', async () => (await s.exceptions('channel_auth')).length === 0);
  await s.drop();
});

test('what is kept is its owner\'s alone', async () => {
  const shop = await new Shop().start(), s = new Poller(section('shop', shop)), was = process.umask(0o022);
  try {
    await s.start();
    const env = { ...process.env, ORDERD: '' }, cli = (words, input) => spawnSync(BINARY, ['--data', s.dir, ...words], { input, encoding: 'utf8', env });
    same(cli(['secret', 'set', 'shop', 'key'], 'sealed-0001\n').status, 0, 'secret set');
    same(cli(['backup', s.file('copy.db')]).status, 0, 'backup');
    const modes = fs.readdirSync(s.dir).map((name) => [name, fs.statSync(s.file(name)).mode & 0o777]);
    for (const [name, mode] of modes.filter(([n]) => /^(orderd\.db|orderd\.sock|admin\.token|secret\.key|copy\.db)/.test(n)))
      if (!fs.statSync(s.file(name)).isDirectory()) same(mode & 0o077, 0, `${name} is ${mode.toString(8)}`);
    check(modes.some(([n]) => n === 'secret.key') && modes.some(([n]) => n === 'copy.db') && modes.some(([n]) => n === 'copy.db.key'), modes.map(([n]) => n).join());
  } finally { process.umask(was); }
  await s.drop();
});
test('stops', async () => { stopShops(); });
