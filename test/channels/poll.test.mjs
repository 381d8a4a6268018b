// Polling a platform that behaves, one that does not, and several at once.
import { FAST, GIVEN, Poller, Shop, check, connector, same, same_set, section, sleep, stopShops, test } from './lib.mjs';

let s, good, slow, hung;
test('starts', async () => {
  good = await new Shop().start(), slow = await new Shop().start(), hung = await new Shop().start();
  slow.play = (c, res) => { setTimeout(() => slow.answer(c, res), 400); return true; };
  hung.play = () => true;
  for (let i = 0; i < 7; i++) good.put();
  slow.put(), hung.put();
  s = await new Poller(section('good', good) + section('slow', slow) + section('hung', hung)).start();
});

test('every page of a window, then what changes', async () => {
  await s.until('seven orders', async () => (await s.ids('good')).length === 7);
  const o = good.put();
  good.put({ id: [...good.orders.keys()][0], state: 'shipped' });
  const run = await s.run('good');
  same([run.created, run.updated, run.failed, run.error], [1, 1, 0, null], 'one new, one changed');
  check(await s.has('good', o.id), 'the new one');
  const c = await s.channel('good');
  check(Date.parse(c.poll.watermark) > Date.now() - 5000 && c.poll.now.breaker === 'closed' && c.poll.error === null, JSON.stringify(c.poll));
});

test('one slow or hung channel never delays another', async () => {
  const began = good.asked.length, from = hung.asked.length, slowly = slow.asked.length;
  for (let i = 0; i < 3; i++) {
    const o = good.put();
    await s.until(`${o.id}, while another hangs`, async () => await s.has('good', o.id), 4000);
  }
  check(good.asked.length - began >= 3, 'good is polled on');
  await s.until('hung is asked too', () => hung.asked.length > from, 5000);
  await s.until('slow is asked too', () => slow.asked.length > slowly, 5000);
  same((await s.ids('slow')).length, 1, 'the slow one arrives');
  const c = await s.state('hung', (x) => x.poll.error, 'its error');
  same([c.poll.error.kind, c.poll.error.code, c.orders], ['retry', 'no_answer', 0], 'it says that nobody answers');
});

test('the breaker opens after five failures, and closes when the platform is back', async () => {
  await s.state('hung', (x) => x.poll.now.breaker === 'open', 'the breaker opens', 15000);
  hung.play = null;
  await s.state('hung', (x) => x.orders === 1 && !x.poll.error && x.poll.failures === 0 && x.poll.now.breaker === 'closed', 'it heals by itself');
});

test('an error says what was asked and answered, without secrets', async () => {
  good.play = (c, res) => {
    good.send(res, 400, { message: `token ${good.access} of ${'key'} ${'plain/key+with=signs&0123456789'} phone 13900001111`, nothing: 'x'.repeat(3000) });
    return true;
  };
  const run = await s.run('good');
  good.play = null;
  const e = run.error;
  same([e?.kind, e?.status], ['refused', 400], 'kind and status');
  check(/^GET http:\/\/127\.0\.0\.1:\d+\/orders\?/.test(e.request) && e.request.includes('sign=***') && e.request.includes('token=***'), `request: ${e.request}`);
  check(e.answer.includes('***') && !/13900001111|access-fictional|with=signs/.test(JSON.stringify(e)), `answer: ${e.answer}`);
  check(e.answer.length < 700, 'not all of it');
  await s.state('good', (x) => !x.poll.error, 'the error is gone with the next good run');
});

test('429 with Retry-After is honoured', async () => {
  let refused = 0, next = 0;
  good.play = (c, res) => {
    if (!refused) { refused = Date.now(); good.send(res, 429, '{}', { 'retry-after': '2' }); return true; }
    next ||= Date.now();
    return false;
  };
  await s.sync('good');
  await s.until('it asks again', () => next, 6000);
  good.play = null;
  check(next - refused >= 1900, `asked again after ${next - refused} ms`);
  same((await s.channel('good')).poll.failures, 0, 'no failure');
});

test('a wish goes before a wait of an hour', async () => {
  good.play = (c, res) => { good.send(res, 429, '{}', { 'retry-after': '3600' }); return true; };
  await s.sync('good');
  await s.state('good', (x) => x.poll.now.phase === 'waiting', 'it waits');
  good.play = null;
  const o = good.put();
  await s.sync('good');
  await s.until('the wish is heard', async () => await s.has('good', o.id), 5000);
});

