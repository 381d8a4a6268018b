// core.mjs: what every page uses: elements, languages, calls to the API, the address as the view, keys, times and
// money, and the few components that all pages share. Pages import from 'core' only.
import { Component, createContext, createRef, Fragment, h, htm, render, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'vendor';

export { Component, createContext, createRef, Fragment, h, render, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState };
export const html = htm.bind(h);

// ---- who is here: told by the server in the page itself ---------------------------------------------------------
const told = JSON.parse(document.querySelector('meta[name=orderd]')?.content || '{}');
// user: {name, roles: [...]} or null; may: operation ids of the API that the roles allow; setup: nobody can sign in yet
export const me = { user: told.user ?? null, roles: told.roles ?? [], setup: !!told.setup, may: new Set(told.may ?? []) };
export const may = (op) => me.may.has(op);
export const has = (...roles) => me.roles.includes('admin') || roles.some((r) => me.roles.includes(r));

// ---- languages: both texts stand where they are used ---------------------------------------------------------------
const stored = (name) => { try { return localStorage.getItem(`orderd.${name}`); } catch { return null; } };
export const store = (name, value) => { try { value == null ? localStorage.removeItem(`orderd.${name}`) : localStorage.setItem(`orderd.${name}`, value); } catch { /* private windows */ } };
export const recall = stored;
export const lang = stored('lang') ?? (/^zh/i.test(navigator.language) ? 'zh' : 'en');
document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
export const L = (en, zh) => (lang === 'zh' ? zh : en);
export function setLang(to) { store('lang', to); location.reload(); }
export const theme = stored('theme') ?? 'auto';
function applyTheme(to) { if (to === 'auto') delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = to; }
export function setTheme(to) { store('theme', to); applyTheme(to); }
applyTheme(theme);

// Words of the API in both languages: word('status', 'paid'). An unknown word is shown as it is.
const WORDS = {
  status: {
    pending: ['To confirm', '待确认'], paid: ['Paid', '已付款'], split: ['Split', '已拆单'], producing: ['In production', '生产中'], inspected: ['Inspected', '质检完成'],
    pre_ship: ['Ready to ship', '预发货'], shipped: ['Shipped', '已发货'], completed: ['Completed', '已完成'], cancelled: ['Cancelled', '已取消'],
    placed: ['Placed', '已下单'], partly_shipped: ['Partly shipped', '部分发货'], open: ['Open', '进行中'], locked: ['Locked', '已锁定'], empty: ['Empty', '已清空'],
    ready: ['Ready', '待拣货'], waiting: ['Waiting', '缺货等待'], picking: ['Picking', '拣货中'], packed: ['Packed', '已打包'], claimed: ['Claimed', '已占用单号'], void: ['Void', '已作废'], done: ['Done', '已完成'],
  },
  exception: {
    unknown_sku: ['Unknown SKU', '未知 SKU'], oversold: ['Not enough stock', '库存不足'], mapping_failed: ['Could not be read', '无法解析'], short_pick: ['Short at picking', '拣货缺件'],
    channel_ahead: ['The channel is ahead of us', '渠道状态领先'], channel_disagrees: ['The channel disagrees', '与渠道不一致'], cancel_after_lock: ['Cancelled after the lock', '锁定后取消'], address_after_lock: ['Address changed after the lock', '锁定后改地址'],
    lines_after_lock: ['Lines changed after the lock', '锁定后改商品'], cancel_after_start: ['Cancelled after production began', '开工后取消'], work_late: ['The factory is late', '生产延期'], factory_refused: ['The factory refused', '工厂拒单'], qc_failed: ['Quality check failed', '质检不合格'],
    refund_by_hand: ['Refund by hand', '需人工退款'], refund_differs: ['The refund differs', '退款不一致'], callback_failed: ['A callback failed', '回调失败'], poll_missed: ['Polling missed orders', '轮询漏单'], effect_dead: ['Could not be delivered', '外部操作失败'], rule_failed: ['A rule fails', '规则出错'],
  },
  role: {
    admin: ['Administrator', '管理员'], cs: ['Customer service', '客服'], warehouse: ['Warehouse', '仓库'], production: ['Production', '生产'],
    finance: ['Finance', '财务'], viewer: ['Viewer', '只读'], channel: ['Channel', '渠道'],
  },
};
export function addWords(kind, words) { WORDS[kind] = { ...WORDS[kind], ...words }; }
export function word(kind, text) {
  if (kind === 'exception' && String(text).startsWith('overdue:')) return L(`Late in ${word('status', text.slice(8))}`, `${word('status', text.slice(8))}超时`);
  const w = WORDS[kind]?.[text];
  return w ? L(w[0], w[1]) : String(text ?? '').replaceAll('_', ' ');
}

// ---- calls ------------------------------------------------------------------------------------------------------------
let reveal = false; // personal data in full: asked for by a person, noted by the server
export const revealed = () => reveal;
export function setReveal(on) { reveal = on; news.emit('*'); }

// {ok, status, data, problem, etag}; never throws. problem: {status, code, title, detail, errors?, allowed?}
export async function api(method, path, body, { headers = {}, raw = false, signal } = {}) {
  const head = { accept: 'application/json', ...headers };
  if (reveal) head['x-orderd-reveal'] = '1';
  if (method === 'POST') head['idempotency-key'] ??= randomKey();
  if (body !== undefined && !raw) head['content-type'] = 'application/json';
  let res, text;
  try {
    res = await fetch(path, { method, headers: head, body: body === undefined ? undefined : raw ? body : JSON.stringify(body), signal, credentials: 'same-origin' });
    text = await res.text();
  } catch (e) {
    if (e.name === 'AbortError') return { ok: false, status: 0, aborted: true, problem: { status: 0, code: 'aborted', detail: '' } };
    return { ok: false, status: 0, problem: { status: 0, code: 'unreachable', title: L('orderd does not answer', 'orderd 没有响应'), detail: L('Is it running, and is the network there?', '请检查服务是否运行、网络是否畅通。') } };
  }
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { data = null; }
  if (res.status === 401 && me.user && path !== '/v1/session') { signedOut(); }
  if (!res.ok) return { ok: false, status: res.status, problem: data ?? { status: res.status, code: 'http', title: `HTTP ${res.status}`, detail: text.slice(0, 200) } };
  return { ok: true, status: res.status, data, etag: res.headers.get('etag') };
}
export const get = (path, options) => api('GET', path, undefined, options);
export const post = (path, body, options) => api('POST', path, body, options);
function signedOut() { location.reload(); }
// Not crypto.randomUUID: that needs a secure context, and plain HTTP in a LAN is common.
export function randomKey() {
  const b = crypto.getRandomValues(new Uint8Array(16));
  return [...b].map((x) => x.toString(16).padStart(2, '0')).join('');
}
// "limit=50&status=paid" of an object; empty values are left away.
export function query(object) {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(object)) if (v !== undefined && v !== null && v !== '') q.set(k, v);
  const s = q.toString();
  return s ? `?${s}` : '';
}

