// What strangers write is shown as they wrote it, and never run: in every field, on every page. Sessions cannot be
// used by other sites, and nobody can frame the page.
import http from 'node:http';
import { check, cookiesOf, endServer, fail, go, noTrouble, openPage, order, same, settle, sleep, test, theBrowser, unique, withServer, warehouse, article, split } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
const RUN = ['window.__ran=1', 'alert(1)', 'top.__ran=1', 'parent.__ran=1', 'self["__r"+"an"]=1'];
// Ways in, each with several things to run: tags, handlers, addresses, styles, templates, broken markup, other alphabets.
const WAYS = [
  (x) => `<script>${x}</script>`, (x) => `"><script>${x}</script>`, (x) => `'><script>${x}</script>`, (x) => `</script><script>${x}</script>`, (x) => `</textarea><script>${x}</script>`, (x) => `</title><script>${x}</script>`,
  (x) => `<img src=x onerror=${x}>`, (x) => `<img src=x onerror="${x}">`, (x) => `"><img src=x onerror=${x}>`, (x) => `<svg onload=${x}>`, (x) => `<svg/onload=${x}>`, (x) => `<svg><script>${x}</script></svg>`, (x) => `<body onload=${x}>`,
  (x) => `<iframe src="javascript:${x}"></iframe>`, (x) => `<iframe srcdoc="<script>${x}</script>"></iframe>`, (x) => `<a href="javascript:${x}">x</a>`, (x) => `javascript:${x}`, (x) => `data:text/html,<script>${x}</script>`, (x) => `<object data="javascript:${x}">`, (x) => `<embed src="javascript:${x}">`,
  (x) => `<input autofocus onfocus=${x}>`, (x) => `<select autofocus onfocus=${x}>`, (x) => `<details open ontoggle=${x}>`, (x) => `<video><source onerror=${x}></video>`, (x) => `<audio src=x onerror=${x}>`, (x) => `<marquee onstart=${x}>`, (x) => `<math href="javascript:${x}">x</math>`,
  (x) => `" autofocus onfocus="${x}`, (x) => `' autofocus onfocus='${x}`, (x) => `" onmouseover="${x}`, (x) => `' style='animation-name:x' onanimationstart='${x}`, (x) => `<style>@import'javascript:${x}'</style>`, (x) => `<link rel=stylesheet href="javascript:${x}">`, (x) => `<meta http-equiv=refresh content="0;url=javascript:${x}">`,
  (x) => `<base href="javascript:${x}//">`, (x) => `<form action="javascript:${x}"><button>x</button></form>`, (x) => `\${${x}}`, (x) => `{{constructor.constructor('${x.replaceAll("'", '')}')()}}`, (x) => `<template><script>${x}</script></template>`, (x) => `＜script＞${x}＜/script＞`,
  (x) => `<scr<script>ipt>${x}</scr</script>ipt>`, (x) => `<!--><script>${x}</script-->`, (x) => `]]><script>${x}</script>`, (x) => `%3Cscript%3E${x}%3C/script%3E`, (x) => `&lt;script&gt;${x}&lt;/script&gt;`, (x) => `\u202e<script>${x}</script>`,
];
const CORPUS = WAYS.flatMap((w) => RUN.map((x) => w(x)));

let orders = [];
test(`${CORPUS.length} strings arrive in every field that a stranger can write`, async () => {
  check(CORPUS.length >= 200 && new Set(CORPUS).size === CORPUS.length, `only ${CORPUS.length} strings`);
  await warehouse(s);
  await article(s, 'LAMP', { title: CORPUS[0] });
  const per = 20;
  for (let i = 0; i < CORPUS.length; i += per) {
    const some = CORPUS.slice(i, i + per), at = (n) => CORPUS[(i + n) % CORPUS.length], id = (n) => (/^[ -~]*$/.test(at(n)) ? at(n) : CORPUS[n]).slice(0, 60).trim();
    const o = order({
      external_id: unique('H'), buyer: { id: id(1), name: at(2), phone: at(3).slice(0, 40) }, raw_status: id(4),
      receiver: { ...order().receiver, name: at(5), province: at(6).slice(0, 60), city: at(7).slice(0, 60), district: at(8).slice(0, 60), address: at(9), token: id(10) },
      lines: some.map((x, n) => ({ line_id: String(n + 1), sku: n % 2 && /^[ -~]*$/.test(x) ? x.slice(0, 60).trim() : null, title: x, quantity: 1, price: '1.00' })),
      remarks: { buyer: at(11), seller: at(12), flag: at(13).slice(0, 20) },
      shipments: [{ carrier: id(14), tracking_no: id(15), shipped_at: '2026-11-12T10:00:00+08:00' }],
      refunds: [{ refund_id: id(16), status: 'requested', amount: '1.00', line_id: '1', quantity: 1, goods: 'return' }],
    });
    const a = await s.post('/v1/orders', o);
    if (!check(a.status === 201, `the order is taken: ${a.status} ${a.text.slice(0, 300)}`)) return;
    orders.push(a.json.id);
    await s.post(`/v1/orders/${a.json.id}/hold`, { reason: at(17).slice(0, 100), note: at(18) });
    await s.post('/v1/payloads', { channel: 'till', source: 'file', raw: at(19), error: { code: 'bad', detail: at(20), file: at(21) } });
    await s.post('/v1/cases', { order: a.json.id, kind: 'refund_only', reason: at(22), note: at(23), amount: '1.00' });
  }
});

