// The pack station: a simulated person with a scanner, an input method on, who takes wrong pieces, scans twice, scans
// things that nobody knows, and sometimes scans a piece once more instead of the label. No parcel may be wrong.
import { check, endServer, fail, noTrouble, openPage, same, scan, sleep, split, test, warehouse, article, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n[pack]\nverify = yes\n' });
const PACKS = Number(process.env.PACKS ?? 30), BENCHES = Number(process.env.BENCHES ?? 2);
const SKUS = ['LAMP', 'MUG-BLUE', 'RUG-200', 'SOFA-2S', 'VASE_S', 'Tee-xl'];
const barcode = (i) => `69012345678${i}7`;
let seed = Number(process.env.SEED ?? 7);
const rnd = (n) => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return Math.floor((seed / 0x7fffffff) * n); };
const said = (page) => page.$eval('.pack-say', (e) => ({ kind: e.className.replace('pack-say', '').trim(), text: e.textContent, n: Number(e.dataset.n), waiting: Number(e.dataset.waiting) }));

test('articles', async () => {
  await warehouse(s);
  for (const [i, k] of SKUS.entries()) await article(s, k, { pieces: PACKS * 10, barcodes: [barcode(i)] });
});

async function bench(name) {
  const page = await openPage(s, name, '#/pack', { quiet: true }); // slips of the hand are 404s
  await page.waitForSelector('.pack-say');
  await page.fill('input[list=carriers]', 'SF');
  await page.press('input[list=carriers]', 'Enter');
  return page;
}
// One scan, and what the page says of it: mostly as a page sees a scanner while an input method is on, all keys at once;
// one in eight by the browser's own keyboard.
async function scanned(page, text) {
  if (rnd(8)) return page.evaluate(async (t) => {
    const say = document.querySelector('.pack-say'), before = Number(say.dataset.n);
    const key = (code, shiftKey, k = 'Process') => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: k, code, keyCode: 229, shiftKey, bubbles: true, cancelable: true }));
    for (const c of t) key(/[a-z]/i.test(c) ? `Key${c.toUpperCase()}` : /[0-9]/.test(c) ? `Digit${c}` : 'Minus', /[A-Z_]/.test(c));
    key('Enter', false, 'Enter');
    for (let i = 0; i < 3000; i++) {
      if (Number(say.dataset.n) > before && say.dataset.waiting === '0') return { kind: say.className.replace('pack-say', '').trim(), text: say.textContent, n: Number(say.dataset.n), waiting: 0 };
      await new Promise((r) => setTimeout(r, 4));
    }
    return { kind: 'silent', text: say.textContent };
  }, text);
  const before = (await said(page)).n;
  await scan(page, text, { ime: rnd(2) === 0 });
  for (let i = 0; i < 3000; i++) {
    const now = await said(page);
    if (now.n > before && !now.waiting) return now;
    await sleep(10);
  }
  throw new Error(`no word about ${text}: ${JSON.stringify(await said(page))}`);
}

test(`${PACKS} parcels by people who err in one scan of twenty: none is wrong`, async () => {
  const jobs = [];
  for (let i = 0; i < PACKS; i++) {
    const lines = SKUS.filter(() => rnd(3) === 0).slice(0, 3);
    if (!lines.length) lines.push(SKUS[rnd(SKUS.length)]);
    const wanted = lines.map((k) => [k, 1 + rnd(2)]);
    const o = await split(s, wanted);
    if (check(o.f, 'it is split')) jobs.push({ f: o.f, order: o.id, wanted, no: `SF10${String(100000000 + i)}` });
  }
  let errors = 0;
  const work = async (k) => {
    const page = await bench('warehouse');
    for (;;) {
      const job = jobs.shift();
      if (!job) break;
      let w = await scanned(page, job.f);
      if (w.kind !== 'good') { fail(`${job.f} opens with ${JSON.stringify(w)}`); continue; }
      const pieces = job.wanted.flatMap(([sku, n]) => Array.from({ length: n }, () => sku));
      while (pieces.length) {
        const at = rnd(pieces.length), sku = pieces[at];
        if (rnd(20) === 0) { // a slip of the hand
          errors++;
          const kind = rnd(3);
          const other = SKUS.find((x) => !job.wanted.some(([y]) => y === x));
          if (kind === 0 && other) { w = await scanned(page, barcode(SKUS.indexOf(other))); same(w.kind, 'bad', 'a wrong piece'); }
          else if (kind === 1) { w = await scanned(page, `XX${rnd(1e9)}`); same(w.kind, 'bad', 'something unknown'); }
          else { w = await scanned(page, 'f_999999'); same(w.kind, 'bad', 'another slip'); }
        }
        w = await scanned(page, rnd(2) ? barcode(SKUS.indexOf(sku)) : sku);
        pieces.splice(at, 1);
        same(w.kind, pieces.length ? 'good' : 'done', `${job.f} ${sku}: ${w.text}`);
      }
      if (rnd(5) === 0) { errors++; w = await scanned(page, barcode(SKUS.indexOf(job.wanted[0][0]))); same(w.kind, 'bad', 'a piece instead of the label'); }
      if (rnd(10) === 0) { errors++; w = await scanned(page, '690'); same(w.kind, 'bad', 'half a number instead of the label'); }
      w = await scanned(page, job.no);
      same(w.kind, 'done', `label of ${job.f}: ${w.text}`);
      w = rnd(8) === 0 ? await scanned(page, job.no) : null; // the label once more
      if (w) same(w.kind, 'bad', 'the label twice');
      job.done = true;
      const f = (await s.want(200, 'GET', `/v1/fulfilments/${job.f}`)).json;
      same(f.claim?.tracking_no, job.no, `${job.f} has its label`);
      same(Object.fromEntries(f.units.map((u) => [u.sku, u.quantity]).sort()), Object.fromEntries(job.wanted.map(([a, n]) => [a, n]).sort()), `${job.f} has its pieces`);
    }
    await noTrouble(page, `bench ${k}`);
    await page.context().close();
  };
  await Promise.all(Array.from({ length: BENCHES }, (_, k) => work(k)));
  check(errors > PACKS / 10, `only ${errors} slips were made`);
  same((await s.want(200, 'GET', '/v1/check')).json.findings, [], 'check');
});

test('commands: again, short, aside', async () => {
  const page = await bench('warehouse');
  const o = await split(s, [['LAMP', 2]]);
  await scanned(page, o.f);
  await scanned(page, 'LAMP');
  same((await scanned(page, 'ORDERD-RESET')).kind, 'warn');
  same((await s.want(200, 'GET', `/v1/pack/${o.f}`)).json.left, 2);
  await scanned(page, 'LAMP');
  const p = await split(s, [['RUG-200', 1]]);
  same((await scanned(page, p.f)).kind, 'bad', 'another slip while one is open');
  same((await scanned(page, 'ORDERD-NEXT')).kind, 'warn');
  same((await scanned(page, p.f)).kind, 'good');
  same((await scanned(page, 'orderd-short')).kind, 'warn');
  const w = await scanned(page, 'RUG-200');
  check(/Replaced|Replanned|waits/.test(w.text), w.text);
  await noTrouble(page, 'commands');
  await page.context().close();
});

test('a person who types slowly does not scan', async () => {
  const page = await bench('warehouse');
  await page.keyboard.press('KeyX');
  await sleep(600);
  await scanned(page, 'LAMP').then((w) => check(/slip first/.test(w.text), w.text));
  await page.context().close();
});

endServer(s);
