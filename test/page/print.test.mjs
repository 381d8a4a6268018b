// What the browser prints, a scanner reads: 1,000 random codes, drawn by the program, printed by Chromium to PDF, made
// pixels of 203 dpi as label printers have them, and read by zbarimg.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { check, cookiesOf, endServer, fail, same, split, test, theBrowser, warehouse, article, withServer } from './lib.mjs';

const s = withServer({ conf: '[merge]\nwindow = 1s\n' });
const CODES = Number(process.env.CODES ?? 1000), PER_PAGE = 50;
let seed = 11;
const rnd = (n) => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return Math.floor((seed / 0x7fffffff) * n); };
const SIGNS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz-_./';
const code = () => { const kind = rnd(4), n = 4 + rnd(17); return Array.from({ length: kind === 0 ? 12 + rnd(3) : n }, () => (kind === 0 ? rnd(10) : SIGNS[rnd(kind === 1 ? 36 : SIGNS.length)])).join(''); };

async function printed(paths) {
  const b = await theBrowser(), context = await b.newContext();
  await context.addCookies(await cookiesOf(s, 'warehouse'));
  const page = await context.newPage(), dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orderd-print-')), found = new Set();
  for (const [i, p] of paths.entries()) {
    await page.goto(`http://127.0.0.1:${s.port}${p}`);
    const pdf = path.join(dir, `${i}.pdf`);
    fs.writeFileSync(pdf, await page.pdf({ format: 'A4' }));
    execFileSync('pdftoppm', ['-r', '203', '-gray', pdf, path.join(dir, `${i}`)]);
    for (const f of fs.readdirSync(dir).filter((x) => x.startsWith(`${i}-`))) {
      const out = execFileSync('sh', ['-c', 'zbarimg -q --raw -Sdisable -Scode128.enable "$1" 2>/dev/null || [ $? = 4 ]', 'sh', path.join(dir, f)], { encoding: 'utf8' });
      for (const line of out.split('\n')) if (line) found.add(line);
      fs.unlinkSync(path.join(dir, f));
    }
  }
  await context.close();
  fs.rmSync(dir, { recursive: true });
  return found;
}

test(`${CODES} random codes are read at 203 dpi`, async () => {
  const all = Array.from({ length: CODES }, code), paths = [];
  for (let i = 0; i < CODES; i += PER_PAGE) paths.push(`/v1/barcodes?texts=${encodeURIComponent(all.slice(i, i + PER_PAGE).join(' '))}`);
  const found = await printed(paths), lost = all.filter((c) => !found.has(c));
  same(lost, [], `${lost.length} of ${CODES} were not read`);
});

test('slips and the commands are read too', async () => {
  await warehouse(s);
  await article(s, 'LAMP');
  const ids = [];
  for (let i = 0; i < 4; i++) ids.push((await split(s, [['LAMP', 1]])).f);
  const w = (await s.want(201, 'POST', '/v1/waves', { body: { warehouse: 'HZ', limit: 10 } })).json;
  const found = await printed([`/v1/waves/${w.id}/picklist`, '/v1/barcodes?texts=ORDERD-RESET%20ORDERD-SHORT&lang=zh']);
  for (const c of [...ids, 'ORDERD-RESET', 'ORDERD-SHORT']) check(found.has(c), `${c} is not read`);
});

test('what cannot be a barcode is refused', async () => {
  for (const q of ['', '?texts=', `?texts=${'x'.repeat(41)}`, `?texts=${Array(101).fill('a').join('%20')}`, '?texts=%E5%BC%A0', '?texts=a&lang=fr']) await s.want(400, 'GET', `/v1/barcodes${q}`);
});

endServer(s);
