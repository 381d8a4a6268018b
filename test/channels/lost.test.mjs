// Nothing is lost: not by a kill between a page and its watermark, and what polling cannot see a sweep tells.
import { Poller, Shop, check, same, same_set, section, sleep, stopShops, test } from './lib.mjs';

test('kill -9 between pages: the watermark never goes before its rows', async () => {
  const shop = await new Shop().start();
  const s = new Poller(section('shop', shop, '').replace('overlap', 'overlap'));
  for (let i = 0; i < 60; i++) shop.put({ changed: Date.now() - 60000 + i });
  // page by page, each a little later, so that kills fall everywhere
  for (let kill = 0; kill < 6; kill++) {
    await s.start();
    let pages = 0;
    shop.play = (c, res) => { pages++; setTimeout(() => shop.answer(c, res), 20); return true; };
    await s.until('it walks', () => pages >= 2 + kill * 3);
    await s.stop('SIGKILL');
    shop.put({ changed: Date.now() - 100 });
    shop.play = null;
    await s.start();
    const have = new Set(await s.ids('shop')), c = await s.channel('shop');
    const mark = c.poll?.watermark ? Date.parse(c.poll.watermark) : 0;
    const missing = [...shop.orders.values()].filter((o) => o.changed < mark && !have.has(o.id));
    same(missing.map((o) => o.id), [], `below the watermark after kill ${kill}`);
    await s.stop('SIGKILL');
  }
  await s.start();
  await s.until('all of them', async () => (await s.ids('shop')).length === shop.orders.size);
  same_set(await s.ids('shop'), [...shop.orders.keys()], 'each once');
  await s.drop();
  shop.stop();
});

test('what polling missed a sweep brings, counts and tells', async () => {
  const shop = await new Shop().start(), now = Date.now();
  const s = await new Poller(section('shop', shop, 'sweep = 2s\nsweep_back = 1d\n')).start();
  const o = shop.put({ changed: now - 20000 }), fine = shop.put();
  shop.hidden.add(o.id);
  await s.until('the one that is shown', async () => await s.has('shop', fine.id));
  await s.run('shop');
  shop.play = (c, res) => { if (c.path === '/orders' && Number(c.query.get('to')) - Number(c.query.get('from')) > 3600000) shop.hidden.clear(); return false; };
  await s.until('the hidden one', async () => await s.has('shop', o.id), 15000);
  await s.state('shop', (c) => c.poll.misses === 1 && c.runs.some((r) => r.kind === 'sweep' && r.misses === 1), 'one miss');
  const told = await s.exceptions('poll_missed');
  same(told.map((e) => [e.channel, e.owner, Boolean(e.order)]), [['shop', 'admin', true]], 'poll_missed');
  check(/orderd_channel_misses_total\{channel="shop"[^}]*\} 1\n/.test((await s.raw('GET', '/metrics')).text), 'counted');
  const swept = Date.parse((await s.channel('shop')).poll.swept_at);
  await s.state('shop', (c) => Date.parse(c.poll.swept_at) > swept && c.poll.misses === 1, 'the next sweep finds nothing more', 15000);
  await s.drop();
  shop.stop();
});
