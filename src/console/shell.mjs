// shell.mjs: what stands around every page: sign-in, navigation, the search box, keys, messages and questions, and the
// stream of events while the tab is visible.
import {
  api, beep, Button, get, go, has, href, html, Key, keyHelp, L, lang, Loading, may, me, news, number, overlays, post, Problem, query, readRoute, recall,
  render, revealed, setLang, setReveal, setTheme, store, theme, toast, toastProblem, useEffect, useKeys, useLayoutEffect, useRef, useRoute, useState, word,
} from 'core';

// ---- pages: name, key behind g, title, module, who sees it in the menu --------------------------------------------
const PAGES = [
  ['home', 'h', L('Home', '首页'), () => import('home'), () => true],
  ['orders', 'o', L('Orders', '订单'), () => import('orders'), () => may('listOrders')],
  ['exceptions', 'x', L('Exceptions', '异常'), () => import('exceptions'), () => may('listExceptions')],
  ['groups', 'm', L('Groups', '合并组'), () => import('groups'), () => may('listGroups')],
  ['ship', 's', L('Ship', '发货'), () => import('ship'), () => may('listWaves')],
  ['returns', 'r', L('Returns', '售后'), () => import('returns'), () => may('listCases')],
  ['stock', 'k', L('Stock', '库存'), () => import('stock'), () => may('listStock')],
  ['channels', 'c', L('Channels', '渠道'), () => import('channels'), () => may('listChannels')],
  ['import', 'i', L('Import', '导入'), () => import('import'), () => may('putImport')],
  ['dashboard', 'd', L('Dashboard', '看板'), () => import('dashboard'), () => true],
  ['settings', 't', L('Settings', '设置'), () => import('settings'), () => true],
  ['order', '', L('Order', '订单详情'), () => import('order'), () => false],
  ['pack', '', L('Pack station', '打包台'), () => import('pack'), () => false],
];
const loaded = new Map();

function usePage(name) {
  const [, again] = useState(0);
  const row = PAGES.find((p) => p[0] === name);
  useEffect(() => {
    if (!row || loaded.has(name)) return;
    row[3]().then((m) => loaded.set(name, { view: m.default }), (e) => loaded.set(name, { failed: String(e) })).then(() => again((n) => n + 1));
  }, [name]);
  return row ? loaded.get(name) ?? null : { missing: true };
}

// ---- the event stream: only while the tab can be seen; what was missed meanwhile is read again ------------------------
function listen() {
  let source = null, hidden = 0;
  const open = () => {
    if (source || document.hidden || !me.user || !may('listEvents')) return;
    source = new EventSource('/v1/events');
    source.onmessage = (m) => { try { news.emit(JSON.parse(m.data)); } catch { /* a broken frame is followed by whole ones */ } };
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) { hidden = Date.now(); source?.close(); source = null; return; }
    if (hidden) news.emit('*');
    open();
  });
  setTimeout(open, 1500);
}

// ---- sign-in and set-up ---------------------------------------------------------------------------------------------------
function SignIn({ setup, code }) {
  const [problem, set] = useState(null);
  const [busy, setBusy] = useState(false);
  const form = useRef();
  useEffect(() => form.current?.querySelector('input')?.focus(), []);
  const submit = async (e) => {
    e.preventDefault();
    if (busy) return;
    setBusy(true);
    const f = new FormData(form.current);
    const values = { name: f.get('name').trim(), password: f.get('password') };
    const a = setup ? await post('/v1/setup', { code, ...values }) : await post('/v1/session', values);
    if (!a.ok) { set(a.problem); setBusy(false); return; }
    if (setup) history.replaceState(null, '', '#/');
    location.reload();
  };
  return html`<main class="signin"><form ref=${form} onSubmit=${submit}>
    <h1>orderd</h1>
    <p>${setup ? L('Make the first administrator.', '创建第一个管理员。') : L('Sign in', '登录')}</p>
    <label>${L('Name', '用户名')}<input name="name" autocomplete="username" required pattern="[A-Za-z0-9._@\\-]{1,64}" maxlength="64" /></label>
    <label>${L('Password', '密码')}<input name="password" type="password" autocomplete=${setup ? 'new-password' : 'current-password'} required minlength=${setup ? 10 : 1} maxlength="200" /></label>
    ${setup ? html`<p class="hint">${L('At least 10 characters.', '至少 10 个字符。')}</p>` : null}
    <${Problem} problem=${problem} />
    <button class="primary" disabled=${busy}>${setup ? L('Create and sign in', '创建并登录') : L('Sign in', '登录')}</button>
    ${!setup && me.setup ? html`<p class="hint">${L('Nobody can sign in yet: open the set-up link that “orderd serve” printed, or make a user with “orderd user add”.', '尚无可登录的用户：请打开 “orderd serve” 输出的初始化链接，或用 “orderd user add” 创建用户。')}</p>` : null}
    <p><button type="button" class="link" onClick=${() => setLang(lang === 'zh' ? 'en' : 'zh')}>${lang === 'zh' ? 'English' : '中文'}</button></p>
  </form></main>`;
}

