// Tokens: renewed once, by one run at a time, kept sealed, and told when they are worth nothing.
import { spawnSync } from 'node:child_process';
import { BINARY, Poller, REFRESH, Shop, check, same, section, stopShops, test } from './lib.mjs';

let s, shop;
const auth = async () => (await s.exceptions('channel_auth')).filter((e) => e.channel === 'shop');
const fresh = async (what) => { const o = shop.put(); return s.until(what, async () => await s.has('shop', o.id)); };
test('starts', async () => {
  shop = await new Shop().start();
  s = await new Poller(section('shop', shop)).start();
  await fresh('with the configured token');
  same(shop.refreshes, 0, 'no need yet');
});

test('a token that the platform ended is renewed once, and the run goes on', async () => {
  shop.access = 'ended-by-the-platform';
  await fresh('after a renewal');
  same(shop.refreshes, 1, 'once');
  same(await auth(), [], 'nobody is called');
  await s.run('shop');
  same(shop.refreshes, 1, 'still once');
});

test('the renewed one is kept over a restart, whatever the configuration says', async () => {
  await s.stop();
  await s.start();
  await fresh('after the restart');
  same(shop.refreshes, 1, 'not renewed again');
});

test('before its end, when its life is known', async () => {
  shop.life = 1500, shop.access = 'ended-again';
  await fresh('renewed');
  const from = shop.asked.length, was = shop.refreshes;
  await s.until('and again by itself', () => shop.refreshes >= was + 2, 8000);
  same((await s.channel('shop')).poll.error, null, 'no error');
  check(shop.asked.slice(from).filter((c) => c.path === '/orders').every((c) => c.query.get('token') !== REFRESH), 'no wrong token');
  shop.life = 3600000;
});

test('a renewal that fails for a moment is no matter for a person', async () => {
  let failed = 0;
  shop.access = 'ended-a-third-time';
  shop.play = (c, res) => { if (c.path !== '/token' || failed >= 3) return false; failed++; shop.send(res, 502, 'bad gateway'); return true; };
  await fresh('after three failures');
  shop.play = null;
  same([failed, await auth()], [3, []], 'tried again');
});

test('the configuration read again during a renewal does not lose the tokens', async () => {
  const held = [];
  shop.access = 'ended-a-fourth-time';
  shop.play = (c, res) => { if (c.path !== '/token') return false; held.push([c, res]); return true; };
  await s.until('it renews', () => held.length);
  s.child.kill('SIGHUP');
  await s.until('read again', () => s.log.includes('the configuration was read again'));
  shop.play = null;
  shop.answer(...held[0]);
  await fresh('with the token of that renewal');
  same([held.length, await auth()], [1, []], 'asked once');
});

test('neither does a stop', async () => {
  const held = [];
  shop.access = 'ended-a-fifth-time';
  shop.play = (c, res) => { if (c.path !== '/token') return false; held.push([c, res]); return true; };
  await s.until('it renews', () => held.length);
  const over = s.stop();
  await s.until('it stops', () => s.log.includes('stopping'));
  shop.play = null;
  shop.answer(...held[0]);
  same(await over, { code: 0, signal: null }, 'ends');
  const was = shop.refreshes;
  await s.start();
  await fresh('with the token that came last');
  same([shop.refreshes, await auth()], [was, []], 'kept');
});

test('channel_auth opens when renewing is refused, and a new secret settles it, even while a run hangs', async () => {
  shop.access = 'ended-for-good', shop.refresh = 'refresh-by-a-person-77';
  await s.until('channel_auth', async () => (await auth()).length === 1);
  const [e] = await auth();
  same([e.owner, e.data.code], ['admin', 'token_used'], 'what it says');
  check(!JSON.stringify(e).includes('refresh-fictional'), 'without the token');
  shop.play = () => true; // a run hangs now
  const from = shop.asked.length;
  await s.until('a run under way', () => shop.asked.length > from);
  const r = spawnSync(BINARY, ['--data', s.dir, 'secret', 'set', 'shop', 'refresh_token'], { input: 'refresh-by-a-person-77\n', encoding: 'utf8' });
  same(r.status, 0, `secret set: ${r.stdout}${r.stderr}`);
  check(!`${r.stdout}${r.stderr}`.includes('person-77'), 'it is not shown');
  shop.play = null;
  await fresh('with the new secret');
  same(await auth(), [], 'settled');
});

test('a secret that is not there is named', async () => {
  const p = await new Poller(section('shop', shop, '', 'access_token = a\nrefresh_token = b\n')).start();
  const c = await p.state('shop', (x) => x.poll?.error, 'an error');
  check(c.poll.error.kind === 'connector' && /key/.test(c.poll.error.message), JSON.stringify(c.poll.error));
  const r = spawnSync(BINARY, ['--data', p.dir, 'secret', 'set', 'shop', 'nosuch'], { input: 'x', encoding: 'utf8' });
  check(r.status !== 0 && !r.stderr.includes('Sanitizer'), 'an unknown name');
  await p.drop();
});
test('stops cleanly', async () => { same(await s.drop(), { code: 0, signal: null }); stopShops(); });
