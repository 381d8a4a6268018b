// settings.mjs: oneself, users, tokens, stages and deadlines, rules, messengers, carriers' prices, and the state of the
// house. What stands in the configuration file is shown, and said where it is changed.
import { act, addWords, ask, Button, get, has, href, html, L, lang, ListEnd, Loading, may, me, number, post, Problem, query as queryText, recall, setLang, setTheme, span, Time, toast, toastProblem, useGet, useList, useState, word } from 'core';

addWords('user', { active: ['active', '启用'], revoked: ['revoked', '停用'] });
addWords('rule', { on: ['on', '启用'], off: ['off', '停用'], new: ['changed, not switched on', '有修改，未启用'], changed: ['changed, not switched on', '有修改，未启用'], broken: ['cannot be read', '无法读取'], failed: ['switched itself off', '已自动停用'] });
const ROLES = ['admin', 'cs', 'warehouse', 'production', 'finance', 'viewer'];
const TABS = [['you', L('You', '我的'), () => true], ['users', L('Users', '用户'), () => may('listUsers')], ['tokens', L('Tokens', '令牌'), () => may('listTokens')], ['stages', L('Stages', '阶段与期限'), () => may('listStages')], ['rules', L('Rules', '规则'), () => may('listRules')], ['messengers', L('Messengers', '消息通知'), () => may('listNotices')], ['callbacks', L('Callbacks', '回调'), () => may('listCallbacks')], ['rates', L('Carriers’ prices', '运费'), () => may('listRateCards')], ['house', L('Health and backups', '健康与备份'), () => true]];

function Rows({ label, head, rows, row, none, list, problem }) {
  return html`<div class="card table-cards" tabindex="0" role="region" aria-label=${label}><table><thead><tr>${head.map((h, i) => html`<th key=${i}>${h}</th>`)}</tr></thead><tbody>${(rows ?? []).map(row)}</tbody></table>${list ? html`<${ListEnd} list=${list} none=${none} />` : problem ? html`<${Problem} problem=${problem} />` : !rows ? html`<${Loading} />` : rows.length ? null : html`<p class="empty">${none}</p>`}</div>`;
}
const rolesField = (value) => ROLES.map((r) => ({ name: `role_${r}`, label: word('role', r), type: 'checkbox', value: value.includes(r) }));
const rolesOf = (a) => ROLES.filter((r) => a[`role_${r}`]).join(',');

function You() {
  const [, again] = useState(0);
  const change = async () => {
    const a = await ask({ title: L('Change your password', '修改密码'), text: L('You stay signed in here; everywhere else you are signed out.', '当前页面保持登录，其他设备会退出。'), fields: [{ name: 'old', label: L('Old password', '旧密码'), type: 'password', required: true, autocomplete: 'current-password' }, { name: 'new', label: L('New password, at least 10 characters', '新密码（至少 10 个字符）'), type: 'password', required: true, autocomplete: 'new-password' }, { name: 'twice', label: L('Once more', '再输一次'), type: 'password', required: true, autocomplete: 'new-password' }], ok: L('Change', '修改') });
    if (!a) return;
    if (a.new !== a.twice) { toast(L('The two new ones differ', '两次输入不一致'), 'bad'); return; }
    await act(() => post('/v1/session/password', { old: a.old, new: a.new }), L('Changed', '已修改'));
  };
  return html`<section class="card"><h2>${me.user.name}</h2><p>${me.roles.map((r) => html`<span class="badge" key=${r}>${word('role', r)}</span> `)}</p><p><${Button} onClick=${change}>${L('Change password', '修改密码')}<//></p>
    <h3>${L('Language', '语言')}</h3><p class="row">${[['en', 'English'], ['zh', '中文']].map(([l, t]) => html`<button type="button" key=${l} aria-pressed=${lang === l} onClick=${() => setLang(l)}>${t}</button>`)}</p>
    <h3>${L('Colours', '颜色')}</h3><p class="row">${[['auto', L('as the system', '跟随系统')], ['light', L('light', '浅色')], ['dark', L('dark', '深色')]].map(([t, l]) => html`<button type="button" key=${t} aria-pressed=${(recall('theme') ?? 'auto') === t} onClick=${() => { setTheme(t); again((n) => n + 1); }}>${l}</button>`)}</p></section>`;
}