test('channel_stale opens and settles', async () => {
  good.play = (c, res) => { good.send(res, 400, {}); return true; };
  const mine = async () => (await s.exceptions('channel_stale')).filter((e) => e.channel === 'good');
  await s.until('channel_stale', async () => (await mine()).length === 1, 15000);
  const [e] = await mine();
  same([e.data.kind, e.data.status, e.owner], ['refused', 400, 'admin'], 'it says why');
  good.play = null;
  await s.until('it settles', async () => !(await mine()).length, 5000);
});

test('the same page for ever ends, and is said', async () => {
  for (const [what, page] of [['with rows', { orders: [good.put()], next: '1' }], ['without rows', { orders: [], next: 'again' }]]) {
    const from = good.asked.length;
    good.play = (c, res) => { if (c.path !== '/orders') return false; good.send(res, 200, page); return true; };
    const c = await s.state('good', (x) => x.poll.error?.code === 'repeated_page', `the same page ${what}`);
    good.play = null;
    check(c && good.asked.length - from < 40, `${what}: ${good.asked.length - from} calls`);
    await s.state('good', (x) => !x.poll.error, 'and heals');
  }
});

test('a poison order never blocks its page; the mended mapping heals one, all, and by itself', async () => {
  const bad = [good.put({ total: 'much' }), good.put({ state: 'lost' }), good.put({ id: '', sku: 'X' })], fine = good.put();
  await s.until('the good one of the page', async () => await s.has('good', fine.id));
  const failed = await s.payloads('good');
  same(failed.length, 3, 'three failed payloads');
  for (const p of failed) {
    const one = (await s.want(200, 'GET', `/v1/payloads/${p.id}`)).json;
    check(p.error?.code && one.body?.includes('"order":{"id"'), `with reasons and bytes: ${JSON.stringify(one)}`);
  }
  same((await s.exceptions('mapping_failed')).filter((e) => e.channel === 'good').length, 3, 'mapping_failed');
  await s.run('good');
  same((await s.payloads('good')).length, 3, 'once, however often they come');
  for (const p of failed) {
    const again = (await s.want(422, 'POST', `/v1/payloads/${p.id}/retry`)).json;
    check(again?.code, `a retry before it is mended: ${JSON.stringify(again)}`);
  }
  // mended for one of them
  s.connector('plain', connector({ orders: connector().match(/\[orders\][^]*?(?=\n\n\[)/)[0].replaceAll("money(value ->> '$.total')", "iif(value ->> '$.total' = 'much', '99.00', money(value ->> '$.total'))") }));
  await s.until('the file heals what it can by itself', async () => (await s.payloads('good')).length === 2, 8000);
  check(await s.has('good', bad[0].id), 'it is an order now');
  same((await s.exceptions('mapping_failed')).filter((e) => e.channel === 'good').length, 2, 'its exception is settled');
  for (const o of bad) good.orders.delete(o.id);
});

test('more failed payloads than one step of healing takes', async () => {
  const all = [];
  for (let i = 0; i < 130; i++) all.push(good.put({ state: 'lost' }));
  await s.until('they fail', async () => (await s.channel('good')).failed_payloads >= 130);
  s.connector('plain', connector({ orders: connector().match(/\[orders\][^]*?(?=\n\n\[)/)[0].replaceAll("value ->> '$.state'", "replace(value ->> '$.state', 'lost', 'cancelled')") }));
  await s.until('all heal', async () => (await s.channel('good')).failed_payloads <= 3, 15000);
  check(await s.has('good', all[129].id), 'the last of them');
  s.connector('plain', connector());
  for (const o of all) good.orders.delete(o.id);
  await s.until('the first file again', () => s.log.split('its connector was read again').length > 3, 8000);
});

test('pause and resume; a wish while paused', async () => {
  same((await s.want(200, 'POST', '/v1/channels/slow/pause')).json, { channel: 'slow', paused: true }, 'paused');
  await s.state('slow', (x) => x.poll.now.phase === 'paused', 'phase');
  const from = slow.asked.length, o = slow.put();
  await sleep(1500); // longer than `every`: nothing must happen
  same(slow.asked.length, from, 'no call while paused');
  await s.sync('slow');
  await s.until('a wish still polls', async () => await s.has('slow', o.id));
  same((await s.channel('slow')).poll.paused, true, 'it stays paused');
  const later = slow.put();
  await s.want(200, 'POST', '/v1/channels/slow/resume');
  await s.until('resumed', async () => await s.has('slow', later.id));
  same((await s.want(404, 'POST', '/v1/channels/nosuch/pause')).json.code, 'channel_not_found', 'an unknown channel');
  await s.want(404, 'POST', '/v1/channels/nosuch/sync');
});

test('a pause ends a run that is under way', async () => {
  for (let i = 0; i < 30; i++) slow.put({ changed: Date.now() - 500 }); // ten pages of 0.4 s
  await s.sync('slow');
  const from = slow.asked.length;
  await s.until('it walks', () => slow.asked.length > from + 1);
  await s.want(200, 'POST', '/v1/channels/slow/pause');
  const at = slow.asked.length;
  await s.state('slow', (x) => x.poll.now.phase === 'paused', 'it stops', 2500);
  check(slow.asked.length - at <= 2, `${slow.asked.length - at} calls after the pause`);
  slow.play = null;
  await s.want(200, 'POST', '/v1/channels/slow/resume');
  await s.until('nothing is lost by it', async () => (await s.ids('slow')).length === slow.orders.size);
});

test("the platform's clock is measured and followed", async () => {
  const ahead = await new Shop({ skew: 3600000 }).start();
  const p = await new Poller(section('ahead', ahead)).start();
  ahead.put();
  await p.until('its order', async () => (await p.ids('ahead')).length === 1);
  const c = await p.channel('ahead');
  check(Math.abs(c.poll.skew_ms - 3600000) < 3000, `skew ${c.poll.skew_ms}`);
  check(Date.parse(c.poll.watermark) > Date.now() + 3500000, 'the watermark is of its clock');
  ahead.skew = -1800000;
  ahead.put();
  await p.state('ahead', (x) => Math.abs(x.poll.skew_ms + 1800000) < 3000 && !x.poll.error, 'set back');
  await p.drop();
});

test('a wish and a secret with an Idempotency-Key are done once, and answered the same again', async () => {
  const shop = await new Shop().start();
  const p = await new Poller(section('shop', shop).replace('every = 1s', 'every = 1h')).start();
  await p.state('shop', (c) => c.poll?.last_ok_at, 'first run');
  const runs = async () => (await p.channel('shop')).runs.length, key = (k) => ({ headers: { 'idempotency-key': k } }), before = await runs();
  const a = await p.want(202, 'POST', '/v1/channels/shop/sync', key('sync-1'));
  await p.until('a run', async () => await runs() === before + 1);
  same((await p.want(202, 'POST', '/v1/channels/shop/sync', key('sync-1'))).text, a.text, 'the same key, the same answer');
  same((await p.want(422, 'POST', '/v1/channels/shop/sync', { ...key('sync-1'), body: {} })).json.code, 'key_reused', 'another body');
  same((await p.want(422, 'POST', '/v1/channels/shop/pause', key('sync-1'))).json.code, 'key_reused', 'another address');
  same(await runs(), before + 1, 'polled once');
  await p.want(202, 'POST', '/v1/channels/shop/sync', key('sync-2'));
  await p.until('another key, another run', async () => await runs() === before + 2);
  const set = (value, k) => p.raw('POST', '/v1/channels/shop/secrets', { ...key(k), body: { name: 'key', value }, token: null, socket: true });
  same([(await set('a-new-key', 's-1')).status, (await set('a-new-key', 's-1')).status], [200, 200], 'a secret, twice');
  same([(await set('an other', 's-1')).status, (await set('a-third-key', 's-2')).status], [422, 200], 'another value');
  same((await set('a-new-key', 's-1')).status, 200, 'the old answer');
  const of = await p.state('shop', (c) => c.poll.error?.code === 'bad_sign', 'the third is in use');
  check(of, 'in use');
  await p.drop();
});

test('stops cleanly', async () => { same(await s.drop(), { code: 0, signal: null }); stopShops(); });
