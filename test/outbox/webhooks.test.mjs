// Webhooks: signed, once per id, in order per entity, whatever the receiver does; nobody waits for another.
import { Receiver, Teller, check, hook, outbox, same, sleep, test } from './lib.mjs';

test('every event once, signed, in order, with nothing personal', async () => {
  const r = await new Receiver().start();
  const s = await new Teller(outbox() + hook('erp', r)).start();
  const ids = await s.orders(30);
  for (const id of ids.slice(0, 6)) await s.hold(id, 3);
  await s.told(r);
  const one = r.taken[0];
  same(Object.keys(one), ['id', 'type', 'at', 'seq', 'entity', 'data'], 'a thin body');
  check(!r.calls.some((c) => /张三|139\d{8}|文三路/.test(c.body)), 'nothing personal');
  same(r.calls.length, r.ledger.size, 'none was sent twice');
  await s.settled();
  same(await s.effects('state=dead'), [], 'none is dead');
  check((await s.effects('state=done')).length > 0, 'done ones can be seen');
  await s.until('healthz', async () => JSON.stringify((await s.get('/healthz')).json.outbox) === '{"held":false,"waiting":0,"dead":0}');
  check(await s.metric('outbox_calls_total{destination="webhook:erp",outcome="accepted"}') === r.calls.length, 'counted');
  await s.drop();
  r.stop();
});

// Takes and hangs, takes and breaks off, breaks off before, says no, drips, never ends, sends elsewhere.
const tricks = [
  (c) => { c.take(); return true; },
  (c, res) => { c.take(); res.destroy(); return true; },
  (c, res) => { res.destroy(); return true; },
  (c, res) => { res.writeHead(500).end('no'); return true; },
  (c, res) => { c.take(); res.writeHead(500).end('after the fact'); return true; },
  (c, res) => { c.take(); res.writeHead(200, { 'content-length': '1000000' }); res.write('x'); return true; },
  (c, res) => { c.take(); res.writeHead(200); const more = () => { while (!res.destroyed && res.write('x'.repeat(65536))); }; res.on('drain', more); more(); return true; },
  (c, res) => { res.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end(); return true; },
  (c, res) => { res.writeHead(400).end(); return true; },
  (c, res) => { res.writeHead(503, { 'retry-after': '0' }).end(); return true; },
  (c, res) => { res.socket.write('HTTP/1.1 200 OK\r\nX: '); res.socket.write(`${'y'.repeat(400000)}\r\n\r\n`); return true; },
  (c, res) => { res.socket.end('nonsense\r\n\r\n'); return true; },
  (c, res) => { c.take(); res.writeHead(200, { 'content-encoding': 'gzip', 'content-length': '10' }).end('not gzip!!'); return true; },
];
test('a hostile receiver: each event counts once in its ledger, in order', async () => {
  let turn = 0;
  const r = await new Receiver((c, res) => (++turn % 3 ? tricks[turn * 7 % tricks.length](c, res) : false)).start();
  const s = await new Teller(outbox() + hook('erp', r, 'at_once = 8')).start();
  const ids = await s.orders(25);
  for (const id of ids.slice(0, 4)) await s.hold(id, 2);
  await s.told(r, 90000);
  r.play = null;
  await s.settled(60000);
  same(await s.effects('state=dead'), [], 'none is dead');
  await s.drop();
  r.stop();
});

test('a receiver that hangs delays no other', async () => {
  const hung = await new Receiver(() => true).start(), r = await new Receiver().start();
  const s = await new Teller(outbox() + hook('hung', hung, 'timeout = 5m\nat_once = 3') + hook('erp', r)).start();
  await s.orders(60);
  await s.told(r);
  same(hung.calls.length, 3, 'calls that the hung one holds, and no more');
  same(new Set(hung.calls.map((c) => c.event.entity)).size, 3, 'each about another order');
  const open = (await s.effects('destination=webhook:hung')).filter((e) => e.state === 'sending');
  same(open.length, 3, 'under way');
  hung.stop();
  r.stop();
  same((await s.drop()).code, 0, 'stops all the same');
});