// ---- news: what changed, from the event stream of visible tabs and from our own writes ----------------------------------
function emitter() {
  const all = new Set();
  return { on(f) { all.add(f); return () => all.delete(f); }, emit(x) { for (const f of [...all]) f(x); } };
}
export const news = emitter(); // emits events {seq, entity, type, data…}, or '*': read everything again

// useGet('/v1/orders/o_1', {on: (event) => event.entity === 'o_1'}) → {data, problem, loading, reload}
// The last answer stays in view while a new one is fetched, so nothing jumps.
export function useGet(path, { on = null, every = 0 } = {}) {
  const [state, set] = useState({ data: null, problem: null, loading: !!path, path: null });
  const live = useRef({});
  const load = useCallback(async () => {
    if (!path) return;
    live.current.stop?.abort();
    const stop = new AbortController();
    live.current.stop = stop;
    const a = await get(path, { signal: stop.signal });
    if (a.aborted || live.current.stop !== stop) return;
    set((old) => ({ data: a.ok ? a.data : old.path === path ? old.data : null, problem: a.ok ? null : a.problem, loading: false, path, etag: a.etag }));
  }, [path]);
  useEffect(() => {
    set((old) => ({ ...old, loading: true }));
    load();
    return () => live.current.stop?.abort();
  }, [load]);
  useEffect(() => {
    if (!path) return undefined;
    let timer = 0;
    const later = () => { if (!timer) timer = setTimeout(() => { timer = 0; load(); }, 400); };
    const off = news.on((e) => { if (e === '*') load(); else if (on && on(e)) later(); });
    const tick = every ? setInterval(() => { if (!document.hidden) load(); }, every) : 0;
    return () => { off(); clearTimeout(timer); clearInterval(tick); };
  }, [load, on, every]);
  const fresh = state.path === path;
  return { data: fresh ? state.data : state.data, stale: !fresh, problem: fresh ? state.problem : null, loading: state.loading || !fresh, etag: state.etag, reload: load };
}

