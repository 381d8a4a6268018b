// Stock, channels, settings, shipping: their tasks, and how they look.
import { axe, check, endServer, fits, go, looksWell, noTrouble, openPage, order, paid, press, same, settle, split, test, unique, warehouse, article, withServer, cookiesOf, PASSWORD } from './lib.mjs';

let payload;
const s = withServer({ conf: '[merge]\nwindow = 1s\n[pack]\nverify = yes\n' });

test('goods, orders, a payload that cannot be read', async () => {
  await warehouse(s);
  await article(s, 'LAMP', { barcodes: ['6900000000017'] });
  await s.want(201, 'POST', '/v1/mappings', { body: { channel: 'tmall-home', channel_sku: 'TM-LAMP', sku: 'LAMP' } });
  for (let i = 0; i < 3; i++) await split(s, [['LAMP', 1 + i]]);
  payload = (await s.post('/v1/payloads', { channel: 'till', source: 'api', raw: '{"broken":', error: { code: 'bad_json', detail: 'It ends too early' } })).json?.id;
  check(payload, 'a payload is kept');
  await s.want(201, 'POST', '/v1/waves', { body: { warehouse: 'HZ', limit: 50 } });
});

test('every tab looks well', async () => {
  for (const t of ['stock', 'skus', 'mappings', 'ledger', 'warehouses']) await looksWell(s, 'admin', `#/stock?tab=${t}`, `stock-${t}`, 'tbody tr');
  await looksWell(s, 'admin', '#/channels', 'channels', 'tbody tr');
  await looksWell(s, 'admin', '#/channels/tmall-home', 'channel', '.cards');
  await looksWell(s, 'admin', `#/channels?tab=payloads&payload=${payload}`, 'payloads', 'pre');
  await looksWell(s, 'admin', '#/channels?tab=effects', 'effects');
  for (const t of ['you', 'users', 'tokens', 'stages', 'rules', 'messengers', 'callbacks', 'rates', 'house']) await looksWell(s, 'admin', `#/settings?tab=${t}`, `settings-${t}`);
  await looksWell(s, 'admin', '#/ship', 'ship', 'tbody tr');
  await looksWell(s, 'admin', '#/ship/v_1', 'wave', 'tbody tr');
  await looksWell(s, 'admin', '#/pack', 'pack', '.pack-say');
});

test('pieces are booked in, moved and counted by forms', async () => {
  const page = await openPage(s, 'warehouse', '#/stock');
  await page.waitForSelector('tbody tr');
  await press(page, 'b');
  await page.fill('dialog input[name=sku]', 'LAMP');
  await page.fill('dialog input[name=delta]', '5');
  await press(page, 'Enter');
  await page.waitForSelector('.toast.good');
  same((await s.want(200, 'GET', '/v1/stock?sku=LAMP')).json.data[0].on_hand, 105);
  await page.click('tbody tr:first-child >> text=Count');
  await page.fill('dialog input[name=counted]', '90');
  await press(page, 'Enter');
  await page.waitForSelector('td.num:has-text("90")');
  await noTrouble(page, 'stock');
  await page.context().close();
});

test('an administrator adds a user, who signs in and changes the password', async () => {
  const page = await openPage(s, 'admin', '#/settings?tab=users');
  await page.click('text=Add a user');
  await page.fill('dialog input[name=name]', 'bea');
  await page.fill('dialog input[name=password]', PASSWORD);
  await press(page, 'Enter');
  await page.waitForSelector('td:has-text("bea")');
  await noTrouble(page, 'users');
  await page.context().close();
  const own = await openPage(s, null, '#/settings?tab=you');
  await own.fill('input[name=name]', 'bea');
  await own.fill('input[name=password]', PASSWORD);
  await own.click('button.primary');
  await own.click('text=Change password');
  await own.fill('dialog input[name=old]', PASSWORD);
  await own.fill('dialog input[name=new]', 'another sesame');
  await own.fill('dialog input[name=twice]', 'another sesame');
  await press(own, 'Enter');
  await own.waitForSelector('.toast.good');
  await noTrouble(own, 'password');
  await own.context().close();
  await s.want(401, 'POST', '/v1/session', { token: null, body: { name: 'bea', password: PASSWORD } });
  await s.want(201, 'POST', '/v1/session', { token: null, body: { name: 'bea', password: 'another sesame' } });
});

test('a connector is tried on its examples, written, and put back', async () => {
  await looksWell(s, 'admin', '#/channels?tab=connectors', 'connectors', 'tbody tr');
  await looksWell(s, 'admin', '#/channels?tab=connectors&connector=shopee', 'connector', 'textarea.code');
  const page = await openPage(s, 'admin', '#/channels?tab=connectors&connector=shopee', { quiet: true });
  await page.waitForSelector('textarea.code');
  await page.click('text=Test on its examples');
  await page.waitForSelector('.good:has-text("pass")');
  const text = await page.inputValue('textarea.code');
  await page.fill('textarea.code', text.replace("'external_id', ", "'external_id', nonsense("));
  await page.click('text=Test on its examples');
  await page.waitForSelector('.problem:has-text("Line")');
  await page.fill('textarea.code', `# ours\n${text}`);
  await page.click('button:has-text("Save")');
  await page.click('dialog button.primary');
  await page.waitForSelector('.badge.warn:has-text("your own")');
  await page.click('text=Back to built-in');
  await page.click('dialog button.primary');
  await page.waitForSelector('.badge:has-text("built in")');
  await noTrouble(page, 'connector');
  await page.context().close();
});

test('the pick list of a wave is three keys away', async () => {
  const page = await openPage(s, 'warehouse', '#/');
  await settle(page);
  await press(page, 'g', 's');
  await page.waitForSelector('tbody tr.at');
  const [list] = await Promise.all([page.context().waitForEvent('page'), press(page, 'p')]);
  await list.waitForLoadState();
  check(/\/v1\/waves\/v_\d+\/picklist/.test(list.url()), list.url());
  check((await list.textContent('body')).includes('LAMP'), 'the list names the article');
  await page.context().close();
});

endServer(s);