// ---- search: always in reach; one hit and Enter opens it ---------------------------------------------------------------------
function Search() {
  const input = useRef();
  const [text, setText] = useState('');
  const [hits, setHits] = useState(null);
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const ask = useRef({ n: 0 });
  useKeys([['/', 'Search', '搜索', () => { input.current.focus(); input.current.select(); }]]);
  useEffect(() => {
    const q = text.trim();
    ask.current.stop?.abort();
    const mine = ++ask.current.n;
    setAt(0);
    if (!q) { setHits(null); return undefined; }
    const timer = setTimeout(async () => {
      const stop = new AbortController();
      ask.current.stop = stop;
      const a = await get('/v1/orders' + query({ q, limit: 8 }), { signal: stop.signal });
      if (mine === ask.current.n && !a.aborted) { setHits(a.ok ? { q, rows: a.data.data } : { q, rows: [], problem: a.problem }); ask.current.waiting?.(a); }
    }, 120);
    return () => clearTimeout(timer);
  }, [text]);
  const done = () => { setOpen(false); setText(''); setHits(null); input.current.blur(); };
  const openRow = (row) => { done(); go(href('order', row.id)); };
  const enter = async () => {
    const q = text.trim();
    if (!q) return;
    // What a scanner typed is searched at once; what a person looks at is opened as they see it.
    let found = hits?.q === q ? hits.rows : null;
    if (!found) {
      ask.current.n++;
      const a = await get('/v1/orders' + query({ q, limit: 8 }));
      if (!a.ok) { toastProblem(a); return; }
      found = a.data.data;
    }
    if (found.length === 1 || at > 0) openRow(found[at > 0 ? at - 1 : 0]);
    else { setOpen(false); input.current.blur(); go(href('orders', { q })); setText(''); }
  };
  const key = (e) => {
    if (e.isComposing) return;
    if (e.key === 'Enter') { e.preventDefault(); enter(); }
    else if (e.key === 'Escape') { e.preventDefault(); done(); }
    else if (e.key === 'ArrowDown') { e.preventDefault(); setAt((n) => Math.min(n + 1, hits?.rows.length ?? 0)); }
    else if (e.key === 'ArrowUp') { e.preventDefault(); setAt((n) => Math.max(n - 1, 0)); }
  };
  const shown = open && hits;
  return html`<div class="search" role="search">
    <input ref=${input} type="search" role="combobox" aria-expanded=${!!shown} aria-controls="hits" aria-activedescendant=${at ? 'hit' + at : undefined} autocomplete="off" spellcheck=${false}
      placeholder=${L('Search: number, phone, name, SKU…  /', '搜索：单号、电话、姓名、拼音首字母、SKU…  /')} aria-label=${L('Search orders', '搜索订单')}
      value=${text} onInput=${(e) => { setText(e.target.value); setOpen(true); }} onKeyDown=${key} onFocus=${() => setOpen(true)} onBlur=${() => setTimeout(() => setOpen(false), 150)} />
    ${shown ? html`<ul id="hits" role="listbox">
      ${hits.problem ? html`<li class="none">${hits.problem.detail}</li>` : !hits.rows.length ? html`<li class="none">${L('Nothing found', '没有找到')}</li>` : null}
      ${hits.rows.map((o, i) => html`<li id=${'hit' + (i + 1)} role="option" aria-selected=${at === i + 1} class=${at === i + 1 ? 'at' : ''} onMouseDown=${(e) => { e.preventDefault(); openRow(o); }}>
        <b>${o.external_id}</b> <span class=${`badge status-${o.status}`}>${word('status', o.status)}</span> ${o.receiver?.name ?? o.buyer?.name ?? ''} <small>${o.channel}</small></li>`)}
    </ul>` : null}
  </div>`;
}

