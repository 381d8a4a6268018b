// The pictures of the README, made from a demo that runs: node test/page/shots.mjs URL DIRECTORY
import fs from 'node:fs';
import path from 'node:path';
import { theBrowser } from './lib.mjs';

const [url, dir] = process.argv.slice(2);
const b = await theBrowser();
const signedIn = async (more) => {
  const context = await b.newContext({ viewport: { width: 1280, height: 800 }, timezoneId: 'Asia/Shanghai', ...more.context });
  await context.addInitScript(([l, t]) => { localStorage.setItem('orderd.lang', l); localStorage.setItem('orderd.theme', t); }, [more.lang, more.theme]);
  const page = await context.newPage();
  await page.goto(url);
  await page.fill('input[name=name]', 'demo');
  await page.fill('input[name=password]', 'demo-demo-demo');
  await page.click('button.primary');
  await page.waitForSelector('nav#nav');
  return page;
};
fs.mkdirSync(dir, { recursive: true });
const shot = async (page, hash, name, ready, act) => {
  await page.goto(`${url}/#${hash}`);
  await page.waitForSelector(ready);
  await act?.();
  await page.waitForTimeout(700);
  await page.screenshot({ path: path.join(dir, `${name}.png`) });
};
const en = await signedIn({ lang: 'en', theme: 'light' }), zh = await signedIn({ lang: 'zh', theme: 'dark' });
await shot(en, '/orders?sort=-placed_at', 'orders', 'tbody tr');
await en.click('tbody tr:nth-child(2) td.id a');
await en.waitForSelector('ol.timeline li');
await en.waitForTimeout(500);
await en.screenshot({ path: path.join(dir, 'order.png') });
await shot(en, '/dashboard', 'dashboard', 'svg.chart rect');
const f = await en.evaluate(async () => (await (await fetch('/v1/waves/v_1')).json()).fulfilments?.find((x) => x.left)?.id);
await shot(en, `/pack/${f}`, 'pack', '.pack-list');
await shot(zh, '/', 'home-zh', '.cards');
await shot(zh, '/returns?tab=all', 'returns-zh', 'tbody tr');
await b.close();