// Pages of a list: {rows, more, load, problem, loading, reload}. New rows never move the old ones: with news, `fresh`
// counts up and the person asks for them.
export function useList(path, { on = null } = {}) {
  const [s, set] = useState({ rows: null, next: null, problem: null, loading: true, fresh: 0, path: null });
  const run = useRef(0);
  const fetchPage = useCallback(async (cursor, keep) => {
    const mine = ++run.current;
    set((o) => ({ ...o, loading: true }));
    const a = await get(cursor ? path + (path.includes('?') ? '&' : '?') + 'cursor=' + encodeURIComponent(cursor) : path);
    if (mine !== run.current) return;
    if (!a.ok) set((o) => ({ ...o, problem: a.problem, loading: false, rows: o.path === path ? o.rows : [], path }));
    else set((o) => ({ rows: keep ? [...(o.rows ?? []), ...a.data.data] : a.data.data, next: a.data.next, problem: null, loading: false, fresh: 0, path }));
  }, [path]);
  useEffect(() => { fetchPage(null, false); return () => { run.current++; }; }, [fetchPage]);
  useEffect(() => news.on((e) => {
    if (e === '*') fetchPage(null, false);
    else if (on && on(e)) set((o) => ({ ...o, fresh: o.fresh + 1 }));
  }), [fetchPage, on]);
  return {
    rows: s.rows, problem: s.problem, loading: s.loading, fresh: s.fresh, stale: s.path !== path,
    more: s.next ? () => fetchPage(s.next, true) : null, reload: () => fetchPage(null, false),
    // A row that a command of ours changed is shown changed at once, in its place.
    change: (f) => set((o) => ({ ...o, rows: (o.rows ?? []).map(f).filter(Boolean) })),
  };
}