// ---- what lies over the page ---------------------------------------------------------------------------------------------------
function Question({ q, close }) {
  const form = useRef(), dialog = useRef();
  const before = useRef(document.activeElement);
  useLayoutEffect(() => {
    dialog.current.showModal();
    (form.current.querySelector('input,select,textarea') ?? form.current.querySelector('button.primary'))?.focus();
    const back = before.current;
    return () => back?.focus?.();
  }, []);
  useKeys([['Escape', '', '', () => done(null)]], true);
  const done = (v) => { q.answer(v); close(); };
  const submit = (e) => {
    e.preventDefault();
    const f = new FormData(form.current), out = {};
    for (const field of q.fields ?? []) out[field.name] = field.type === 'checkbox' ? f.get(field.name) === 'on' : (f.get(field.name) ?? '');
    done(out);
  };
  const input = (f) => {
    const common = { name: f.name, required: f.required, 'aria-label': f.label };
    if (f.type === 'select') return html`<select ...${common}>${f.options.map(([v, l]) => html`<option value=${v} selected=${v === f.value}>${l}</option>`)}</select>`;
    if (f.type === 'textarea') return html`<textarea ...${common} rows=${f.rows ?? 4} maxlength=${f.max ?? 500}>${f.value ?? ''}</textarea>`;
    if (f.type === 'checkbox') return html`<input type="checkbox" ...${common} checked=${!!f.value} />`;
    return html`<input type=${f.type ?? 'text'} ...${common} value=${f.value ?? ''} maxlength=${f.max ?? 200} min=${f.min} step=${f.step} list=${f.list} autocomplete=${f.autocomplete ?? 'off'} />`;
  };
  return html`<dialog ref=${dialog} class="question" aria-labelledby="ask-title" onCancel=${(e) => { e.preventDefault(); done(null); }}>
    <form ref=${form} onSubmit=${submit}>
      <h2 id="ask-title">${q.title}</h2>
      ${q.text ? html`<p>${q.text}</p>` : null}
      ${q.view ?? null}
      ${(q.fields ?? []).map((f) => html`<label class=${f.type === 'checkbox' ? 'check' : ''}>${f.label}${input(f)}${f.hint ? html`<small>${f.hint}</small>` : null}</label>`)}
      <p class="buttons"><button type="button" onClick=${() => done(null)}>${L('Back', '返回')} <${Key} k="Esc" /></button>
      <button class=${q.danger ? 'primary danger' : 'primary'}>${q.ok ?? L('OK', '确定')}</button></p>
    </form></dialog>`;
}
function Help({ close }) {
  const dialog = useRef();
  useLayoutEffect(() => { dialog.current.showModal(); }, []);
  const rows = useRef(keyHelp()).current;
  useKeys([['Escape', '', '', close], ['?', '', '', close]], true);
  return html`<dialog ref=${dialog} class="question" aria-labelledby="help-title" onCancel=${close}>
    <h2 id="help-title">${L('Keys', '快捷键')}</h2>
    <dl class="keys">
      ${rows.map(([k, en, zh]) => html`<dt><${Key} k=${k} /></dt><dd>${L(en, zh)}</dd>`)}
      ${PAGES.filter((p) => p[1] && p[4]()).map((p) => html`<dt><${Key} k="g" /> <${Key} k=${p[1]} /></dt><dd>${p[2]}</dd>`)}
    </dl><p class="buttons"><button type="button" class="primary" autofocus onClick=${close}>${L('Close', '关闭')}</button></p></dialog>`;
}
function Overlays() {
  const [toasts, setToasts] = useState([]);
  const [asks, setAsks] = useState([]);
  useEffect(() => overlays.on((o) => {
    if (o.ask) setAsks((l) => [...l, o.ask]);
    if (o.toast) {
      setToasts((l) => [...l.slice(-3), o.toast]);
      setTimeout(() => setToasts((l) => l.filter((t) => t.id !== o.toast.id)), o.toast.kind === 'bad' ? 9000 : 3500);
    }
  }), []);
  return html`<div class="toasts" role="status" aria-live="polite">${toasts.map((t) => html`<div key=${t.id} class=${'toast ' + t.kind} onClick=${() => setToasts((l) => l.filter((x) => x.id !== t.id))}>${t.text}</div>`)}</div>
    ${asks.length ? html`<${Question} key=${asks.length} q=${asks[0]} close=${() => setAsks((l) => l.slice(1))} />` : null}`;
}

// ---- the frame ------------------------------------------------------------------------------------------------------------------
async function signOut() {
  const a = await post('/v1/session/end', {});
  if (!a.ok && a.status !== 401) { toastProblem(a); return; }
  location.hash = '';
  location.reload();
}