test('none of them runs, on any page', async () => {
  const page = await openPage(s, 'admin', '#/');
  await settle(page);
  page.on('dialog', (d) => { fail(`a dialog: ${d.message()}`); d.dismiss(); });
  await page.evaluate(() => { window.__ran = 0; document.addEventListener('securitypolicyviolation', (e) => { window.__ran = `a violation: ${e.violatedDirective} ${e.sample}`; }); });
  const cases = (await s.want(200, 'GET', '/v1/cases')).json.data.map((c) => c.id);
  const payloads = (await s.want(200, 'GET', '/v1/payloads?state=failed')).json.data.map((p) => p.id);
  const hashes = ['#/', '#/orders', '#/exceptions', '#/groups', '#/groups?tab=open', '#/ship', '#/stock', '#/stock?tab=skus', '#/stock?tab=ledger', '#/channels', '#/channels?tab=payloads', '#/channels?tab=effects', '#/returns?tab=all', '#/dashboard',
    ...['users', 'tokens', 'stages', 'rules', 'messengers', 'callbacks', 'rates', 'house'].map((t) => `#/settings?tab=${t}`),
    ...orders.map((o) => `#/order/${o}`), ...cases.slice(0, 4).map((c) => `#/returns/${c}`), ...payloads.slice(0, 4).map((p) => `#/channels?tab=payloads&payload=${p}`),
    ...CORPUS.filter((_, i) => i % 9 === 0).map((x) => `#/orders?q=${encodeURIComponent(x)}`), ...CORPUS.filter((_, i) => i % 23 === 0).flatMap((x) => [`#/order/${encodeURIComponent(x)}`, `#/${encodeURIComponent(x)}`, `#/channels/${encodeURIComponent(x)}`, `#/stock?q=${encodeURIComponent(x)}`])];
  let shown = 0;
  for (const h of hashes) {
    await go(page, h);
    await page.waitForFunction(() => document.querySelector('h1,.empty,.problem') && !document.querySelector('#main .loading'), null, { timeout: 30000 }).catch(() => fail(`${h} does not come`));
    for (const d of await page.$$('#main details:not([open]) > summary')) await d.click().catch(() => {});
    shown += await page.evaluate(() => (document.body.innerText.match(/__ran|alert\(1\)|__r"/g) ?? []).length);
    const ran = await page.evaluate(() => window.__ran);
    if (ran) { fail(`${h}: ${ran}`); await page.evaluate(() => { window.__ran = 0; }); }
    same(await page.evaluate(() => document.querySelectorAll('#main script, #main iframe, #main object, #main embed, #main style, #main link, #main meta, #main base, #main [onload], #main [onerror], #main [onfocus]').length), 0, `${h}: elements made of data`);
  }
  check(shown > 400, `the strings were seen only ${shown} times`);
  page.trouble = page.trouble.filter((t) => !/Failed to load resource/.test(t)); // what is not there is 404
  await noTrouble(page, 'hostile');
  await page.context().close();
});

test('the printed pages run nothing either', async () => {
  const b = await theBrowser(), context = await b.newContext();
  await context.addCookies(await cookiesOf(s, 'admin'));
  const o = await split(s, [['LAMP', 1]], { remarks: { buyer: CORPUS[3], seller: CORPUS[9], flag: '' }, receiver: { ...order().receiver, name: CORPUS[30], address: CORPUS[5] } });
  const w = (await s.want(201, 'POST', '/v1/waves', { body: { warehouse: 'HZ', limit: 5 } })).json;
  const page = await context.newPage();
  page.on('dialog', (d) => { fail(`a dialog: ${d.message()}`); d.dismiss(); });
  for (const path of [`/v1/fulfilments/${o.f}/slip`, `/v1/waves/${w.id}/picklist`]) {
    await page.goto(`http://127.0.0.1:${s.port}${path}`);
    same(await page.evaluate(() => [window.__ran ?? 0, document.scripts.length]), [0, 0], path);
    check((await page.textContent('body')).includes('__ran') || (await page.textContent('body')).includes('alert(1)'), `${path} shows what was written`);
  }
  await context.close();
});

test('another site can neither use a session nor frame the page', async () => {
  const cookies = (await cookiesOf(s, 'admin')).map((c) => `${c.name}=${c.value}`).join('; ');
  const write = (headers) => s.raw('POST', `/v1/orders/${orders[0]}/hold`, { token: null, headers: { cookie: cookies, ...headers }, body: { reason: 'csrf' } });
  for (const origin of [undefined, 'null', 'http://evil.example', 'https://evil.example', `http://127.0.0.1:${s.port + 1}`, `http://127.0.0.1:${s.port}.evil.example`, `http://localhost:${s.port}/`]) {
    const a = await write({ host: `127.0.0.1:${s.port}`, ...(origin ? { origin } : {}) });
    same([a.status, a.json?.code], [403, 'other_origin'], `origin ${origin}`);
  }
  same((await write({ host: `127.0.0.1:${s.port}`, origin: `http://127.0.0.1:${s.port}` })).status, 200);
  const page = await s.raw('GET', '/', { token: null, headers: { accept: 'text/html' } });
  check(/frame-ancestors 'none'/.test(page.headers['content-security-policy']) && page.headers['x-frame-options'] === 'DENY', 'framing is refused');
  check(!/unsafe/.test(page.headers['content-security-policy']), 'nothing unsafe is allowed');
  // A page of another origin, in a browser that is signed in.
  const evil = http.createServer((req, res) => { res.setHeader('content-type', 'text/html'); res.end(`<iframe id=f src="http://127.0.0.1:${s.port}/"></iframe><script>fetch('http://127.0.0.1:${s.port}/v1/orders/${orders[1]}/hold',{method:'POST',mode:'no-cors',credentials:'include',headers:{'content-type':'text/plain'},body:'{"reason":"csrf"}'}).catch(()=>{}).then(()=>document.title='done')</script>`); });
  await new Promise((r) => evil.listen(0, '127.0.0.1', r));
  const context = await (await theBrowser()).newContext();
  await context.addCookies(await cookiesOf(s, 'admin'));
  const p = await context.newPage();
  await p.goto(`http://127.0.0.1:${evil.address().port}/`);
  await p.waitForFunction(() => document.title === 'done');
  await sleep(300);
  const inner = p.frames().find((f) => f !== p.mainFrame());
  check(!inner || !await inner.$('#app nav').catch(() => null), 'the page shows itself in a frame');
  await context.close();
  evil.close();
  check(!(await s.want(200, 'GET', `/v1/orders/${orders[1]}`)).json.holds.some((h) => h.reason === 'csrf'), 'another site wrote');
});

test('guessing is slowed down; the owner of a known browser is not', async () => {
  const try_ = (password, cookie) => s.raw('POST', '/v1/session', { token: null, headers: cookie ? { cookie } : {}, body: { name: 'admin', password } });
  const known = (await cookiesOf(s, 'admin')).find((c) => c.name === 'orderd_device');
  let slowed = 0;
  for (let i = 0; i < 16; i++) slowed += (await try_(`wrong password ${i}`)).status === 429;
  check(slowed > 0, 'a stranger is not told to wait');
  same((await try_('open sesame 2026')).status, 429, 'not even with the right one');
  const a = await try_('open sesame 2026', `${known.name}=${known.value}`);
  same(a.status, 201, 'the known browser gets in meanwhile');
  check(/HttpOnly; SameSite=Strict/.test(a.headers['set-cookie'][0]), 'the cookie is out of reach');
  const odd = await s.raw('POST', '/v1/session', { token: null, headers: { origin: 'http://evil.example' }, body: { name: 'admin', password: 'open sesame 2026' } });
  same(odd.status, 403, 'signing in from another site');
  for (const body of ['{}', '[]', '"x"', '{"name":1,"password":"x"}', '{"name":"a","password":"b","more":1}', `{"name":"${'a'.repeat(2000)}","password":"x"}`]) same((await s.raw('POST', '/v1/session', { token: null, body })).status, 422, body.slice(0, 40));
  same((await s.raw('GET', '/v1/orders', { token: null, headers: { cookie: 'orderd_session=ors_nonsense' } })).status, 401);
  const session = (await cookiesOf(s, 'admin')).find((c) => c.name === 'orderd_session');
  same((await s.raw('GET', '/v1/orders', { token: session.value })).status, 401, 'a session is no token');
});

endServer(s);
