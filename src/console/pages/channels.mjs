// channels.mjs: how each channel goes: its state, its last runs, what it answered when it failed; what arrived and could
// not be read; what is to be done outside; and the connectors as text, tried on their own examples before they count.
import { act, addWords, ago, ask, Button, Fresh, go, href, html, Key, L, ListEnd, Loading, may, number, post, Problem, query as queryText, setQuery, span, Time, toast, toastProblem, useEffect, useGet, useKeys, useList, useRef, useState, word } from 'core';

addWords('payload', { failed: ['failed', '失败'], dead: ['put aside', '已搁置'], pending: ['waiting', '待处理'], applied: ['applied', '已应用'] });
addWords('effect', { waiting: ['waiting', '等待'], sent: ['under way', '发送中'], done: ['done', '完成'], dead: ['dead', '失败'], dropped: ['given up', '已放弃'], unknown: ['not known', '未知'] });
const TABS = [['list', L('Channels', '渠道')], ['payloads', L('Could not be read', '解析失败')], ['effects', L('Outbox', '外发队列')], ['connectors', L('Connectors', '连接器')]];

function stateOf(c) {
  const p = c.poll;
  if (!p) return ['', L('no connector', '无连接器')];
  if (p.paused) return ['warn', L('paused', '已暂停')];
  if (p.now?.broken) return ['bad', L('the connector is broken', '连接器有误')];
  if (p.now?.breaker === 'open') return ['bad', L('failing', '连续失败')];
  if (p.error) return ['bad', L('last run failed', '上次失败')];
  return ['good', p.now?.phase && p.now.phase !== 'idle' ? L('running', '运行中') : L('well', '正常')];
}
const sync = (n) => act(() => post(`/v1/channels/${encodeURIComponent(n)}/sync`, {}), L('It is polled', '已开始拉取'));
const pause = (c) => act(() => post(`/v1/channels/${encodeURIComponent(c.name)}/${c.poll.paused ? 'resume' : 'pause'}`, {}), c.poll.paused ? L('It goes on', '已恢复') : L('Paused', '已暂停'));

function List() {
  const s = useGet('/v1/channels', { every: 10000 });
  const rows = s.data?.data ?? [];
  if (!s.data) return s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : html`<${Loading} />`;
  return html`<div class="card table-cards" tabindex="0" role="region" aria-label=${L('Channels', '渠道')}><table><thead><tr><th>${L('Channel', '渠道')}</th><th>${L('State', '状态')}</th><th>${L('Last good run', '上次成功')}</th><th>${L('Read up to', '已读至')}</th><th class="num">${L('Orders', '订单')}</th><th class="num">${L('Failed', '失败')}</th><th>${L('Act', '操作')}</th></tr></thead><tbody>
    ${rows.map((c) => { const [k, t] = stateOf(c); return html`<tr key=${c.name}><td class="break"><a href=${href('channels', c.name)}>${c.name}</a> <small>${c.family}</small></td><td><span class=${'badge ' + k}>${t}</span></td><td>${c.poll?.last_ok_at ? ago(c.poll.last_ok_at) : ''}</td><td><${Time} t=${c.poll?.watermark} /></td><td class="num"><a href=${href('orders', { channel: c.name })}>${number(c.orders)}</a></td><td class="num">${c.failed_payloads ? html`<a class="late" href=${href('channels', { tab: 'payloads', channel: c.name })}>${number(c.failed_payloads)}</a>` : 0}</td>
      <td>${c.poll && may('syncChannel') ? html`<${Button} onClick=${() => sync(c.name)}>${L('Poll now', '立即拉取')}<//> <${Button} onClick=${() => pause(c)}>${c.poll.paused ? L('Go on', '恢复') : L('Pause', '暂停')}<//>` : null}</td></tr>`; })}
  </tbody></table></div>`;
}