test('gone for good: dead at once, an exception, retried or dropped by a person', async () => {
  const r = await new Receiver((c, res) => { res.writeHead(410).end(); return true; }).start();
  const s = await new Teller(outbox() + hook('erp', r)).start();
  await s.orders(3);
  await s.until('three dead', async () => (await s.effects('state=dead')).length >= 3);
  const dead = await s.effects('state=dead');
  same(new Set(dead.map((e) => [e.attempts, e.error.kind, e.error.outcome].join())), new Set(['1,http_410,refused']), 'one try each');
  const open = (await s.want(200, 'GET', '/v1/exceptions?state=open&type=effect_dead:webhook:erp')).json.data;
  same(open.length, 1, 'one exception for all of them');
  check(/retry/.test(open[0].data.do), 'it says what to do');
  await s.until('the alarm counts them', async () => (await s.get('/healthz')).json.backlog.effects_dead === dead.length);
  same((await s.post(`/v1/effects/${dead[0].id}/drop`, {})).status, 422, 'a drop has a reason');
  const dropped = (await s.want(200, 'POST', `/v1/effects/${dead[0].id}/drop`, { body: { reason: 'not wanted' } })).json;
  same([dropped.state, dropped.due_at], ['dropped', null], 'dropped');
  same((await s.post(`/v1/effects/${dead[0].id}/drop`, { reason: 'again' })).json.code, 'not_waiting', 'once');
  same((await s.post(`/v1/effects/${dead[0].id}/retry`, {})).json.code, 'not_dead', 'and not made again');
  same((await s.post('/v1/effects/e_999999/retry', {})).json.code, 'effect_not_found', 'unknown');
  same((await s.get('/v1/effects?state=lost')).status, 400, 'an unknown state');
  r.play = null;
  const first = (await s.want(200, 'POST', `/v1/effects/${dead[1].id}/retry`, { body: { if_version: dead[1].version } })).json;
  check(first.state === 'waiting' && first.attempts === 0, 'it waits anew');
  await s.until('it is done', async () => (await s.get(`/v1/effects/${dead[1].id}`)).json.state === 'done');
  same((await s.post(`/v1/effects/${dead[1].id}/retry`, {})).status, 409, 'done ones are done');
  same((await s.want(200, 'POST', '/v1/effects/retry', { body: { destination: 'webhook:erp' } })).json, { retried: dead.length - 2, skipped: 0, left: false }, 'all others');
  await s.until('all done', async () => r.ledger.size === dead.length - 1);
  same((await s.want(200, 'GET', '/v1/exceptions?state=open&type=effect_dead:webhook:erp')).json.data, [], 'the exception is over');
  await s.drop();
  r.stop();
});

test('Retry-After keeps the destination alone for that long', async () => {
  let asked = 0;
  const r = await new Receiver((c, res) => { if (asked++) return false; res.writeHead(429, { 'retry-after': '2' }).end(); return true; }).start();
  const s = await new Teller(outbox() + hook('erp', r, 'at_once = 1')).start();
  await s.orders(1);
  await s.until('the first try', () => asked === 1);
  let e;
  await s.until('it waits', async () => { e = (await s.effects('state=waiting')).find((x) => x.attempts === 1); return e; });
  check(Date.parse(e.due_at) - Date.parse(e.sent_at) >= 2000, `due ${e.due_at}, sent ${e.sent_at}`);
  await s.told(r);
  let done;
  await s.until('it is noted', async () => { done = (await s.effects('state=done')).find((x) => x.id === e.id); return done; });
  check(Date.parse(done.sent_at) >= Date.parse(e.due_at), 'not before it was due');
  await s.drop();
  r.stop();
});

test('five failures in a row open the breaker: the receiver is left alone, then tried by one call', async () => {
  const r = await new Receiver((c, res) => { res.writeHead(500).end(); return true; }).start();
  const s = await new Teller(outbox().replace('breaker = 100ms\nbreaker_most = 200ms', 'breaker = 1h\nbreaker_most = 1h') + hook('erp', r, 'at_once = 1')).start();
  await s.orders(40);
  await s.until('the breaker is open', async () => (await s.metric('outbox_breaker_open{destination="webhook:erp"}')) === 1);
  same(r.calls.length, 5, 'calls before it opened');
  await sleep(2500); /* more than one look of the deliverer */
  same(r.calls.length, 5, 'and none after');
  check(/left alone/.test(s.log), 'the log says it');
  r.play = null;
  const [e] = await s.effects('state=waiting');
  await s.want(200, 'POST', `/v1/effects/${e.id}/retry`, { body: {} }); // a person's wish goes before the wait
  await s.told(r);
  await s.drop();
  r.stop();
});

test('what is waiting is told after a restart, with the same ids; SIGHUP adds webhooks', async () => {
  const r = await new Receiver((c, res) => { res.writeHead(500).end(); return true; }).start();
  const conf = outbox() + hook('erp', r);
  const s = await new Teller(conf).start();
  await s.orders(5);
  await s.until('it was tried', () => r.calls.length >= 3);
  await s.stop();
  const before = new Set(r.calls.map((c) => c.id));
  r.play = null;
  await s.start();
  await s.told(r);
  check([...before].every((id) => r.ledger.has(id)), 'ids stay');
  const late = await new Receiver().start(), { writeFileSync } = await import('node:fs');
  writeFileSync(s.file('orderd.conf'), conf + hook('late', late));
  s.child.kill('SIGHUP');
  await s.until('read again', () => /read again/.test(s.log));
  const had = (await s.events()).length;
  await s.orders(2);
  await s.told(r);
  await s.until('the new one hears the new ones', () => late.ledger.size === r.ledger.size - had);
  writeFileSync(s.file('orderd.conf'), conf + hook('late', late).replace(/secret = .*/, 'secret = short'));
  s.child.kill('SIGHUP');
  await s.until('refused', () => /not taken, the old one stays/.test(s.log));
  r.play = (c, res) => { res.writeHead(500).end(); return true; };
  await s.orders(1);
  await s.until('one waits', async () => (await s.effects('destination=webhook:erp&state=waiting')).length > 0);
  writeFileSync(s.file('orderd.conf'), outbox() + hook('late', late));
  s.child.kill('SIGHUP');
  await s.until('nobody there takes it', async () => (await s.effects('destination=webhook:erp&state=waiting'))[0]?.error?.kind === 'no_destination');
  await s.drop();
  r.stop();
  late.stop();
});
