// A file is dropped, looked through, confirmed and taken back, by hand and by keys.
import fs from 'node:fs';
import path from 'node:path';
import { axe, check, endServer, looksWell, noTrouble, openPage, order, press, same, settle, test, unique, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
const list = Array.from({ length: 30 }, () => order({ external_id: unique('I') }));
const text = [...list.map((o) => JSON.stringify(o)), '{"no":"order"}'].join('\n');
let id;

test('a file is dropped, looked through and confirmed by one key', async () => {
  const page = await openPage(s, 'cs', '#/import', { quiet: true });
  await page.waitForSelector('.drop-zone');
  // As a hand would: the file falls on the page, not on a field.
  await page.evaluate((t) => {
    const d = new DataTransfer();
    d.items.add(new File([t], 'orders of today.ndjson'));
    for (const type of ['dragover', 'drop']) document.querySelector('h1').dispatchEvent(new DragEvent(type, { dataTransfer: d, bubbles: true, cancelable: true }));
  }, text);
  await page.waitForSelector('h1:has-text("orders of today.ndjson")');
  await page.waitForSelector('tbody tr:nth-child(31)');
  await axe(page, 'preview');
  id = /import\/(i_\d+)/.exec(page.url())[1];
  await press(page, 'c');
  await page.waitForSelector('.badge.good:has-text("done")');
  same((await s.want(200, 'GET', '/v1/stats/counts')).json.orders, 30);
  await page.click('.tabs a:has-text("refused")');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await noTrouble(page, 'import');
  await page.context().close();
});

test('the pages look well', async () => {
  await looksWell(s, 'admin', '#/import', 'import', 'tbody tr');
  await looksWell(s, 'admin', `#/import/${id}`, 'import-one', 'tbody tr');
});

test('it is taken back', async () => {
  const page = await openPage(s, 'cs', `#/import/${id}`);
  await page.click('button:has-text("Take it back")');
  await page.click('dialog button.primary');
  await page.waitForSelector('.badge:has-text("taken back")');
  same((await s.want(200, 'GET', '/v1/orders?status=paid')).json.data.length, 0);
  await noTrouble(page, 'undo');
  await page.context().close();
});

test('a spreadsheet by the button; a file that is none says why', async () => {
  const page = await openPage(s, 'cs', '#/import', { quiet: true });
  await page.fill('input[list=import-channels]', 'tmall-sheet');
  await page.setInputFiles('input[type=file]', path.resolve('examples/orders/tmall-demo.csv'));
  await page.waitForSelector('h1:has-text("tmall-demo.csv")');
  await page.waitForSelector('tbody tr');
  await page.click('button:has-text("Drop it")');
  await page.waitForSelector('.badge:has-text("dropped")');
  await page.click('a.button:has-text("←")');
  await page.setInputFiles('input[type=file]', { name: 'nothing.csv', mimeType: 'text/csv', buffer: Buffer.from('') });
  await page.waitForSelector('.toast.bad');
  await noTrouble(page, 'sheet');
  await page.context().close();
});

endServer(s);
