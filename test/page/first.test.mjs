// Sign-in, the shell, and the pages that everybody opens first.
import { axe, check, endServer, fits, go, looksWell, noTrouble, openPage, order, paid, PASSWORD, press, same, settle, split, test, warehouse, article, withServer, cookiesOf } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
let setup;

test('the first administrator is made by the link that serve prints, once', async () => {
  setup = /set up the console at (\S+)/.exec(s.log)?.[1];
  if (!check(setup, 'no link was printed')) return;
  const page = await openPage(s, null, setup.slice(setup.indexOf('#')));
  await page.waitForSelector('form');
  await axe(page, 'set-up');
  await page.fill('input[name=name]', 'owner');
  await page.fill('input[name=password]', PASSWORD);
  await page.click('button.primary');
  await page.waitForSelector('nav#nav');
  check((await page.textContent('h1')).includes('owner'), 'the owner is greeted');
  same(await page.evaluate(() => document.cookie), '', 'cookies a script can read');
  await noTrouble(page, 'set-up');
  await page.context().close();
  const code = /code=(\S+)/.exec(setup)[1];
  await s.want(403, 'POST', '/v1/setup', { token: null, body: { code, name: 'second', password: PASSWORD } });
});

test('signing in and out', async () => {
  const page = await openPage(s, null, '#/orders', { quiet: true });
  await page.waitForSelector('form');
  await axe(page, 'sign-in');
  await page.fill('input[name=name]', 'owner');
  await page.fill('input[name=password]', 'not the password');
  await page.click('button.primary');
  await page.waitForSelector('.problem');
  await page.fill('input[name=password]', PASSWORD);
  await page.click('button.primary');
  await page.waitForSelector('nav#nav');
  check((await page.textContent('h1')).includes('Orders'), 'the view that was asked for is shown after signing in');
  await page.click('.drop summary');
  await page.click('.drop >> text=Sign out');
  await page.waitForSelector('form');
  await page.context().close();
});

test('some orders', async () => {
  await warehouse(s);
  await article(s, 'LAMP', { barcodes: ['6900000000017'] });
  for (let i = 0; i < 3; i++) await paid(s, [['LAMP', 1]]);
  await s.want(201, 'POST', '/v1/orders', { body: order({ external_id: 'FIND-ME-1', receiver: { ...order().receiver, name: '欧阳娜娜', phone: '13712345678' } }) });
});

test('an order is found by one key and its number', async () => {
  const page = await openPage(s, 'cs');
  await settle(page);
  await press(page, '/');
  await page.keyboard.type('FIND-ME-1');
  await press(page, 'Enter');
  await page.waitForSelector('h1:has-text("FIND-ME-1")');
  check(/#\/order\/o_\d+$/.test(page.url()), `the address is the view: ${page.url()}`);
  check(!(await page.textContent('#main')).includes('13712345678'), 'the phone is masked');
  await page.click('header >> text=Reveal');
  await page.waitForSelector('text=13712345678');
  await noTrouble(page, 'search');
  await page.context().close();
  await s.until('who saw it is noted', async () => (await s.want(200, 'GET', '/v1/events?limit=500')).json.data.some((e) => e.type === 'pii.seen' && e.actor === 'user:cs'));
});

test('home, orders and an order look well', async () => {
  const id = (await s.want(200, 'GET', '/v1/orders?q=FIND-ME-1')).json.data[0].id;
  await looksWell(s, 'admin', '#/', 'home', '.cards');
  await looksWell(s, 'admin', '#/orders', 'orders', 'tbody tr');
  await looksWell(s, 'admin', `#/order/${id}`, 'order', 'ol.timeline li');
});

test('holding and releasing by keys', async () => {
  const page = await openPage(s, 'cs', '#/orders');
  await page.waitForSelector('tbody tr');
  const first = await page.textContent('tbody tr:first-child td.id a');
  await press(page, 'h');
  await page.waitForSelector('dialog[open]');
  await axe(page, 'question');
  await press(page, 'Enter');
  await page.waitForSelector('tbody tr:first-child .badge.warn');
  same((await s.want(200, 'GET', `/v1/orders?q=${first}`)).json.data[0].holds.length, 1);
  await press(page, 'u');
  await page.waitForSelector('tbody tr:first-child:not(:has(.badge.warn))');
  await press(page, '?');
  await page.waitForSelector('dialog dl.keys');
  await axe(page, 'help');
  await press(page, 'Escape');
  await noTrouble(page, 'orders');
  await page.context().close();
});

endServer(s);
