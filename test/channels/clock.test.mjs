// The host's clock is set by hours, or the machine was off: polling goes on, and nothing is missed.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { HERE, Poller, Shop, check, same, section, skip, sleep, stopShops, test } from './lib.mjs';

const HOUR = 3600000, dir = fs.mkdtempSync(path.join(os.tmpdir(), 'clock-')), shim = path.join(dir, 'clock.so');
const has = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, path.join(HERE, 'clock.c')]).status === 0;
let serial = 0;
function clocked(conf, files) {
  const file = path.join(dir, `by-${++serial}`);
  fs.writeFileSync(file, Buffer.alloc(8));
  const s = new Poller(conf, files, { env: { LD_PRELOAD: shim, CLOCK_FILE: file, ASAN_OPTIONS: `verify_asan_link_order=0:${process.env.ASAN_OPTIONS ?? ''}` } });
  const fd = fs.openSync(file, 'r+'), bytes = Buffer.alloc(8);
  s.clock = (ms) => { bytes.writeBigInt64LE(BigInt(ms)); fs.writeSync(fd, bytes, 0, 8, 0); };
  return s;
}
// A platform that does not mind what time it is told.
const easy = async () => {
  const shop = await new Shop().start();
  shop.signed = () => true;
  shop.play = (c) => { if (c.query.has('time')) c.query.set('time', String(shop.now())); return false; };
  return shop;
};

for (const [what, make] of [['a platform that checks the time', () => new Shop().start()], ['a platform that does not', easy]]) {
  test(`the clock is set forward and back by hours: ${what}`, async () => {
    if (!has) return skip('no cc');
    const shop = await make(), s = await clocked(section('shop', shop)).start();
    const came = async (when) => { const o = shop.put(); await s.until(`an order ${when}`, async () => await s.has('shop', o.id), 8000); };
    await came('at first');
    for (const by of [5 * HOUR, 0, -5 * HOUR, 0, 400 * HOUR, 0]) {
      s.clock(by);
      await came(`after the clock was set to ${by / HOUR} h`);
      await came('and a second');
      const c = await s.channel('shop');
      check(Date.parse(c.poll.watermark) < Date.now() + 3000, `${by / HOUR} h: the watermark ${c.poll.watermark} is in the future`);
    }
    same((await s.payloads('shop')).length, 0, 'nothing failed');
    await s.drop();
  });
}

test('a till, whose only clock is ours', async () => {
  if (!has) return skip('no cc');
  const s = clocked('[channel counter]\nconnector = till\nfolder = sales\nevery = 1s\nsettle = 0s\noverlap = 2s\nstart = 1d\n');
  let n = 0;
  fs.mkdirSync(s.file('sales'));
  const came = async (when) => {
    const no = `C${++n}`;
    fs.writeFileSync(s.file(`sales/${no}.csv`), `sale,time,sku,article,pieces,price,discount,paid,name,phone,address,note,state\n${no},2026-03-01 10:00:00,MUG,Mug,1,19.90,,19.90,,,,,\n`);
    await s.until(`a sale ${when}`, async () => await s.has('counter', no), 8000);
  };
  await s.start();
  await came('at first');
  for (const by of [5 * HOUR, 0]) {
    s.clock(by);
    await came(`after the clock was set to ${by / HOUR} h`);
  }
  await s.drop();
});

test('a run that hangs, from the first on or later, is told of; who was off is not late', async () => {
  if (!has) return skip('no cc');
  const shop = await new Shop().start(), s = clocked(section('shop', shop).replace('timeout = 500ms', 'timeout = 1h'));
  const stale = (state) => s.exceptions('channel_stale', state);
  let hangs = true;
  shop.play = (c) => hangs && c.path === '/orders';
  await s.start();
  await s.until('it asks', () => shop.asked.length > 0);
  await sleep(1500);
  same((await stale('open')).length, 0, 'not at once');
  s.clock(10 * 60000);
  await s.until('it never had a good run', async () => (await stale('open')).length === 1, 8000);
  hangs = false;
  await s.stop();
  await s.start();
  await s.until('a good run settles it', async () => (await stale('open')).length === 0, 8000);
  await s.state('shop', (c) => c.poll.last_ok_at && !c.poll.error, 'good');
  hangs = true;
  const from = shop.asked.length;
  await s.until('it asks again', () => shop.asked.length > from);
  s.clock(20 * 60000);
  await s.until('it hangs', async () => (await stale('open')).length === 1, 8000);
  const e = (await stale('open'))[0];
  same([e.channel, /No good run since/.test(JSON.stringify(e))], ['shop', true], JSON.stringify(e));
  hangs = false;
  await s.stop();
  await s.start();
  await s.until('settled', async () => (await stale('open')).length === 0, 8000);
  await s.stop();
  const told = (await (async () => { s.clock(20 * 60000 + 30 * HOUR); shop.play = (c, res) => { shop.send(res, 503, 'down'); return true; }; await s.start(); return s; })()) && (await stale('resolved')).length;
  await s.state('shop', (c) => c.poll.error && c.poll.now.breaker !== 'closed', 'a day later, the platform is down for a moment');
  same([(await stale('open')).length, (await stale('resolved')).length], [0, told], 'off is not late');
  shop.play = null;
  await s.state('shop', (c) => !c.poll.error, 'good again');
  await s.drop();
});
test('stops', async () => { stopShops(); fs.rmSync(dir, { recursive: true }); });
