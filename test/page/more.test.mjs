// Groups, exceptions, returns, the dashboard: their tasks by keys, and how they look.
import { axe, check, endServer, fits, go, looksWell, noTrouble, openPage, order, paid, press, same, settle, split, test, warehouse, article, withServer, cookiesOf } from './lib.mjs';

const s = withServer({ conf: '[returns]\nreceive_first = no\n' });
let group, one, two;

test('orders of one customer, an unknown SKU, a return', async () => {
  await warehouse(s);
  await article(s, 'LAMP', { barcodes: ['6900000000017'] });
  const receiver = order().receiver;
  one = await paid(s, [['LAMP', 1]], { receiver });
  two = await paid(s, [['LAMP', 2]], { receiver });
  await paid(s, [['NOBODY-KNOWS', 1]]);
  group = (await s.want(200, 'GET', `/v1/orders/${one.id}`)).json.group;
  same(group.orders, [one.id, two.id]);
});

test('groups and the dashboard look well', async () => {
  await looksWell(s, 'admin', '#/groups', 'groups', 'tbody tr');
  await looksWell(s, 'admin', `#/groups/${group.id}`, 'group', 'section.card');
  await looksWell(s, 'admin', '#/dashboard', 'dashboard', 'svg.chart rect');
});

test('an order is taken out of its group and put back', async () => {
  const page = await openPage(s, 'cs', `#/groups/${group.id}`);
  await page.click('section.card:nth-of-type(2) >> text=Take out');
  await page.waitForSelector('dialog[open]');
  await press(page, 'Enter');
  await page.waitForFunction(() => document.querySelectorAll('#main section.card').length === 1);
  same((await s.want(200, 'GET', `/v1/groups/${group.id}`)).json.orders.length, 1);
  await press(page, 'a');
  await page.fill('dialog input[name=order]', two.external_id);
  await press(page, 'Enter');
  await page.waitForFunction(() => document.querySelectorAll('#main section.card').length === 2);
  await noTrouble(page, 'group');
  await page.context().close();
});

test('an exception is cleared by two keys', async () => {
  await looksWell(s, 'admin', '#/exceptions', 'exceptions', 'tbody tr');
  const page = await openPage(s, 'cs', '#/exceptions');
  await page.waitForSelector('tbody tr');
  const n = await page.evaluate(() => [...document.querySelectorAll('section.card kbd')].find((k) => /dealt with/.test(k.parentElement.textContent)).textContent);
  await press(page, n);
  await page.waitForSelector('dialog[open]');
  await press(page, 'Enter');
  await page.waitForSelector('text=Nothing needs you');
  same((await s.want(200, 'GET', '/v1/exceptions?state=open')).json.data.length, 0);
  await noTrouble(page, 'exceptions');
  await page.context().close();
});

test('a return goes its three steps, one key each', async () => {
  const page = await openPage(s, 'cs', `#/returns?order=${one.id}`);
  await page.waitForSelector('dialog[open]');
  await axe(page, 'new case');
  await page.selectOption('dialog select[name=kind]', 'refund_only');
  await page.fill('dialog input[name=reason]', 'the shade is dented');
  await page.click('dialog button.primary');
  await page.waitForSelector('h1:has-text("Refund only")');
  const id = /#\/returns\/(c_\d+|k_\d+|\w+)/.exec(page.url())[1];
  await noTrouble(page, 'new case');
  await page.context().close();
  await looksWell(s, 'admin', `#/returns/${id}`, 'return', 'ol.timeline');
  await looksWell(s, 'admin', '#/returns?tab=all', 'returns', 'tbody tr');
  // cs asked for it, so another of customer service approves.
  for (const [role, who] of [['cs', 'admin'], ['warehouse', 'warehouse'], ['finance', 'finance']]) {
    const p = await openPage(s, who, `#/returns/${id}`, { quiet: true });
    await p.waitForSelector('button:has-text("Approve")');
    await press(p, 'y');
    await p.waitForSelector('.toast.good');
    await p.context().close();
    check((await s.want(200, 'GET', `/v1/cases/${id}`)).json.steps.some((x) => x.act === 'approve' && x.step === role), `${role} approved`);
  }
  check(['approved', 'done'].includes((await s.want(200, 'GET', `/v1/cases/${id}`)).json.state), 'it is approved');
});

endServer(s);
