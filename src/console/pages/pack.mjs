// pack.mjs: the packing bench, full screen. A scanner is a keyboard that types fast and ends with Enter; its keys are
// collected by event.code, so that a Chinese input method, capitals lock or another layout changes nothing, and every
// scan is dealt with alone, in the order in which it came. The server decides what is right; this page shows and sounds it.
import { addWords, beep, Badge, Button, get, html, L, may, post, randomKey, recall, store, useEffect, useRef, useState, word } from 'core';

addWords('packed', {
  right: ['Right', '正确'], wrong: ['WRONG: not of this parcel', '错误：不属于此包裹'], too_many: ['TOO MANY: put it back', '多扫：请放回'], done: ['All pieces are in', '已齐，可封箱'], reset: ['Begun again', '已重新开始'],
  replaced: ['Replaced from the same shelf', '已从同货位补货'], replanned: ['Replanned into another parcel', '已改为另一包裹发货'], waits: ['The order waits for stock now', '订单转为等待补货'],
});
// What the printed command barcodes say.
export const COMMANDS = {
  'ORDERD-RESET': [L('Begin this parcel again', '重新开始'), 'r'], 'ORDERD-SHORT': [L('The next piece scanned is not there', '下一件缺货'), 's'], 'ORDERD-DAMAGED': [L('The next piece scanned is damaged', '下一件破损'), 'd'],
  'ORDERD-LABEL': [L('Buy and print the label', '购买并打印面单'), 'l'], 'ORDERD-NEXT': [L('Put this parcel aside', '暂放，换下一单'), 'n'],
};

const PLAIN = { Minus: ['-', '_'], Equal: ['=', '+'], Slash: ['/', '?'], Period: ['.', '>'], Comma: [',', '<'], Semicolon: [';', ':'], Quote: ["'", '"'], BracketLeft: ['[', '{'], BracketRight: [']', '}'], Backslash: ['\\', '|'], Backquote: ['`', '~'],
  NumpadSubtract: ['-', '-'], NumpadAdd: ['+', '+'], NumpadDivide: ['/', '/'], NumpadMultiply: ['*', '*'], NumpadDecimal: ['.', '.'], Space: [' ', ' '] };
const DIGITS = ')!@#$%^&*(';
// The character of a key on the layout that scanners speak (US), whatever the system makes of it.
export function charOf(e) {
  if (/^Key[A-Z]$/.test(e.code)) return e.shiftKey ? e.code[3] : e.code[3].toLowerCase();
  if (/^Digit[0-9]$/.test(e.code)) return e.shiftKey ? DIGITS[e.code[5]] : e.code[5];
  if (/^Numpad[0-9]$/.test(e.code)) return e.code[6];
  const p = PLAIN[e.code];
  return p ? p[e.shiftKey ? 1 : 0] : null;
}
const GAP_MS = 400; // a person's loose key presses do not become part of a scan
const same = (a, b) => a.toUpperCase() === b.toUpperCase();

// Calls that must not be lost or made twice: the same key again until an answer came.
async function sure(path, body) {
  const headers = { 'idempotency-key': randomKey() };
  for (let n = 0; ; n++) {
    const a = await post(path, body, { headers });
    if (a.status !== 0 && a.status !== 503 && a.status !== 429 || n >= 4) return a;
    await new Promise((r) => setTimeout(r, 300 << n));
  }
}

