// What the browser tests share: a server with people of every role, pages that note everything that should not happen
// (errors, requests to elsewhere, violations of accessibility, pages wider than the screen), and orders to look at.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { check, endServer, fail, order, same, Server, sleep, test, unique, withServer } from '../http_api/lib.mjs';

const require = createRequire(import.meta.url);
const { chromium } = require('playwright-core');
const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
export { check, endServer, fail, order, same, Server, sleep, test, unique, withServer };

const CHROMIUM = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((f) => fs.existsSync(f));
let browser = null;
export async function theBrowser() {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--font-render-hinting=none'] });
  return browser;
}
export function closeBrowser() { browser?.close().catch(() => {}); browser = null; }

// ---- people ---------------------------------------------------------------------------------------------------------
export const ROLES = ['admin', 'cs', 'warehouse', 'production', 'finance', 'viewer'];
export const PASSWORD = 'open sesame 2026';
export async function addUser(s, name, roles) {
  await s.want(201, 'POST', '/v1/users', { body: { name, roles, password: PASSWORD } });
}
// Two cookies, as a browser would keep them.
export async function signIn(s, name, password = PASSWORD) {
  const a = await s.want(201, 'POST', '/v1/session', { token: null, body: { name, password } });
  return (a.headers['set-cookie'] ?? []).map((c) => { const [, n, v] = /^([^=]+)=([^;]*)/.exec(c); return { name: n, value: v, url: `http://127.0.0.1:${s.port}` }; });
}
const cookies = new WeakMap();
export async function cookiesOf(s, role) {
  if (!cookies.has(s)) cookies.set(s, new Map());
  const m = cookies.get(s);
  if (!m.has(role)) m.set(role, addUser(s, role, role).then(() => signIn(s, role)));
  return m.get(role);
}