// ---- the address is the view: #/orders?status=paid ------------------------------------------------------------------------
export function readRoute() {
  const [path, search = ''] = location.hash.replace(/^#/, '').split('?');
  return { parts: path.split('/').filter(Boolean).map((p) => { try { return decodeURIComponent(p); } catch { return p; } }), query: Object.fromEntries(new URLSearchParams(search)) };
}
export const href = (...parts) => {
  const q = typeof parts[parts.length - 1] === 'object' ? parts.pop() : null;
  return '#/' + parts.map(encodeURIComponent).join('/') + (q ? query(q) : '');
};
export function go(to) { location.hash = to.replace(/^#/, ''); }
// Changes some values of the view's query; the history keeps one entry per view, not per keystroke.
export function setQuery(changes, { push = false } = {}) {
  const r = readRoute();
  const to = '#/' + r.parts.map(encodeURIComponent).join('/') + query({ ...r.query, ...changes });
  if (push) location.hash = to; else { history.replaceState(null, '', to); dispatchEvent(new HashChangeEvent('hashchange')); }
}
export function useRoute() {
  const [r, set] = useState(readRoute);
  useEffect(() => { const f = () => set(readRoute()); addEventListener('hashchange', f); return () => removeEventListener('hashchange', f); }, []);
  return r;
}

// ---- keys -------------------------------------------------------------------------------------------------------------------
// useKeys([['j', 'Next row', '下一行', fn], …]): letters, digits, '?', '/', 'Enter', 'Escape', 'ArrowDown', 'Shift+x'.
// They are read from event.code where the input method would swallow them, and are silent while a person types.
const keyStack = [];
export const keyHelp = () => keyStack.flatMap((k) => k.current).filter((r) => r[1]);
const typing = (t) => t && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName)) && !/^(checkbox|radio|button)$/.test(t.type ?? '');
function keyName(e) {
  if (e.key === '?' || e.key === '/') return e.key;
  let k = e.key;
  if (/^Key[A-Z]$/.test(e.code)) k = e.code.slice(3).toLowerCase();
  else if (/^(Digit|Numpad)[0-9]$/.test(e.code)) k = e.code.slice(-1);
  else if (e.code === 'Slash') k = e.shiftKey ? '?' : '/';
  return (e.shiftKey && /^[a-z]$/.test(k) ? 'Shift+' : '') + k;
}
addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey || e.defaultPrevented) return;
  if (typing(e.target) && e.key !== 'Escape') return;
  const name = keyName(e);
  if (name === 'Enter' && /^(BUTTON|A|SUMMARY)$/.test(e.target.tagName)) return;
  if (name === ' ' && e.target.tagName === 'BUTTON') return;
  for (let i = keyStack.length - 1; i >= 0; i--) {
    const layer = keyStack[i].current, row = layer.find((r) => r[0] === name);
    if (row) { e.preventDefault(); row[3](e); return; }
    if (layer.modal) return;
  }
});
export function useKeys(rows, modal = false) {
  const ref = useRef([]);
  ref.current = rows.filter(Boolean);
  ref.current.modal = modal;
  useLayoutEffect(() => { keyStack.push(ref); return () => { keyStack.splice(keyStack.indexOf(ref), 1); }; }, []);
}

// ---- times and money -------------------------------------------------------------------------------------------------------
const locale = lang === 'zh' ? 'zh-CN' : 'en-GB';
const dtf = new Intl.DateTimeFormat(locale, { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hour12: false });
const dtfYear = new Intl.DateTimeFormat(locale, { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hour12: false });
export function time(t) {
  if (!t) return '';
  const d = new Date(t);
  return (Math.abs(Date.now() - d) < 180 * 86400e3 ? dtf : dtfYear).format(d);
}
export const fullTime = (t) => (t ? new Date(t).toLocaleString(locale, { timeZoneName: 'short' }) : '');
// "3 h", "2 d": how long, without a direction.
export function span(ms) {
  const s = Math.abs(ms) / 1000;
  if (s < 90) return L(`${Math.round(s)} s`, `${Math.round(s)} 秒`);
  if (s < 5400) return L(`${Math.round(s / 60)} min`, `${Math.round(s / 60)} 分钟`);
  if (s < 172800) return L(`${Math.round(s / 3600)} h`, `${Math.round(s / 3600)} 小时`);
  return L(`${Math.round(s / 86400)} d`, `${Math.round(s / 86400)} 天`);
}
export const ago = (t) => (t ? L(`${span(Date.now() - new Date(t))} ago`, `${span(Date.now() - new Date(t))}前`) : '');
export const money = (m) => (m == null ? '' : `${m.currency === 'CNY' ? '¥' : m.currency + ' '}${m.amount}`);
export const number = (n) => (n == null ? '' : new Intl.NumberFormat(locale).format(n));

