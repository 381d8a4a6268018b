// Role × page × action: every page opens for everybody who has it in the menu, asks for nothing that the role may not,
// and shows an action exactly to those whose role the API lets do it.
import { check, endServer, fail, go, noTrouble, openPage, paid, ROLES, same, settle, split, test, warehouse, article, withServer, Server } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
let o, c, wave;
const allowed = (op, role) => {
  for (const ms of Object.values(Server.doc.paths)) for (const d of Object.values(ms))
    if (d.operationId === op) return new RegExp(`[ ,]${role}[,.]`).test(/^Roles: [^.]*\./.exec(d.description)[0]);
  throw new Error(`no operation ${op}`);
};
// page, what is clicked, the operation behind it
const ACTIONS = () => [
  ['#/orders', 'button:has-text("Hold")', 'holdOrder'], ['#/orders', 'button:has-text("Release")', 'releaseOrder'], ['#/orders', 'button:has-text("Split")', 'moveOrder'], ['#/orders', 'button:has-text("Merge")', 'addToGroup'], ['#/orders', 'button:has-text("Print")', 'getSlip'],
  [`#/order/${o.id}`, 'button:has-text("→")', 'moveOrder'], [`#/order/${o.id}`, 'button:has-text("Hold")', 'holdOrder'], [`#/order/${o.id}`, 'button.danger:has-text("Cancel")', 'cancelOrder'], [`#/order/${o.id}`, 'a:has-text("Return…")', 'openCase'], [`#/order/${o.id}`, 'button:has-text("What arrived")', 'getPayload'],
  ['#/exceptions', 'button:has-text("dealt with")', 'resolveException'], ['#/exceptions', 'button:has-text("Give to")', 'assignException'], ['#/exceptions', 'button:has-text("which article")', 'putMappings'],
  [`#/groups/${o.group}`, 'button:has-text("Put an order in")', 'addToGroup'], [`#/groups/${o.group}`, 'button:has-text("Lock")', 'lockGroup'],
  ['#/ship', 'button:has-text("New wave")', 'makeWave'], [`#/ship/${wave}`, 'button:has-text("Picked")', 'endWave'], [`#/ship/${wave}`, 'button:has-text("Take out")', 'removeFromWave'], ['#/ship', 'a:has-text("Pack station")', 'scanPack'],
  ['#/returns', 'button:has-text("New case")', 'openCase'], [`#/returns/${c}`, 'button:has-text("Withdraw")', 'cancelCase'],
  ['#/stock', 'button:has-text("Book")', 'adjustStock'], ['#/stock', 'button:has-text("Counted")', 'countStock'], ['#/stock', 'button:has-text("Move")', 'moveStock'], ['#/stock?tab=skus', 'button:has-text("New article")', 'putSkus'], ['#/stock?tab=mappings', 'button:has-text("New")', 'putMappings'], ['#/stock?tab=warehouses', 'button:has-text("New warehouse")', 'putWarehouses'],
  ['#/channels?tab=payloads', 'button:has-text("Apply all")', 'retryPayloads'], ['#/channels?tab=effects', 'button:has-text("All dead")', 'retryEffects'],
  ['#/settings', 'a:has-text("Users")', 'listUsers'], ['#/settings', 'a:has-text("Tokens")', 'listTokens'], ['#/settings', 'a:has-text("Messengers")', 'listNotices'], ['#/settings?tab=house', 'button:has-text("Run the check")', 'check'], ['#/settings?tab=house', 'button:has-text("Release the outbox")', 'releaseOutbox'],
];

test('things to act on', async () => {
  await warehouse(s);
  await article(s, 'LAMP');
  o = await paid(s, [['LAMP', 1]]);
  await split(s, [['LAMP', 1]]);
  await paid(s, [['NOBODY-KNOWS', 1]]);
  wave = (await s.want(201, 'POST', '/v1/waves', { body: { warehouse: 'HZ', limit: 5 } })).json.id;
  c = (await s.want(201, 'POST', '/v1/cases', { body: { order: o.id, kind: 'refund_only', reason: 'x', amount: '1.00' } })).json.id;
  // a case holds its order: another one is looked at
  o = await paid(s, [['LAMP', 1]]);
});

for (const role of ROLES) {
  test(`${role}: pages open, actions are the role's own`, async () => {
    const page = await openPage(s, role);
    await settle(page);
    page.on('response', (r) => { if (r.status() === 403 || r.status() === 401) fail(`${role} on ${page.url()}: ${r.status()} ${r.url()}`); });
    const menu = await page.$$eval('nav#nav a', (l) => l.map((a) => a.getAttribute('href')));
    check(menu.length >= 8, `${role}'s menu: ${menu}`);
    for (const h of menu) {
      await go(page, h);
      await settle(page);
      same(await page.$$eval('#main .problem:not(p)', (l) => l.map((e) => e.textContent)), [], `${role} ${h}`);
    }
    let at = '';
    for (const [hash, what, op] of ACTIONS()) {
      if (at !== hash) { await go(page, hash); await settle(page); await page.waitForTimeout(150); at = hash; }
      const there = await page.$$eval(`#main`, (m) => m.length) && (await page.locator(`#main ${what}`).count()) > 0;
      same(there, allowed(op, role), `${role}, ${hash}: ${what} (${op})`);
    }
    await noTrouble(page, role);
    await page.context().close();
  });
}

test('first load: small, few requests, nothing from elsewhere', async () => {
  for (const [hash, most] of [['#/', 8], ['#/orders', 8]]) {
    const page = await openPage(s, 'cs', hash, { quiet: true });
    let bytes = 0;
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Network.enable');
    await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
    cdp.on('Network.loadingFinished', (e) => { bytes += e.encodedDataLength; });
    page.asked.length = 0;
    await page.reload();
    await settle(page);
    await page.waitForSelector(hash === '#/' ? '.cards' : 'tbody tr');
    const asked = page.asked.filter((u) => !u.startsWith('data:') && !/\/v1\/events/.test(u));
    check(asked.length <= most, `${hash}: ${asked.length} requests: ${asked.map((u) => u.replace(/.*:\d+/, '')).join(' ')}`);
    check(bytes > 5000 && bytes <= 60 * 1024, `${hash}: ${bytes} bytes`);
    if (process.argv.includes('-v')) console.log(`${hash}: ${asked.length} requests, ${bytes} bytes`);
    await noTrouble(page, 'first load');
    await page.context().close();
  }
});

endServer(s);