// ---- pages ------------------------------------------------------------------------------------------------------------
export const VIEWS = [{ lang: 'en', theme: 'light' }, { lang: 'zh', theme: 'dark' }];
// A page of somebody: page.trouble lists what should not have happened.
export async function openPage(s, role, hash = '#/', { lang = 'en', theme = 'light', width = 1280, height = 900, quiet = false } = {}) {
  const b = await theBrowser();
  const context = await b.newContext({ viewport: { width, height }, locale: lang === 'zh' ? 'zh-CN' : 'en-GB', timezoneId: 'Asia/Shanghai', colorScheme: theme });
  if (role) await context.addCookies(await cookiesOf(s, role));
  await context.addInitScript(([l, t]) => { try { localStorage.setItem('orderd.lang', l); localStorage.setItem('orderd.theme', t); } catch { /* about:blank */ } }, [lang, theme]);
  const page = await context.newPage();
  page.trouble = [];
  page.asked = [];
  page.on('console', (m) => { if (m.type() === 'error' && !(quiet && /Failed to load resource/.test(m.text()))) page.trouble.push(`console: ${m.text()}`); });
  page.on('pageerror', (e) => page.trouble.push(`error: ${e.stack ?? e}`));
  page.on('request', (r) => {
    page.asked.push(r.url());
    if (!r.url().startsWith(`http://127.0.0.1:${s.port}/`) && !/^(data|blob|about):/.test(r.url())) page.trouble.push(`request to elsewhere: ${r.url()}`);
  });
  page.setDefaultTimeout(30000);
  await page.goto(`http://127.0.0.1:${s.port}/${hash}`);
  return page;
}
export async function go(page, hash) {
  await page.evaluate((h) => { location.hash = h; }, hash);
}
export async function settle(page) {
  await page.waitForLoadState('load');
  await page.waitForFunction(() => !document.querySelector('#main .loading') && document.querySelector('h1'), null, { timeout: 30000 });
}
export async function noTrouble(page, what) {
  for (const t of page.trouble) fail(`${what}: ${t}`);
  page.trouble.length = 0;
}
export async function axe(page, what) {
  if (!await page.evaluate(() => !!window.axe)) await page.evaluate(AXE);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '').slice(0, 120)).join(' | ')}`));
  for (const f of found) fail(`${what}: axe ${f}`);
}
export async function fits(page, what) {
  const [wide, screen, who] = await page.evaluate(() => {
    const w = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll('#main *')].filter((e) => e.getBoundingClientRect().right > w + 1 && !e.closest('.table-cards,.scroll,pre,svg')).slice(0, 3).map((e) => e.outerHTML.slice(0, 120));
    return [document.documentElement.scrollWidth, w, out.join(' || ')];
  });
  check(wide <= screen, `${what}: the page is ${wide} wide on a screen of ${screen}: ${who}`);
}
// Every page in both languages and themes, wide and on a phone: no violations, nothing wider than the screen.
export async function looksWell(s, role, hash, name, ready = null) {
  for (const v of VIEWS) {
    const page = await openPage(s, role, hash, v);
    await settle(page);
    if (ready) await page.waitForSelector(ready);
    await axe(page, `${name} ${v.lang} ${v.theme}`);
    const text = await page.evaluate(() => document.body.innerText);
    check(!/undefined|NaN|\[object /.test(text), `${name} ${v.lang}: ${/.{0,40}(undefined|NaN|\[object ).{0,40}/.exec(text)?.[0]}`);
    if (process.env.SHOTS) await page.screenshot({ path: path.join(process.env.SHOTS, `${name}-${v.lang}.png`), fullPage: true });
    await page.setViewportSize({ width: 360, height: 640 });
    await fits(page, `${name} ${v.lang} at 360`);
    if (process.env.SHOTS && v.lang === 'en') await page.screenshot({ path: path.join(process.env.SHOTS, `${name}-360.png`), fullPage: true });
    await noTrouble(page, `${name} ${v.lang}`);
    await page.context().close();
  }
}
// A hand on the keyboard.
export async function press(page, ...keys) { for (const k of keys) await page.keyboard.press(k); }
// A scanner: fast, by key codes, Enter at the end.
export async function scan(page, text, { ime = false } = {}) {
  for (const c of text) {
    if (ime) {
      // What a page sees while an input method is on: the key is "Process", the code is the key that was pressed.
      await page.evaluate(([ch]) => {
        const shift = /[A-Z_]/.test(ch), up = ch.toUpperCase();
        const code = /[A-Z]/.test(up) ? `Key${up}` : /[0-9]/.test(ch) ? `Digit${ch}` : ch === '-' || ch === '_' ? 'Minus' : 'Slash';
        (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key: 'Process', code, keyCode: 229, shiftKey: shift, bubbles: true, cancelable: true }));
      }, [c]);
    } else {
      await page.keyboard.press(c === '_' ? 'Shift+Minus' : /[A-Z]/.test(c) ? `Shift+Key${c}` : /[a-z]/.test(c) ? `Key${c.toUpperCase()}` : /[0-9]/.test(c) ? `Digit${c}` : c === '-' ? 'Minus' : c);
    }
  }
  await page.keyboard.press('Enter');
}

// ---- goods and orders -------------------------------------------------------------------------------------------------
export async function article(s, code, { warehouse = 'HZ', pieces = 100, barcodes = [], title } = {}) {
  await s.want(201, 'POST', '/v1/skus', { body: { code, title: title ?? `Article ${code}`, barcodes } });
  if (pieces) await s.want(201, 'POST', '/v1/stock/adjustments', { body: { sku: code, warehouse, delta: pieces, reason: 'received' } });
}
export async function warehouse(s, code = 'HZ') { await s.want(201, 'POST', '/v1/warehouses', { body: { code } }); }
export async function paid(s, lines, more = {}) {
  const o = order({ lines: lines.map(([sku, quantity], i) => ({ line_id: String(i + 1), sku, title: `Article ${sku}`, quantity, price: '10.00' })), ...more });
  return { ...(await s.want(201, 'POST', '/v1/orders', { body: o })).json, external_id: o.external_id, sent: o };
}
export async function split(s, lines, more = {}) {
  const o = await paid(s, lines, more);
  const now = (await s.want(200, 'POST', `/v1/orders/${o.id}/transitions`, { body: { to: 'split' } })).json;
  return { ...o, f: now.fulfilments[0]?.id };
}