// The bench as a machine of its own, apart from what shows it. state: {slip, mode, say, kind, carrier, tracking, log, busy}
function bench(show) {
  const b = { slip: null, done: false, claimed: null, mode: null, queue: Promise.resolve(), waiting: 0, last: null };
  const say = (kind, text, more = {}) => { beep(kind); b.last = { kind, text, at: Date.now(), n: (b.last?.n ?? 0) + 1 }; Object.assign(b, more); show(b); };
  const bad = (a) => say('bad', [a.problem.title, a.problem.detail].filter(Boolean).join(' · '));

  const open = async (id) => {
    if (b.slip && !b.done && b.slip.expected.some((e) => e.scanned) && b.slip.id !== id) { say('bad', L(`Finish ${b.slip.id} first, or scan “put aside”`, `请先完成 ${b.slip.id}，或扫“暂放”`)); return; }
    const a = await get(`/v1/pack/${encodeURIComponent(id)}`);
    if (!a.ok) { bad(a); return; }
    const f = await get(`/v1/fulfilments/${encodeURIComponent(id)}`);
    if (!f.ok) { bad(f); return; }
    const claim = f.data.claim && f.data.claim.state !== 'void' ? f.data.claim : null;
    Object.assign(b, { slip: a.data, version: a.data.version, done: a.data.work === 'packed', claimed: claim, mode: null });
    if (claim) say('warn', L(`${id} has its parcel already: ${claim.tracking_no}`, `${id} 已有运单：${claim.tracking_no}`));
    else if (a.data.status === 'cancelled') say('bad', L('CANCELLED: do not pack', '已取消：请勿打包'), { slip: null });
    else say(b.done ? 'warn' : 'good', b.done ? L('Packed already: scan its label', '已打包：请扫面单') : L('Scan the pieces', '请扫商品'));
  };

  const take = (p) => { b.slip = { ...b.slip, expected: p.expected, left: p.left, status: p.status, work: p.work }; b.done = p.work === 'packed' || p.result === 'done'; };
  const bodyOf = (text) => (b.slip.expected.some((e) => same(e.sku, text)) ? { sku: b.slip.expected.find((e) => same(e.sku, text)).sku } : { barcode: text });

  const piece = async (text) => {
    const short = b.mode;
    b.mode = null;
    const a = short ? await sure(`/v1/pack/${b.slip.id}/short`, { ...bodyOf(text), quantity: 1, reason: short }) : await sure(`/v1/pack/${b.slip.id}/scan`, { ...bodyOf(text), quantity: 1 });
    if (!a.ok) { bad(a); return; }
    take(a.data);
    const r = a.data.result;
    say(r === 'done' ? 'done' : r === 'right' ? 'good' : r === 'wrong' || r === 'too_many' ? 'bad' : 'warn', `${word('packed', r)}${r === 'wrong' || r === 'too_many' || r === 'right' ? ` · ${text}` : ''}`);
  };

  // After the last piece a number is that of the label; a piece scanned once too often must never become one.
  const label = async (text) => {
    const known = await get(`/v1/skus?q=${encodeURIComponent(text)}&limit=20`);
    if (!known.ok) { bad(known); return; }
    const isArticle = known.data.data.some((k) => same(k.code, text) || (k.barcodes ?? []).some((c) => same(c, text)));
    if (isArticle || b.slip.expected.some((e) => same(e.sku, text))) { say('bad', `${word('packed', 'too_many')} · ${text}`); return; }
    if (!/^[A-Za-z0-9-]{8,40}$/.test(text)) { say('bad', L(`“${text}” is no tracking number`, `“${text}” 不是运单号`)); return; }
    const carrier = recall('carrier');
    if (!carrier) { say('bad', L('Name the carrier first (on the right)', '请先在右侧填写承运商')); return; }
    const a = await sure(`/v1/fulfilments/${b.slip.id}/claims`, { carrier, tracking_no: text });
    if (!a.ok) { bad(a); return; }
    b.count = (b.count ?? 0) + 1;
    say('done', L(`${b.slip.id} goes as ${text}`, `${b.slip.id} 已绑定 ${text}`), { claimed: a.data, finished: b.slip.id });
  };

  const command = async (name) => {
    if (!b.slip) { say('bad', L('Scan a slip first', '请先扫装箱单')); return; }
    if (name === 'ORDERD-NEXT') { say('warn', L(`${b.slip.id} is put aside`, `${b.slip.id} 已暂放`), { slip: null, done: false, claimed: null, mode: null }); return; }
    if (b.claimed) { say('bad', L('This parcel has its label: nothing changes any more', '此包裹已贴面单，不能再改')); return; }
    if (name === 'ORDERD-RESET') {
      const a = await sure(`/v1/pack/${b.slip.id}/reset`, {});
      if (!a.ok) { bad(a); return; }
      take(a.data); b.done = false; say('warn', word('packed', 'reset'), { mode: null });
    } else if (name === 'ORDERD-SHORT' || name === 'ORDERD-DAMAGED') {
      if (b.done) { say('bad', L('All pieces are in', '已齐')); return; }
      say('warn', name === 'ORDERD-SHORT' ? L('Scan what lacks (from its list or shelf)', '请扫缺货商品') : L('Scan what is damaged', '请扫破损商品'), { mode: name === 'ORDERD-SHORT' ? 'short' : 'damaged' });
    } else if (name === 'ORDERD-LABEL') {
      if (!b.done) { say('bad', L('Pieces are missing', '商品未齐')); return; }
      const carrier = recall('carrier');
      const a = await sure('/v1/waybills', { fulfilment: b.slip.id, ...(carrier ? { carrier } : {}) });
      if (!a.ok) { bad(a); return; }
      say('good', L('The label is being bought…', '正在购买面单…'));
      for (let n = 0; n < 40; n++) {
        const w = await get(`/v1/waybills/${a.data.id}`);
        if (w.ok && w.data.state === 'bought') { window.open(`/v1/waybills/${a.data.id}/label`, '_blank'); say('done', `${w.data.carrier} ${w.data.tracking_no}`, { claimed: { carrier: w.data.carrier, tracking_no: w.data.tracking_no } }); return; }
        if (w.ok && w.data.state === 'refused') { say('bad', L('The carrier refused: ', '承运商拒绝：') + (w.data.error?.detail ?? w.data.reason ?? '')); return; }
        await new Promise((r) => setTimeout(r, 500));
      }
      say('warn', L('No answer from the carrier yet; it goes on by itself', '承运商尚未答复，系统会继续处理'));
    }
  };

  const deal = async (text) => {
    if (COMMANDS[text.toUpperCase()]) return command(text.toUpperCase());
    if (/^f_[0-9]{1,18}$/i.test(text)) return open(text.toLowerCase());
    if (!b.slip) return say('bad', L('Scan a slip first', '请先扫装箱单'));
    if (b.claimed) return say('bad', L('This parcel is finished: scan the next slip', '此包裹已完成：请扫下一张装箱单'));
    return b.done ? label(text) : piece(text);
  };
  b.scan = (raw) => {
    const text = raw.trim();
    if (!text) return;
    b.waiting++;
    b.queue = b.queue.then(() => deal(text)).catch((e) => say('bad', String(e))).then(() => { b.waiting--; show(b); });
    show(b);
  };
  return b;
}