function Users() {
  const s = useGet('/v1/users', { on: (e) => /^user\.(added|updated)/.test(e.type) });
  const add = async () => { const a = await ask({ title: L('Add a user', '新建用户'), fields: [{ name: 'name', label: L('Name (letters, digits, . _ - @)', '用户名（字母、数字、. _ - @）'), required: true, max: 64 }, { name: 'password', label: L('First password, at least 10 characters', '初始密码（至少 10 个字符）'), type: 'password', required: true, autocomplete: 'new-password' }, ...rolesField(['cs'])], ok: L('Add', '新建') }); if (a) await act(() => post('/v1/users', { name: a.name.trim(), password: a.password, roles: rolesOf(a) }), L('Added', '已新建')); };
  const change = async (u) => { const a = await ask({ title: u.name, fields: [...rolesField(u.roles), { name: 'password', label: L('New password (empty: as it is); signs the user out', '新密码（留空不改），该用户会退出登录'), type: 'password', autocomplete: 'new-password' }], ok: L('Save', '保存') }); if (a) await act(() => post(`/v1/users/${u.id}`, { roles: rolesOf(a), ...(a.password ? { password: a.password } : {}) }), L('Saved', '已保存')); };
  const turn = async (u) => { const off = u.state === 'active'; const a = await ask({ title: off ? L(`Shut ${u.name} out`, `停用 ${u.name}`) : L(`Let ${u.name} in again`, `启用 ${u.name}`), ok: off ? L('Shut out', '停用') : L('Let in', '启用'), danger: off }); if (a) await act(() => post(`/v1/users/${u.id}`, { state: off ? 'revoked' : 'active' }), L('Saved', '已保存')); };
  return html`<div class="row"><${Button} kind="primary" onClick=${add}>${L('Add a user', '新建用户')}<//></div><${Rows} label=${L('Users', '用户')} problem=${s.problem} rows=${s.data?.data} none=${L('Nobody yet.', '暂无用户。')} head=${[L('Name', '用户名'), L('Roles', '角色'), L('State', '状态'), L('Since', '创建'), L('Act', '操作')]}
    row=${(u) => html`<tr key=${u.id}><td>${u.name}</td><td>${u.roles.map((r) => word('role', r)).join(', ')}</td><td><span class=${'badge ' + (u.state === 'active' ? 'good' : 'bad')}>${word('user', u.state)}</span>${u.has_password ? null : html` <small>${L('cannot sign in: no password', '未设密码，不能登录')}</small>`}</td><td><${Time} t=${u.created_at} /></td><td><${Button} onClick=${() => change(u)}>${L('Change', '修改')}<//> ${u.name === me.user.name ? null : html`<${Button} onClick=${() => turn(u)}>${u.state === 'active' ? L('Shut out', '停用') : L('Let in', '启用')}<//>`}</td></tr>`} />`;
}

function Tokens() {
  const s = useGet('/v1/tokens', { on: (e) => /^token\./.test(e.type) });
  const [fresh, setFresh] = useState(null);
  const add = async () => {
    const a = await ask({ title: L('Make a token', '新建令牌'), text: L('For programs. It is shown once.', '供程序使用，仅显示一次。'), fields: [{ name: 'name', label: L('Name', '名称'), required: true, max: 64 }, { name: 'channel', label: L('For one channel only (role channel)', '仅限某渠道（channel 角色）'), max: 64 }, { name: 'user', label: L('A person’s (may be empty)', '归属用户（可留空）'), max: 64 }, ...rolesField([])], ok: L('Make', '新建') });
    if (!a) return;
    const made = await post('/v1/tokens', { name: a.name.trim(), roles: a.channel ? 'channel' : rolesOf(a), ...(a.channel ? { channel: a.channel.trim() } : {}), ...(a.user ? { user: a.user.trim() } : {}) });
    if (!made.ok) { toastProblem(made); return; }
    setFresh(made.data); s.reload();
  };
  const revoke = async (t) => { const a = await ask({ title: L(`Revoke ${t.name}`, `吊销 ${t.name}`), ok: L('Revoke', '吊销'), danger: true }); if (a) await act(() => post(`/v1/tokens/${t.id}/revoke`, {}), L('Revoked', '已吊销')); };
  return html`<div class="row"><${Button} kind="primary" onClick=${add}>${L('Make a token', '新建令牌')}<//></div>${fresh ? html`<section class="card"><p>${L(`The token ${fresh.name}; it is not shown again:`, `令牌 ${fresh.name}，不会再次显示：`)}</p><input class="mono" readonly size="60" value=${fresh.token} aria-label=${L('The token', '令牌')} onFocus=${(e) => e.target.select()} /> <button type="button" onClick=${() => setFresh(null)}>${L('I have it', '已保存')}</button></section>` : null}
    <${Rows} label=${L('Tokens', '令牌')} problem=${s.problem} rows=${s.data?.data} none=${L('None.', '暂无令牌。')} head=${[L('Name', '名称'), L('Roles', '角色'), L('Channel', '渠道'), L('Person', '用户'), L('State', '状态'), L('Since', '创建'), L('Act', '操作')]} row=${(t) => html`<tr key=${t.id}><td>${t.name}</td><td>${t.roles.map((r) => word('role', r)).join(', ')}</td><td>${t.channel ?? ''}</td><td>${t.user ?? ''}</td><td><span class=${'badge ' + (t.state === 'active' ? 'good' : 'bad')}>${word('user', t.state)}</span></td><td><${Time} t=${t.created_at} /></td><td>${t.state === 'active' ? html`<${Button} onClick=${() => revoke(t)}>${L('Revoke', '吊销')}<//>` : null}</td></tr>`} />`;
}

