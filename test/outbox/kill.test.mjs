// kill -9 while delivering: no effect is lost, none has another id or body the second time. And a restored database is silent.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { BINARY, Receiver, Teller, check, hook, outbox, same, test } from './lib.mjs';

// Kills fall before the call, while it is under way, after the receiver has it, and after it was noted.
test('kill -9 at every moment of a delivery: nothing lost, the same ids again', async () => {
  let s, kill = null, seen = 0;
  const moments = {
    'when the call comes': (c, res) => { kill(); return true; },
    'when the receiver has it': (c, res) => { c.take(); kill(); return true; },
    'when it has answered': (c, res) => { c.take(); res.writeHead(204).end(() => kill()); return true; },
    'some calls later': (c, res) => { if (++seen % 7) return false; kill(); return true; },
  };
  const r = await new Receiver().start();
  s = new Teller(outbox() + hook('erp', r));
  let n = 0;
  for (let round = 0; round < 3; round++) {
    for (const [name, play] of Object.entries(moments)) {
      await s.start();
      let died;
      const over = new Promise((done) => { died = done; });
      kill = () => { if (s.over) return; s.child.kill('SIGKILL'); died(); };
      r.play = play;
      const ids = await s.orders(8).catch(() => []);
      n += ids.length;
      if (ids.length) await s.hold(ids[0], 2).catch(() => {});
      await Promise.race([over, s.until(`a kill ${name}`, () => s.over, 20000)]);
      r.play = (c, res) => { res.destroy(); return true; }; // what the dead one still had in the air
      await s.exited;
    }
  }
  r.play = null;
  await s.start();
  await s.told(r, 60000);
  await s.settled();
  check(n > 0 && r.ledger.size >= n, `${n} orders, ${r.ledger.size} events`);
  same(await s.effects('state=dead'), [], 'none is dead');
  await s.drop();
  r.stop();
});

test('kill -9 at any time under load', async () => {
  const r = await new Receiver((c, res) => { c.take(); setTimeout(() => res.writeHead(204).end(), 5); return true; }).start();
  const s = new Teller(outbox() + hook('erp', r, 'at_once = 8') + hook('second', r.url.replace('/in', '/second')));
  let turn = 12345;
  for (let i = 0; i < 8; i++) {
    await s.start();
    const work = (async () => { for (;;) await s.orders(10); })().catch(() => {});
    const enough = r.calls.length + 5 + (turn = turn * 1103515245 + 12345 >>> 0) % 60;
    await s.until('some were told', () => r.calls.length >= enough, 20000);
    await s.stop('SIGKILL');
    await work;
  }
  await s.start();
  const want = (await s.events()).length * 2; // both webhooks: their effects have ids of their own
  await s.until('all are told', () => r.ledger.size >= want, 60000);
  same(r.ledger.size, want, 'each once per webhook');
  const seqs = new Map();
  for (const e of r.taken) seqs.set(e.seq, (seqs.get(e.seq) ?? 0) + 1);
  check([...seqs.values()].every((v) => v === 2), 'no event was told less or more');
  await s.settled(30000);
  await s.drop();
  r.stop();
});

test('a restored database sends nothing until a person says so, and its new ids are new', async () => {
  const r = await new Receiver((c, res) => { res.writeHead(500).end(); return true; }).start();
  const s = await new Teller(outbox() + hook('erp', r)).start();
  const run = (...args) => spawnSync(BINARY, ['--data', s.dir, ...args], { encoding: 'utf8', timeout: 60000 });
  await s.orders(2);
  await s.until('tried', () => r.calls.length >= 2);
  const backup = `${s.dir}/b.db`;
  same(run('backup', backup).status, 0, 'backup');
  r.play = null;
  await s.orders(3); // lost by the restore
  await s.told(r);
  await s.stop();
  same(run('restore', backup, '--force').status, 0, 'restore');
  const before = r.calls.length, old = new Set(r.ledger.keys());
  await s.start();
  await s.until('healthz says held', async () => (await s.get('/healthz')).json.outbox.held === true);
  same(await s.metric('outbox_held'), 1, 'metrics say it');
  await s.orders(3); // numbers that were given out before are given out again
  await s.until('it looks and looks', async () => (await s.metric('writer_batches_total')) >= 2);
  same(r.calls.length, before, 'nothing is sent');
  const a = run('outbox', 'release', '--json');
  same([a.status, JSON.parse(a.stdout || '{}').was_held], [0, true], `release: ${a.stderr}`);
  const want = (await s.events()).length;
  await s.settled();
  const now = r.calls.slice(before).filter((c) => !old.has(c.id));
  same((await s.get('/healthz')).json.outbox.held, false, 'not held');
  check(now.length > 0 && r.calls.length - before >= want, `${now.length} new ids, ${r.calls.length - before} calls, ${want} events`);
  for (const e of await s.events()) check(r.calls.slice(before).some((c) => c.event.seq === e.seq && c.body.includes(e.entity)), `event ${e.seq} was told`);
  fs.rmSync(backup, { force: true });
  await s.drop();
  r.stop();
});