export default function Pack({ parts }) {
  const [, again] = useState(0);
  const [typed, setTyped] = useState('');
  const [carrier, setCarrier] = useState(recall('carrier') ?? '');
  const ref = useRef(null);
  ref.current ??= bench(() => again((n) => n + 1));
  const b = ref.current;
  const typing = (t) => t && /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName);
  useEffect(() => { if (parts[0]) b.scan(parts[0]); }, [parts[0]]);
  useEffect(() => {
    let text = '', last = 0;
    const f = (e) => {
      if (e.ctrlKey || e.altKey || e.metaKey || typing(e.target) || document.querySelector('dialog[open]')) return;
      if (e.repeat) { e.preventDefault(); return; }
      const now = e.timeStamp;
      if (e.code === 'Enter' || e.code === 'NumpadEnter' || e.code === 'Tab') {
        if (!text) return; // Enter on a button is the button's
        e.preventDefault(); e.stopImmediatePropagation();
        const whole = text;
        text = ''; setTyped('');
        b.scan(whole);
        return;
      }
      if (e.code === 'Escape') { text = ''; setTyped(''); return; }
      const c = charOf(e);
      if (c === null) return;
      e.preventDefault(); e.stopImmediatePropagation();
      if (now - last > GAP_MS && text.length && text.length < 3) text = '';
      last = now;
      if (text.length < 200) text += c;
      setTyped(text);
    };
    addEventListener('keydown', f, true);
    return () => removeEventListener('keydown', f, true);
  }, []);
  const s = b.slip;
  return html`<div class="pack">
    <div class="row"><a class="button" href="#/ship">← ${L('Ship', '发货')}</a><h1>${L('Pack station', '打包台')}</h1><span class="end">${b.count ? L(`${b.count} parcels`, `已完成 ${b.count} 单`) : ''}</span></div>
    <div class=${'pack-say ' + (b.last?.kind ?? '')} role="status" aria-live="assertive" data-n=${b.last?.n ?? 0} data-waiting=${b.waiting}>${b.last?.text ?? L('Scan a packing slip', '请扫装箱单条码')}</div>
    <p class="pack-typed mono" aria-hidden="true">${typed || ' '}</p>
    <div class="two"><section class="card">${s ? html`<h2>${s.id} <${Badge} value=${s.status} /> ${b.done ? html`<span class="badge good">${L('complete', '已齐')}</span>` : html`<span class="badge warn">${L(`${s.left} to go`, `还差 ${s.left} 件`)}</span>`}</h2>
      ${s.remarks.map((r, i) => html`<p class="notice break" key=${i}>${r.buyer ?? r.text ?? ''} ${r.seller ?? ''}</p>`)}
      <table class="pack-list"><thead><tr><th>SKU</th><th>${L('Article', '商品')}</th><th class="num">${L('Scanned', '已扫')}</th></tr></thead><tbody>${s.expected.map((e) => html`<tr key=${e.sku} class=${e.scanned >= e.wanted ? 'good' : ''}><td class="break"><b>${e.sku}</b></td><td class="break">${e.title ?? ''}</td><td class="num"><b>${e.scanned}</b> / ${e.wanted}${e.scanned >= e.wanted ? ' ✓' : ''}</td></tr>`)}</tbody></table>
      ${b.claimed ? html`<p class="good"><b>${b.claimed.carrier} ${b.claimed.tracking_no}</b></p>` : b.done ? html`<p><b>${L('Now scan the label on the parcel.', '请扫包裹上的运单条码。')}</b></p>` : null}` : html`<p class="empty">${L('No parcel is open.', '当前没有打开的包裹。')}</p>`}</section>
      <section class="card"><h2>${L('This bench', '本台设置')}</h2>
        <label class="form">${L('Carrier of labels scanned here', '在此扫描的面单承运商')} <input value=${carrier} maxlength="64" list="carriers" onInput=${(e) => { setCarrier(e.target.value); store('carrier', e.target.value.trim() || null); }} onKeyDown=${(e) => { if (e.key === 'Enter') e.target.blur(); }} /></label><datalist id="carriers">${['SF', 'YTO', 'ZTO', 'YUNDA', 'STO', 'JD', 'EMS', 'DEPPON'].map((c) => html`<option value=${c} key=${c} />`)}</datalist>
        <h3>${L('Commands', '指令')}</h3>
        ${Object.entries(COMMANDS).map(([k, [text]]) => html`<p key=${k}><${Button} onClick=${() => b.scan(k)}>${text}<//></p>`)}
        ${may('getBarcodes') ? html`<p><a href=${`/v1/barcodes?texts=${Object.keys(COMMANDS).join('%20')}&lang=${document.documentElement.lang.startsWith('zh') ? 'zh' : 'en'}`} target="_blank">${L('Print them as barcodes', '打印指令条码')}</a></p>` : null}
      </section></div></div>`;
}