function Stages() {
  const s = useGet('/v1/stages');
  const person = (o) => (!o ? '' : o.startsWith('user:') ? o.slice(5) : word('role', o));
  return html`<p>${L('They stand in orderd.conf as [stage NAME] with owner, remind, escalate and lead; “orderd help config” explains each key, and a reload (SIGHUP) takes them up.', '在 orderd.conf 的 [stage 名称] 中配置 owner、remind、escalate、lead，说明见 “orderd help config”，修改后发 SIGHUP 生效。')}</p>
    <${Rows} label=${L('Stages', '阶段')} problem=${s.problem} rows=${s.data?.data} none="" head=${[L('Stage', '阶段'), L('Owner', '负责'), L('Reminded after', '提醒'), L('Late after', '超时'), L('Then told', '超时通知'), L('Orders', '订单')]} row=${(g) => html`<tr key=${g.name}><td><b>${L(g.label, g.label_zh)}</b> <small>${g.name}</small></td><td>${person(g.owner)}</td><td>${g.remind_ms ? span(g.remind_ms) : '–'}</td><td>${g.escalate_ms ? span(g.escalate_ms) : '–'} ${g.working_time ? html`<small>${L('of working time', '工作时间')}</small>` : null}</td><td>${person(g.lead)}</td><td><a href=${href('orders', { status: g.name })}>${L('show', '查看')}</a></td></tr>`} />`;
}

function Rules({ query }) {
  const s = useGet('/v1/rules', { on: (e) => /^rule\./.test(e.type) });
  const one = useGet(query.rule ? `/v1/rules/${encodeURIComponent(query.rule)}` : null);
  const [dry, setDry] = useState(null);
  const turn = (r) => act(() => post(`/v1/rules/${encodeURIComponent(r.name)}/${r.state === 'on' ? 'off' : 'on'}`, {}), r.state === 'on' ? L('Switched off', '已停用') : L('Switched on', '已启用'));
  const backtest = async (name) => { const a = await post('/v1/rules/dry-run', { name }); if (a.ok) setDry({ name, ...a.data }); else toastProblem(a); };
  return html`<p>${L('Rules are files NAME.rule in the data directory’s rules/; each is switched on here, in the version that was read last.', '规则是数据目录 rules/ 下的 NAME.rule 文件；在此启用最近读取的版本。')}</p>
    <${Rows} label=${L('Rules', '规则')} problem=${s.problem} rows=${s.data?.data} none=${L('There are no rule files.', '没有规则文件。')} head=${[L('Rule', '规则'), L('When', '时机'), L('State', '状态'), L('Applied', '应用次数'), L('Act', '操作')]} row=${(r) => html`<tr key=${r.name}><td class="break"><a href=${href('settings', { tab: 'rules', rule: r.name })}>${r.title || r.name}</a></td><td>${r.when}</td><td><span class=${'badge ' + (r.state === 'on' ? 'good' : 'warn')}>${word('rule', r.state)}</span></td><td>${number(r.applied)}</td><td>${may('switchRuleOn') ? html`<${Button} onClick=${() => turn(r)}>${r.state === 'on' ? L('Off', '停用') : L('On', '启用')}<//>` : null} ${may('dryRunRule') ? html`<${Button} onClick=${() => backtest(r.name)}>${L('Try on past orders', '回测')}<//>` : null}</td></tr>`} />
    ${dry ? html`<section class="card"><h2>${L(`What ${dry.name} would have done`, `${dry.name} 的回测结果`)}</h2><pre tabindex="0">${JSON.stringify(dry, null, 1)}</pre></section>` : null}${query.rule && one.data ? html`<section class="card"><h2>${one.data.name}</h2><pre tabindex="0">${one.data.text}</pre></section>` : null}`;
}