// ---- components --------------------------------------------------------------------------------------------------------------
export const Time = ({ t }) => (t ? html`<time datetime=${t} title=${fullTime(t)}>${time(t)}</time>` : null);
// A deadline: late is red and says since when.
export function Due({ t }) {
  if (!t) return null;
  const ms = new Date(t) - Date.now();
  return html`<span class=${'due ' + (ms < 0 ? 'late' : ms < 4 * 3600e3 ? 'soon' : '')} title=${fullTime(t)}>
    ${ms < 0 ? L(`${span(ms)} late`, `超时 ${span(ms)}`) : L(`in ${span(ms)}`, `剩 ${span(ms)}`)}</span>`;
}
export const Badge = ({ kind = 'status', value }) => html`<span class=${`badge ${kind}-${value}`}>${word(kind, value)}</span>`;
export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;
export function Problem({ problem, retry }) {
  if (!problem) return null;
  return html`<div class="problem" role="alert"><strong>${problem.title ?? problem.code}</strong> ${problem.detail}
    ${problem.errors?.length ? html`<ul>${problem.errors.slice(0, 10).map((e) => html`<li><code>${e.pointer}</code> ${e.detail}</li>`)}</ul>` : null}
    ${retry ? html` <button type="button" onClick=${retry}>${L('Try again', '重试')}</button>` : null}</div>`;
}
export const Loading = () => html`<p class="loading" role="status">${L('Loading…', '加载中…')}</p>`;
// Buttons disable themselves while their work runs, so that nothing is sent twice.
export function Button({ onClick, children, kind = '', ...rest }) {
  const [busy, set] = useState(false);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const run = async (e) => {
    if (busy) return;
    set(true);
    try { await onClick?.(e); } finally { if (alive.current) set(false); }
  };
  return html`<button type="button" class=${kind} disabled=${busy || rest.disabled} ...${rest} onClick=${run}>${children}</button>`;
}
export function Key({ k }) { return html`<kbd>${k}</kbd>`; }
// Rows that come when asked for, so that the list stays under the hand.
export function ListEnd({ list, none }) {
  if (list.problem) return html`<${Problem} problem=${list.problem} retry=${list.reload} />`;
  if (!list.rows) return html`<${Loading} />`;
  if (!list.rows.length) return html`<${Empty}>${none}<//>`;
  return list.more ? html`<p class="more"><${Button} onClick=${list.more}>${L('More', '更多')}<//></p>` : null;
}
export const Fresh = ({ list }) => (list.fresh ? html`<button type="button" class="fresh" onClick=${list.reload}>${L(`${list.fresh} changes: show`, `${list.fresh} 处变化，点击刷新`)}</button>` : null);

// ---- things that lie over the page: messages that fade, questions ---------------------------------------------------------
export const overlays = emitter();
// toast('Done'), toast(text, 'bad')
export function toast(text, kind = 'good') { overlays.emit({ toast: { text, kind, id: randomKey() } }); }
export const toastProblem = (a) => { const p = a.problem ?? a; toast([p.title ?? p.code, p.detail, ...(p.errors ?? []).slice(0, 3).map((e) => `${e.pointer} ${e.detail}`)].filter(Boolean).join(' · '), 'bad'); };
// ask({title, text, fields: [{name, label, type: 'text'|'select'|'number'|'textarea'|'password'|'checkbox', value, options: [[value, label]], required}], ok, danger})
// resolves to an object of values, or null when the person turns away.
export const ask = (question) => new Promise((answer) => overlays.emit({ ask: { ...question, answer } }));
// act(() => post(…), 'Done'): runs, tells how it went, reads again; true when it worked.
export async function act(work, done) {
  const a = await work();
  if (!a.ok) { toastProblem(a); return false; }
  if (done) toast(done);
  news.emit('*');
  return true;
}

// ---- sounds: made, not loaded; for hands that are full and eyes that look elsewhere ------------------------------------------
let audio = null;
export function beep(kind) {
  try {
    audio ??= new AudioContext();
    const tones = { good: [[880, 0.08]], done: [[880, 0.08], [1320, 0.14]], bad: [[220, 0.35]], warn: [[440, 0.12], [440, 0.12]] }[kind] ?? [];
    let at = audio.currentTime;
    for (const [hz, s] of tones) {
      const o = audio.createOscillator(), g = audio.createGain();
      o.frequency.value = hz; o.type = kind === 'bad' ? 'sawtooth' : 'sine';
      g.gain.setValueAtTime(0.2, at); g.gain.exponentialRampToValueAtTime(0.001, at + s);
      o.connect(g).connect(audio.destination); o.start(at); o.stop(at + s); at += s + 0.04;
    }
  } catch { /* no sound, no harm */ }
}