function Frame() {
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const [menu, setMenu] = useState(false);
  const [, again] = useState(0);
  const name = route.parts[0] ?? 'home';
  const page = usePage(name);
  const bare = name === 'pack';
  const wait = useRef(0);
  const jump = (e) => { // g, then a letter
    wait.current = Date.now();
    e?.preventDefault?.();
  };
  useKeys([
    ['g', '', '', jump],
    ['?', 'These keys', '快捷键列表', () => setHelp(true)],
    may('getOrder') && has('cs', 'warehouse') && ['Shift+v', 'Show personal data in full (noted)', '显示完整个人信息（有记录）', () => { setReveal(!revealed()); again((n) => n + 1); }],
  ]);
  useEffect(() => {
    const f = (e) => {
      if (Date.now() - wait.current > 1200 || e.ctrlKey || e.altKey || e.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
      const k = /^Key[A-Z]$/.test(e.code) ? e.code.slice(3).toLowerCase() : '';
      const to = PAGES.find((p) => p[1] && p[1] === k && p[4]());
      if (k !== 'g') wait.current = 0;
      if (to) { e.preventDefault(); e.stopImmediatePropagation(); go(href(to[0])); }
    };
    addEventListener('keydown', f, true);
    return () => removeEventListener('keydown', f, true);
  }, []);
  useEffect(() => { setMenu(false); const row = PAGES.find((p) => p[0] === name); document.title = `${row ? row[2] : 'orderd'}${route.parts[1] ? ' ' + route.parts[1] : ''} · orderd`; scrollTo(0, 0); }, [name, route.parts[1]]);
  const view = !page ? html`<${Loading} />`
    : page.missing ? html`<p class="empty">${L('There is no such page.', '没有这个页面。')} <a href="#/">${L('Home', '首页')}</a></p>`
      : page.failed ? html`<${Problem} problem=${{ title: L('This page could not be loaded', '页面加载失败'), detail: page.failed }} retry=${() => location.reload()} />`
        : html`<${page.view} parts=${route.parts.slice(1)} query=${route.query} key=${name + (route.parts[1] ?? '')} />`;
  if (bare) return html`<main id="main" class="bare">${view}</main><${Overlays} />${help ? html`<${Help} close=${() => setHelp(false)} />` : null}`;
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById('main').focus(); }}>${L('To the content', '跳到内容')}</a>
    <header>
      <button type="button" class="menu" aria-expanded=${menu} aria-controls="nav" onClick=${() => setMenu(!menu)} aria-label=${L('Menu', '菜单')}>☰</button>
      <a class="logo" href="#/">orderd</a>
      <${Search} />
      <div class="who">
        ${may('getOrder') && has('cs', 'warehouse') ? html`<button type="button" aria-pressed=${revealed()} class=${revealed() ? 'on' : ''} title=${L('Show personal data in full; it is noted who saw what', '显示完整个人信息；会记录谁看了什么')} onClick=${() => { setReveal(!revealed()); again((n) => n + 1); }}>${revealed() ? L('Mask', '脱敏') : L('Reveal', '明文')}</button>` : null}
        <details class="drop"><summary>${me.user.name}</summary><div>
          <small>${me.roles.map((r) => word('role', r)).join(', ')}</small>
          <button type="button" onClick=${() => setLang(lang === 'zh' ? 'en' : 'zh')}>${lang === 'zh' ? 'English' : '中文'}</button>
          ${[['auto', L('System colours', '跟随系统')], ['light', L('Light', '浅色')], ['dark', L('Dark', '深色')]].map(([t, l]) => html`<button type="button" aria-pressed=${(recall('theme') ?? 'auto') === t} onClick=${() => { setTheme(t); again((n) => n + 1); }}>${l}</button>`)}
          <button type="button" onClick=${() => setHelp(true)}>${L('Keys', '快捷键')} <${Key} k="?" /></button>
          <${Button} onClick=${signOut}>${L('Sign out', '退出登录')}<//>
        </div></details>
      </div>
    </header>
    <nav id="nav" class=${menu ? 'open' : ''} aria-label=${L('Pages', '页面')}>${PAGES.filter((p) => p[4]()).map((p) => html`<a href=${href(p[0] === 'home' ? '' : p[0]).replace('#//', '#/')} aria-current=${name === p[0] || (p[0] === 'orders' && name === 'order') ? 'page' : undefined}>${p[2]}</a>`)}</nav>
    <main id="main" tabindex="-1">${view}</main>
    <${Overlays} />
    ${help ? html`<${Help} close=${() => setHelp(false)} />` : null}`;
}

function start() {
  const route = readRoute(), root = document.getElementById('app');
  root.replaceChildren();
  if (me.user) { render(html`<${Frame} />`, root); listen(); return; }
  const code = route.parts[0] === 'setup' ? route.query.code : '';
  render(html`<${SignIn} setup=${!!code && me.setup} code=${code} />`, root);
}
start();