function One({ name }) {
  const s = useGet(`/v1/channels/${encodeURIComponent(name)}`, { every: 5000 });
  const c = s.data;
  useKeys([may('syncChannel') && ['s', 'Poll now', '立即拉取', () => c?.poll && sync(name)], may('pauseChannel') && ['p', 'Pause or go on', '暂停 / 恢复', () => c?.poll && pause(c)], ['Escape', 'All channels', '返回列表', () => go('#/channels')]]);
  if (!c) return html`<h1>${name}</h1>${s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : html`<${Loading} />`}`;
  const [k, t] = stateOf(c), p = c.poll, e = p?.error;
  return html`<div class="row"><a class="button" href="#/channels">←</a><h1>${name}</h1><span class=${'badge ' + k}>${t}</span><small>${c.family} ${c.connector ?? ''}</small><span class="end"></span>${p && may('syncChannel') ? html`<${Button} kind="primary" onClick=${() => sync(name)}>${L('Poll now', '立即拉取')} <${Key} k="s" /><//><${Button} onClick=${() => pause(c)}>${p.paused ? L('Go on', '恢复') : L('Pause', '暂停')} <${Key} k="p" /><//>` : null}</div>
    <div class="cards"><a class="card" href=${href('orders', { channel: name })}><b class="big">${number(c.orders)}</b>${L('orders', '个订单')}</a><a class=${'card' + (c.failed_payloads ? ' bad' : '')} href=${href('channels', { tab: 'payloads', channel: name })}><b class="big">${number(c.failed_payloads)}</b>${L('could not be read', '条解析失败')}</a>
      ${p ? html`<div class="card"><small>${L('Read up to', '已读至')}</small><br /><${Time} t=${p.watermark} />${p.now?.lag_ms ? html`<br /><small>${L(`${span(p.now.lag_ms)} behind`, `落后 ${span(p.now.lag_ms)}`)}</small>` : null}</div><div class="card"><small>${L('Next run', '下次拉取')}</small><br /><${Time} t=${p.now?.next_at} /><br /><small>${p.now?.every_ms ? L(`every ${span(p.now.every_ms)}`, `每 ${span(p.now.every_ms)}`) : ''}</small></div>` : null}</div>
    ${e ? html`<section class="card bad"><h2>${L('Why the last run failed', '上次失败的原因')}</h2><p><b>${e.kind}</b> ${e.code ?? ''} ${e.message ?? ''} <small><${Time} t=${e.at} /></small></p>${e.request ? html`<h3>${L('What was asked (secrets are left out)', '请求（已隐去密钥）')}</h3><pre tabindex="0">${e.request}</pre>` : null}${e.answer ? html`<h3>${L('What came back', '应答')} ${e.status || ''}</h3><pre tabindex="0">${e.answer}</pre>` : null}</section>` : null}
    ${(c.runs ?? []).length ? html`<section class="card"><h2>${L('Last runs', '最近运行')}</h2><div class="table-cards" tabindex="0" role="region" aria-label=${L('Last runs', '最近运行')}><table><thead><tr><th>${L('When', '时间')}</th><th>${L('Kind', '类型')}</th><th class="num">${L('Took', '耗时')}</th><th class="num">${L('Calls', '调用')}</th><th class="num">${L('Read', '读取')}</th><th class="num">${L('New', '新增')}</th><th class="num">${L('Changed', '更新')}</th><th class="num">${L('Failed', '失败')}</th><th>${L('Error', '错误')}</th></tr></thead><tbody>${c.runs.map((r, i) => html`<tr key=${i}><td><${Time} t=${r.began_at} /></td><td>${r.kind}</td><td class="num">${span(new Date(r.ended_at) - new Date(r.began_at))}</td><td class="num">${r.calls}</td><td class="num">${r.received}</td><td class="num">${r.created}</td><td class="num">${r.updated}</td><td class="num">${r.failed}</td><td class="break">${typeof r.error === 'object' ? r.error?.message ?? r.error?.kind ?? '' : r.error}</td></tr>`)}</tbody></table></div></section>` : null}`;
}

function Payload({ id, reload }) {
  const s = useGet(`/v1/payloads/${id}`);
  const p = s.data;
  if (!p) return s.problem ? html`<${Problem} problem=${s.problem} />` : html`<${Loading} />`;
  const retry = async () => { if (await act(() => post(`/v1/payloads/${id}/retry`, {}), L('Applied', '已应用'))) reload(); };
  const mend = async () => {
    const a = await ask({ title: L('Send the order that it should have been', '提交修正后的订单'), text: L('A canonical order as JSON.', '标准订单 JSON。'), fields: [{ name: 'order', label: 'JSON', type: 'textarea', rows: 12, max: 100000, required: true, value: p.body ?? '' }], ok: L('Apply', '应用') });
    if (!a) return;
    let order;
    try { order = JSON.parse(a.order); } catch (e) { toast(String(e.message), 'bad'); return; }
    if (await act(() => post(`/v1/payloads/${id}/retry`, { order }), L('Applied', '已应用'))) reload();
  };
  const discard = async () => { const a = await ask({ title: L('Put it aside for good', '永久搁置'), fields: [{ name: 'note', label: L('Note', '备注'), required: true, value: L('not an order', '不是订单') }], ok: L('Put aside', '搁置') }); if (a && await act(() => post(`/v1/payloads/${id}/discard`, { note: a.note }), L('Put aside', '已搁置'))) reload(); };
  return html`<section class="card"><h2>${id} <small>${p.channel ?? ''} · ${p.source} · ${number(p.size)} B</small></h2>
    ${p.error ? html`<p class="problem break"><b>${p.error.code}</b> ${p.error.detail ?? ''} ${(p.error.errors ?? []).slice(0, 5).map((e) => `${e.pointer} ${e.detail}`).join(' · ')}</p>` : null}
    <div class="row">${may('retryPayload') && p.state !== 'applied' ? html`<${Button} kind="primary" onClick=${retry}>${L('Apply it again', '重试')}<//><${Button} onClick=${mend}>${L('Mend it…', '修正…')}<//>` : null}${may('discardPayload') && p.state === 'failed' ? html`<${Button} onClick=${discard}>${L('Put it aside', '搁置')}<//>` : null}</div>
    <pre tabindex="0">${p.body ?? L('The body is not kept any more, or your role may not see it.', '原文已过保留期，或您的角色无权查看。')}</pre></section>`;
}
function Payloads({ query }) {
  const state = query.state ?? 'failed';
  const list = useList('/v1/payloads' + queryText({ state, channel: query.channel, limit: 50 }), { on: (e) => /^payload\./.test(e.type) });
  const all = async () => { const a = await ask({ title: L('Apply all failed payloads again', '重试全部失败记录'), ok: L('Apply', '重试') }); if (a) { const r = await post('/v1/payloads/retry', {}); if (r.ok) toast(L(`${r.data.applied} applied, ${r.data.failed} still fail`, `已应用 ${r.data.applied} 条，仍失败 ${r.data.failed} 条`)); else toastProblem(r); list.reload(); } };
  return html`<div class="row">${[['failed', word('payload', 'failed')], ['dead', word('payload', 'dead')], ['pending', word('payload', 'pending')]].map(([v, l]) => html`<button type="button" key=${v} aria-pressed=${state === v} onClick=${() => setQuery({ state: v, payload: '' })}>${l}</button>`)}${query.channel ? html`<button type="button" class="on" onClick=${() => setQuery({ channel: '' })}>${query.channel} ✕</button>` : null}<span class="end"></span>${may('retryPayloads') ? html`<${Button} onClick=${all}>${L('Apply all again', '全部重试')}<//>` : null}<${Fresh} list=${list} /></div>
    <div class="two"><div class="card table-cards" tabindex="0" role="region" aria-label=${L('Payloads', '收到的数据')}><table><thead><tr><th>${L('Payload', '记录')}</th><th>${L('Channel', '渠道')}</th><th>${L('Why', '原因')}</th><th>${L('When', '时间')}</th></tr></thead><tbody>${(list.rows ?? []).map((p) => html`<tr key=${p.id} class=${query.payload === p.id ? 'at' : ''}><td class="id"><a href=${href('channels', { ...query, tab: 'payloads', payload: p.id })}>${p.id}</a></td><td>${p.channel ?? ''}</td><td class="break">${p.error?.code ?? ''} <small>${p.error?.detail ?? ''}</small></td><td><${Time} t=${p.received_at} /></td></tr>`)}</tbody></table><${ListEnd} list=${list} none=${L('Everything that arrived was understood.', '全部数据都已正确解析。')} /></div>
    ${query.payload ? html`<${Payload} id=${query.payload} key=${query.payload} reload=${list.reload} />` : null}</div>`;
}

function Effects({ query }) {
  const state = query.state ?? 'dead';
  const list = useList('/v1/effects' + queryText({ state: state === 'all' ? '' : state, limit: 50 }), { on: (e) => /^effect\./.test(e.type) });
  const drop = async (e) => { const a = await ask({ title: L(`Give ${e.id} up`, `放弃 ${e.id}`), text: L('It is not done outside any more.', '不再对外执行。'), fields: [{ name: 'reason', label: L('Reason', '原因'), required: true, max: 200 }], ok: L('Give up', '放弃'), danger: true }); if (a) await act(() => post(`/v1/effects/${e.id}/drop`, { reason: a.reason }), L('Given up', '已放弃')); };
  return html`<div class="row">${['dead', 'waiting', 'all'].map((v) => html`<button type="button" key=${v} aria-pressed=${state === v} onClick=${() => setQuery({ state: v })}>${v === 'all' ? L('all', '全部') : word('effect', v)}</button>`)}<span class="end"></span>${may('retryEffects') ? html`<${Button} onClick=${() => act(() => post('/v1/effects/retry', {}), L('All dead ones go out again', '已全部重新发送'))}>${L('All dead ones again', '全部重发')}<//>` : null}<${Fresh} list=${list} /></div>
    <div class="card table-cards" tabindex="0" role="region" aria-label=${L('Outbox', '外发队列')}><table><thead><tr><th>${L('Effect', '操作')}</th><th>${L('What', '内容')}</th><th>${L('State', '状态')}</th><th class="num">${L('Tries', '次数')}</th><th>${L('Why', '原因')}</th><th>${L('When', '时间')}</th><th>${L('Act', '操作')}</th></tr></thead><tbody>${(list.rows ?? []).map((e) => html`<tr key=${e.id}><td class="id">${e.id}</td><td class="break">${e.kind} → ${e.destination} <small>${/^o_\d+$/.test(e.subject) ? html`<a href=${href('order', e.subject)}>${e.subject}</a>` : e.subject}</small></td><td><span class=${'badge ' + (e.state === 'dead' ? 'bad' : e.state === 'done' ? 'good' : '')}>${word('effect', e.state)}</span></td><td class="num">${e.attempts}</td><td class="break">${e.error?.code ?? ''} <small>${e.error?.detail ?? e.error?.message ?? ''}</small></td><td><${Time} t=${e.created_at} /></td><td>${may('retryEffect') && ['dead', 'waiting'].includes(e.state) ? html`<${Button} onClick=${() => act(() => post(`/v1/effects/${e.id}/retry`, {}), L('It goes out again', '已重新发送'))}>${L('Again', '重发')}<//>` : null} ${may('dropEffect') && ['dead', 'waiting'].includes(e.state) ? html`<${Button} onClick=${() => drop(e)}>${L('Give up', '放弃')}<//>` : null}</td></tr>`)}</tbody></table><${ListEnd} list=${list} none=${L('Nothing here: all that is to be done outside is done.', '没有记录：对外操作均已完成。')} /></div>`;
}

function Editor({ name }) {
  const s = useGet(`/v1/connectors/${encodeURIComponent(name)}`);
  const [text, set] = useState(null), [found, setFound] = useState(null), area = useRef();
  const c = s.data;
  useEffect(() => { if (c && text === null) set(c.text); }, [c]);
  if (!c) return html`<h1>${name}</h1>${s.problem ? html`<${Problem} problem=${s.problem} />` : html`<${Loading} />`}`;
  const test = async () => { const a = await post(`/v1/connectors/${encodeURIComponent(name)}/test`, { text }); if (!a.ok) { toastProblem(a); return null; } setFound(a.data); if (a.data.error?.line) show(a.data.error.line); return a.data; };
  const show = (line) => { const at = text.split('\n').slice(0, line - 1).join('\n').length; area.current.focus(); area.current.setSelectionRange(at + 1, at + 1 + (text.split('\n')[line - 1] ?? '').length); };
  const save = async () => {
    const t = await test();
    if (!t) return;
    if (t.error) { toast(L(`Line ${t.error.line}: ${t.error.detail}`, `第 ${t.error.line} 行：${t.error.detail}`), 'bad'); return; }
    const bad = t.examples.filter((e) => !e.passed).length;
    const a = await ask({ title: bad ? L(`${bad} examples fail. Save anyway?`, `${bad} 个示例未通过，仍要保存？`) : L('Save this connector', '保存连接器'), text: L('It is used from now on; channels poll with it at once.', '保存后立即生效。'), ok: L('Save', '保存'), danger: bad > 0 });
    if (!a) return;
    const r = await post(`/v1/connectors/${encodeURIComponent(name)}`, { text, if_version: c.version, ...(bad ? { force: true } : {}) });
    if (!r.ok) { toastProblem(r); return; }
    toast(r.data.in_force ? L('Saved', '已保存') : L('Saved, but a fault elsewhere in the configuration keeps the old one: see the log', '已保存，但配置中另有错误，旧配置仍在使用：请查看日志'), r.data.in_force ? 'good' : 'bad');
    set(null); s.reload();
  };
  const reset = async () => { const a = await ask({ title: L('Back to the built-in one', '恢复内置版本'), text: L('Your file is removed.', '您的修改将被移除。'), ok: L('Back', '恢复'), danger: true }); if (a && await act(() => post(`/v1/connectors/${encodeURIComponent(name)}/reset`, {}), L('The built-in one counts again', '已恢复内置版本'))) { set(null); s.reload(); } };
  return html`<div class="row"><a class="button" href=${href('channels', { tab: 'connectors' })}>←</a><h1>${name}</h1>${c.own ? html`<span class="badge warn">${L('your own', '自定义')}</span>` : html`<span class="badge">${L('built in', '内置')}</span>`}<span class="end"></span>
      <${Button} onClick=${test}>${L('Test on its examples', '用示例测试')}<//>${may('putConnector') ? html`<${Button} kind="primary" onClick=${save} disabled=${text === c.text}>${L('Save', '保存')}<//>` : null}${c.own && c.built_in && may('resetConnector') ? html`<${Button} kind="danger" onClick=${reset}>${L('Back to built-in', '恢复内置')}<//>` : null}</div>
    <div class="two"><section class="card"><textarea ref=${area} class="code" rows="36" spellcheck=${false} wrap="off" aria-label=${L('The connector', '连接器文本')} value=${text ?? ''} onInput=${(e) => set(e.target.value)}></textarea></section>
    <section class="card" aria-live="polite"><h2>${L('Examples', '示例')}</h2>${!found ? html`<p class="empty">${L('Not tested yet.', '尚未测试。')}</p>` : found.error ? html`<p class="problem">${L(`Line ${found.error.line}`, `第 ${found.error.line} 行`)}: ${found.error.detail} <button type="button" onClick=${() => show(found.error.line)}>${L('Show', '定位')}</button></p>` : html`<p class=${found.ok ? 'good' : 'late'}>${L(`${found.examples.filter((e) => e.passed).length} of ${found.examples.length} pass`, `${found.examples.length} 个中通过 ${found.examples.filter((e) => e.passed).length} 个`)}</p>${found.examples.filter((e) => !e.passed).map((e) => html`<div key=${e.name}><b class="late">${e.name}</b><pre tabindex="0">${e.differences.join('\n')}</pre></div>`)}`}</section></div>`;
}
function Connectors() {
  const s = useGet(may('listConnectors') ? '/v1/connectors' : null);
  if (!may('listConnectors')) return html`<p class="empty">${L('An administrator can read and change connectors here.', '管理员可在此查看和修改连接器。')}</p>`;
  if (!s.data) return s.problem ? html`<${Problem} problem=${s.problem} />` : html`<${Loading} />`;
  return html`<div class="card table-cards" tabindex="0" role="region" aria-label=${L('Connectors', '连接器')}><table><thead><tr><th>${L('Connector', '连接器')}</th><th>${L('Kind', '类型')}</th><th>${L('From', '来源')}</th><th>${L('Channels', '渠道')}</th><th class="num">${L('Examples', '示例')}</th><th>${L('Fault', '错误')}</th></tr></thead><tbody>${s.data.data.map((c) => html`<tr key=${c.name}><td><a href=${href('channels', { tab: 'connectors', connector: c.name })}>${c.name}</a></td><td>${c.family ?? c.kind}</td><td>${c.own ? L('your own', '自定义') : L('built in', '内置')}</td><td class="break">${(c.channels ?? []).join(', ')}</td><td class="num">${c.examples}</td><td class="break late">${c.error ? L(`line ${c.error.line}: ${c.error.detail}`, `第 ${c.error.line} 行：${c.error.detail}`) : ''}</td></tr>`)}</tbody></table></div>`;
}

export default function Channels({ parts, query }) {
  if (parts[0]) return html`<${One} name=${parts[0]} key=${parts[0]} />`;
  const tab = query.tab ?? 'list';
  if (tab === 'connectors' && query.connector) return html`<${Editor} name=${query.connector} key=${query.connector} />`;
  const View = { list: List, payloads: Payloads, effects: Effects, connectors: Connectors }[tab] ?? List;
  return html`<h1>${L('Channels', '渠道')}</h1><div class="tabs" role="group" aria-label=${L('Channels', '渠道')}>${TABS.filter(([t]) => t !== 'connectors' || may('listConnectors')).map(([t, l]) => html`<a key=${t} href=${href('channels', { tab: t })} aria-current=${tab === t ? 'page' : undefined}>${l}</a>`)}</div><${View} query=${query} key=${tab} />`;
}