function Messengers() {
  const list = useList('/v1/notices?limit=50', { on: (e) => /^notice\./.test(e.type) });
  const test = async () => { const a = await ask({ title: L('Send a test message', '发送测试消息'), fields: [{ name: 'room', label: L('The NAME of [notify NAME]', '[notify 名称] 中的名称'), required: true }], ok: L('Send', '发送') }); if (a) await act(() => post('/v1/notices/test', { room: a.room.trim() }), L('It is on its way', '已发送')); };
  return html`<p>${L('Messengers and rooms stand in orderd.conf: [messenger NAME] and [notify NAME].', '在 orderd.conf 的 [messenger 名称] 与 [notify 名称] 中配置。')}</p><div class="row">${may('testNotice') ? html`<${Button} onClick=${test}>${L('Test a room', '测试')}<//>` : null}</div>
    <${Rows} label=${L('Messages', '消息')} list=${list} rows=${list.rows} none=${L('No messages yet.', '暂无消息。')} head=${[L('When', '时间'), L('Room', '群'), L('Text', '内容'), L('State', '状态')]} row=${(n) => html`<tr key=${n.id}><td><${Time} t=${n.at} /></td><td>${n.room}</td><td class="break">${n.text}${n.urgent ? html` <span class="badge bad">${L('urgent', '紧急')}</span>` : null}</td><td>${word('effect', n.state)}</td></tr>`} />`;
}

function Callbacks() {
  const list = useList('/v1/callbacks' + queryText({ limit: 50 }), { on: (e) => /^callback\./.test(e.type) });
  return html`<${Rows} label=${L('Callbacks', '回调')} list=${list} rows=${list.rows} none=${L('Nobody called back.', '暂无回调。')} head=${[L('When', '时间'), L('From', '来源'), L('State', '状态'), L('Fault', '错误'), L('Act', '操作')]} row=${(c) => html`<tr key=${c.id}><td><${Time} t=${c.at} /></td><td>${c.destination}</td><td>${word('payload', c.state)}</td><td class="break">${c.error?.code ?? ''} <small>${c.error?.detail ?? ''}</small></td><td>${c.state === 'failed' && may('retryCallback') ? html`<${Button} onClick=${() => act(() => post(`/v1/callbacks/${c.id}/retry`, {}), L('Applied', '已应用'))}>${L('Again', '重试')}<//> <${Button} onClick=${() => act(() => post(`/v1/callbacks/${c.id}/drop`, {}), L('Put aside', '已搁置'))}>${L('Put aside', '搁置')}<//>` : null}</td></tr>`} />`;
}

function Rates({ query }) {
  const s = useGet('/v1/rates');
  const one = useGet(query.card ? `/v1/rates/${encodeURIComponent(query.card)}` : null);
  const [quote, setQuote] = useState(null);
  const ask_ = async () => { const a = await ask({ title: L('What does a parcel cost?', '试算运费'), fields: [{ name: 'province', label: L('Province', '省份'), required: true, value: '浙江省' }, { name: 'city', label: L('City', '城市') }, { name: 'weight_g', label: L('Weight, g', '重量（克）'), type: 'number', min: 1, required: true, value: '1000' }], ok: L('Price it', '试算') }); if (!a) return; const q = await post('/v1/shipments/quote', { province: a.province, ...(a.city ? { city: a.city } : {}), weight_g: Number(a.weight_g) }); if (q.ok) setQuote(q.data); else toastProblem(q); };
  const minor = (n, c) => `${c ?? ''} ${(n / 100).toFixed(2)}`;
  return html`<p>${L('Price lists are imported with “orderd rate import FILE”.', '价格表用 “orderd rate import FILE” 导入。')} ${may('quoteParcel') ? html`<${Button} onClick=${ask_}>${L('Price a parcel', '试算运费')}<//>` : null}</p>
    ${quote ? html`<${Rows} label=${L('Prices', '报价')} rows=${quote.candidates} none=${L('Nobody carries it.', '没有可用承运商。')} head=${[L('Carrier', '承运商'), L('Price', '价格'), L('Days', '时效'), L('Why not', '未选原因')]} row=${(c) => html`<tr key=${c.card}><td>${c.carrier} <small>${c.card}</small>${c.lost ? null : html` <span class="badge good">${L('best', '首选')}</span>`}</td><td>${minor(c.price_minor, c.currency)}</td><td>${c.days ?? ''}</td><td>${c.lost ? String(c.lost).replaceAll('_', ' ') : ''}</td></tr>`} />` : null}
    <${Rows} label=${L('Rate cards', '价格表')} problem=${s.problem} rows=${s.data?.data} none=${L('No price lists.', '暂无价格表。')} head=${[L('Card', '价格表'), L('Carrier', '承运商'), L('Valid', '有效期'), L('Bands', '区间数')]} row=${(c) => html`<tr key=${c.code}><td><a href=${href('settings', { tab: 'rates', card: c.code })}>${c.code}</a></td><td>${c.carrier} ${c.service}</td><td><${Time} t=${c.valid_from} /> – <${Time} t=${c.valid_to} /></td><td>${number(c.bands)}</td></tr>`} />
    ${query.card && one.data ? html`<section class="card"><h2>${one.data.code}</h2><pre tabindex="0">${JSON.stringify(one.data.rates, null, 1)}</pre></section>` : null}`;
}

function House() {
  const s = useGet('/healthz', { every: 10000 });
  const [found, setFound] = useState(null);
  const check = async () => { setFound({ running: true }); const a = await get('/v1/check'); setFound(a.ok ? a.data : { problem: a.problem }); };
  const show = (v) => (typeof v === 'object' && v !== null ? JSON.stringify(v) : typeof v === 'number' ? number(v) : String(v));
  return html`<section class="card"><h2>${L('Health', '健康状态')}</h2>${s.data ? html`<dl>${Object.entries(s.data).map(([k, v]) => html`<dt key=${k}>${k.replaceAll('_', ' ')}</dt><dd key=${k + '.'}>${show(v)}</dd>`)}</dl>` : html`<${Problem} problem=${s.problem} />`}</section>
    ${may('check') ? html`<section class="card"><h2>${L('Check', '数据校验')}</h2><p>${L('Proves that stock, parcels, groups, figures and history agree with one another.', '验证库存、包裹、合并组、统计与历史相互一致。')}</p><p><${Button} onClick=${check}>${L('Run the check', '开始校验')}<//></p>${found?.running ? html`<${Loading} />` : found?.problem ? html`<${Problem} problem=${found.problem} />` : found ? found.ok ? html`<p class="good">${L('Everything agrees.', '全部一致。')}</p>` : html`<ul>${found.findings.map((f, i) => html`<li key=${i} class="late">${f}</li>`)}</ul>` : null}</section>` : null}
    <section class="card"><h2>${L('Backups', '备份')}</h2><p>${L('On the machine, while orderd runs:', '在服务器上运行（无需停机）：')} <code>orderd backup /backups/orderd-$(date +%F).db</code></p><p>${L('The copy is opened, checked and compared before it counts, and takes the configuration, connectors, secrets and photos with it. “orderd restore FILE” brings it back; its outbox waits until it is released.', '备份会被打开、校验、比对，并包含配置、连接器、密钥与照片。“orderd restore FILE” 可恢复，恢复后外发队列等待人工放行。')}</p>${has('admin') && may('releaseOutbox') ? html`<p><${Button} onClick=${() => act(() => post('/v1/effects/release', {}), L('The outbox goes out', '外发队列已放行'))}>${L('Release the outbox of a restored database', '放行恢复后的外发队列')}<//></p>` : null}</section>`;
}

export default function Settings({ query }) {
  const tabs = TABS.filter((t) => t[2]()), tab = tabs.some((t) => t[0] === query.tab) ? query.tab : 'you';
  const View = { you: You, users: Users, tokens: Tokens, stages: Stages, rules: Rules, messengers: Messengers, callbacks: Callbacks, rates: Rates, house: House }[tab];
  return html`<h1>${L('Settings', '设置')}</h1><div class="tabs" role="group" aria-label=${L('Settings', '设置')}>${tabs.map(([t, l]) => html`<a key=${t} href=${href('settings', { tab: t })} aria-current=${tab === t ? 'page' : undefined}>${l}</a>`)}</div><${View} query=${query} key=${tab} />`;
}
