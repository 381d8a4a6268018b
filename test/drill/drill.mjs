// The drill: orderd polls simulated platforms over HTTP while everything goes wrong that the simulator knows, is killed
// every few seconds, and is off for three days of the platforms' time. Afterwards nothing is missed, nothing is there
// twice, every status is the platform's and the groups are those of the truth.
//   node test/drill/drill.mjs [--orders N] [--seed S] [--seeds K] [--kills K] [--platforms a,b] [--keep] [--slice]
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Process, Shop, ask, check, compareGroups, compareOrders, rng, settled, sums, words } from './lib.mjs';

const args = words();
const slice = 'slice' in args;
const options = {
  orders: Number(args.orders ?? (slice ? 2000 : 37000)), seed: Number(args.seed ?? 1), seeds: Number(args.seeds ?? 1),
  kills: Number(args.kills ?? (slice ? 4 : 12)), off: slice ? 1 : 3,
  platforms: args.platforms ?? 'shopee,lazada,taobao,douyin,pinduoduo,shopify',
};
const DAY = 86400000;

async function drill(seed) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-drill-')), random = rng(seed), begun = Date.now();
  const conf = path.join(dir, 'sim.conf');
  const sim = new Process(['sim', '--listen', '127.0.0.1:0', '--platforms', options.platforms, '--orders', String(options.orders), '--days', '2', '--seed', String(seed),
    '--rate', slice ? '0.01' : '0.05', '--changes', slice ? '0.02' : '0.05', '--duplicates', '0.05', '--reorder', '0.05', '--late-cancel', '0.01', '--timeouts', '0.02', '--errors', '0.01', '--html', '0.002',
    '--truncated', '0.002', '--same-page', '0.002', '--rate-limit', '0.002', '--token-life', '45s', '--no-limits', '--config', conf], /"control":\s*"([^"]+)"/, path.join(dir, 'sim.log'));
  const shop = new Shop(dir);
  try {
    const control = await sim.ready;
    const post = (what, body = {}) => ask(control + what, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
    fs.mkdirSync(shop.data);
    const more = 'every = 1s\nbackoff = 50ms\nbackoff_most = 500ms\nbreaker = 300ms\nbreaker_most = 1s\ntimeout = 1s\nmax_rps = 0\nsweep = 1h\n';
    fs.writeFileSync(path.join(shop.data, 'orderd.conf'), fs.readFileSync(conf, 'utf8').replace(/^(\[channel [^\]]+\])$/gm, `$1\n${more}`));
    const kill = async (times) => {
      for (let i = 0; i < times; i++) {
        await shop.start();
        await sleep((slice ? 500 : 1500) + random() * (slice ? 1500 : 3500));
        await shop.p.stop('SIGKILL');
      }
    };
    await kill(options.kills >> 1);
    for (let d = 0; d < options.off; d++) await post('/sim/advance', { ms: DAY });
    await kill(options.kills - (options.kills >> 1));
    await post('/sim/stop-changes');
    await post('/sim/faults', slice ? {} : { timeouts: 0.005 });
    const { now } = await ask(`${control}/sim/state`);
    const frozen = typeof now === 'number' ? now : Date.parse(now);
    await post('/sim/advance', { ms: 15 * 60000 });
    await shop.start();
    const late = await settled(shop, frozen, slice ? 60000 : 300000);
    check(!late, `seed ${seed}: every channel is read to the end: ${late}`);
    const truth = await ask(`${control}/sim/truth`), orders = await shop.all('/v1/orders?sort=id');
    if ('keep' in args) fs.writeFileSync(path.join(dir, 'truth.json'), JSON.stringify(truth));
    const { missed, twice, wrong, more: unknown } = compareOrders(truth, orders), groups = compareGroups(truth, orders);
    const total = truth.channels.reduce((n, c) => n + c.orders.length, 0);
    check(!missed.length, `seed ${seed}: ${missed.length} of ${total} orders missed: ${missed.slice(0, 5)}`);
    check(!twice.length && !unknown.length, `seed ${seed}: ${twice.length} twice, ${unknown.length} unknown to the truth: ${[...twice, ...unknown].slice(0, 5)}`);
    check(!wrong.length, `seed ${seed}: ${wrong.length} of another state: ${wrong.slice(0, 5).join('; ')}`);
    check(!groups.missing.length, `seed ${seed}: ${groups.missing.length} of ${groups.want} groups missing: ${groups.missing.slice(0, 3)}`);
    check(!groups.extra.length, `seed ${seed}: ${groups.extra.length} groups that the truth has not: ${groups.extra.slice(0, 3)}`);
    const misses = (await shop.get('/v1/channels')).data.reduce((n, c) => n + (c.poll?.misses ?? 0), 0);
    check(misses === 0, `seed ${seed}: sweeps found ${misses} misses`);
    const { shops } = await ask(`${control}/sim/state`);
    for (const s of shops) {
      check(s.bad_signatures === 0, `seed ${seed}: ${s.name} met ${s.bad_signatures} wrong signatures`);
      const merges = Object.entries(s.calls).filter(([call]) => /merge/.test(call)).reduce((n, [, k]) => n + k, 0);
      if (['taobao', 'douyin', 'pinduoduo'].includes(s.platform)) check(merges > 0, `seed ${seed}: ${s.name} was never asked who belongs together`);
    }
    const proof = await shop.get('/v1/check');
    check(proof.ok, `seed ${seed}: orderd check: ${JSON.stringify(proof).slice(0, 300)}`);
    console.log(`seed ${seed}: ${total} orders, ${groups.want} groups, ${shop.starts} starts, ${missed.length} missed, ${twice.length} twice, ${((Date.now() - begun) / 1000).toFixed(0)} s`);
  } catch (e) {
    check(false, `seed ${seed}: ${e.stack ?? e}`);
  } finally {
    await shop.p?.stop('SIGKILL');
    await sim.stop('SIGKILL');
    if (!('keep' in args) && !sums.failed) fs.rmSync(dir, { recursive: true, force: true });
    else console.log(`  kept ${dir}`);
  }
}

for (let i = 0; i < options.seeds; i++) await drill(options.seed + i);
console.log(`${sums.passed} passed, ${sums.failed} failed`);
process.exit(sums.failed ? 1 : 0);
