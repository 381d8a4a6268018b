// exceptions.mjs: what needs a person: the cause in words, suggested actions under number keys, owner and age.
import { act, ago, ask, Button, Due, Fresh, go, href, html, Key, L, ListEnd, may, me, post, query as queryText, setQuery, Time, toast, toastProblem, useEffect, useGet, useKeys, useList, useRef, useState, word } from 'core';

const ROLES = ['cs', 'warehouse', 'production', 'finance', 'admin'];
const isOne = (e) => /^exception\./.test(e.type);

// What happened, in a sentence, out of what is known about the cause.
function cause(x) {
  const d = x.data ?? {};
  const parts = [d.detail, d.reason, d.message, d.sku && `SKU ${d.sku}`, d.skus && [].concat(d.skus).map((s) => s.sku ?? s).join(', '), d.row && L(`row ${d.row}`, `第 ${d.row} 行`), d.column, d.missing && L(`${d.missing} missing`, `缺 ${d.missing} 件`), d.tracking_no, d.effect, d.rule,
    d.was !== undefined && d.now !== undefined && `${d.was} → ${d.now}`, d.channel_status && word('status', d.channel_status), d.status && word('status', d.status)];
  return parts.filter((p) => typeof p === 'string' && p).join(' · ');
}
function skuOf(x) { const d = x.data ?? {}; return d.sku ?? [].concat(d.skus ?? [])[0]?.sku ?? [].concat(d.skus ?? [])[0] ?? [].concat(d.lines ?? [])[0]?.sku; }

async function resolve(x, note) {
  const a = await ask({ title: `${L('Resolve', '解决')}: ${word('exception', x.type)}`, fields: [{ name: 'note', label: L('Note', '备注'), required: true, value: note, max: 500 }], ok: L('Resolve', '解决') });
  return a && act(() => post(`/v1/exceptions/${x.id}/resolve`, { note: a.note }), L('Resolved', '已解决'));
}
async function assign(list) {
  const a = await ask({ title: L(`Give ${list.length} to`, `指派 ${list.length} 项给`), fields: [{ name: 'role', label: L('Role', '角色'), type: 'select', value: list[0].owner, options: ROLES.map((r) => [r, word('role', r)]) }, { name: 'user', label: L('User (may be empty)', '用户（可留空）'), max: 64 }], ok: L('Give', '指派') });
  if (!a) return;
  let good = 0;
  for (const x of list) { const r = await post(`/v1/exceptions/${x.id}/assign`, { owner: a.user ? `user:${a.user}` : a.role }); if (r.ok) good++; else toastProblem(r); }
  if (good) { toast(L(`${good} given`, `已指派 ${good} 项`)); }
}
// The likely ways out, the best first; each under its number.
function actionsOf(x) {
  const out = [], add = (label, run) => out.push({ label, run });
  const done = L('dealt with', '已处理');
  if (x.type === 'unknown_sku' && may('putMappings')) add(L('Say which article it is', '关联到本店商品'), () => go(href('stock', { tab: 'mappings', channel: x.channel ?? '', sku: skuOf(x) ?? '' })));
  if (x.type === 'oversold' && may('adjustStock')) add(L('Look at the stock', '查看库存'), () => go(href('stock', { q: skuOf(x) ?? '' })));
  if (x.payload && may('retryPayload')) add(L('Apply it again', '重试解析'), () => act(() => post(`/v1/payloads/${x.payload}/retry`, {}), L('Applied', '已应用')));
  if (x.payload && may('discardPayload')) add(L('Put it aside', '搁置'), async () => { const a = await ask({ title: L('Put it aside for good', '永久搁置'), fields: [{ name: 'note', label: L('Note', '备注'), required: true, value: L('not an order', '不是订单') }], ok: L('Put aside', '搁置') }); if (a) await act(() => post(`/v1/payloads/${x.payload}/discard`, { note: a.note }), L('Put aside', '已搁置')); });
  if (/_after_lock|oversold|channel_/.test(x.type) && x.order && may('holdOrder')) add(L('Hold the order', '挂起订单'), () => act(() => post(`/v1/orders/${x.order}/hold`, { reason: word('exception', x.type) }), L('Held', '已挂起')));
  if (x.type === 'refund_by_hand' && may('listCases')) add(L('To the case', '打开售后单'), () => go(href('returns', x.data?.case ?? '')));
  if (x.type === 'effect_dead' && may('retryEffect') && x.data?.effect) add(L('Send it again', '重新发送'), () => act(() => post(`/v1/effects/${x.data.effect}/retry`, {}), L('It goes out again', '已重新发送')));
  if (may('resolveException')) add(L('It is dealt with', '已处理，关闭'), () => resolve(x, done));
  if (x.order) add(L('Open the order', '打开订单'), () => go(href('order', x.order)));
  if (may('assignException') && x.assignee !== me.user.name) add(L('Give it to me', '指派给我'), () => act(() => post(`/v1/exceptions/${x.id}/assign`, { owner: `user:${me.user.name}` }), L('It is yours', '已归你处理')));
  return out.slice(0, 9);
}

export default function Exceptions({ query }) {
  const state = query.state ?? 'open';
  const path = '/v1/exceptions' + queryText({ state: state === 'all' ? '' : state, type: query.type, owner: query.owner, order: query.order, limit: 50 });
  const list = useList(path, { on: isOne });
  const stats = useGet('/v1/stats/exceptions', { on: isOne });
  const [at, setAt] = useState(0), [chosen, setChosen] = useState(() => new Set());
  const table = useRef();
  const rows = list.rows ?? [], row = rows[Math.min(at, rows.length - 1)];
  useEffect(() => { setAt(0); setChosen(new Set()); }, [path]);
  const move = (d) => setAt((n) => { const to = Math.max(0, Math.min(rows.length - 1, n + d)); table.current?.querySelectorAll('tbody tr')[to]?.scrollIntoView({ block: 'nearest' }); return to; });
  const toggle = (x) => setChosen((s) => { const n = new Set(s); if (!n.delete(x.id)) n.add(x.id); return n; });
  const actions = row?.state === 'open' ? actionsOf(row) : row?.order ? [{ label: L('Open the order', '打开订单'), run: () => go(href('order', row.order)) }] : [];
  const give = async () => { const them = rows.filter((x) => chosen.has(x.id)); if (them.length || row) { await assign(them.length ? them : [row]); setChosen(new Set()); list.reload(); } };
  useKeys([
    ['j', 'Next', '下一个', () => move(1)], ['k', 'Before', '上一个', () => move(-1)], ['ArrowDown', '', '', () => move(1)], ['ArrowUp', '', '', () => move(-1)],
    ['x', 'Choose the row', '选择该行', () => row && toggle(row)], may('assignException') && ['a', 'Give to a role or a user', '指派', give], ['Enter', 'Open the order', '打开订单', () => row?.order && go(href('order', row.order))],
    ...actions.map((a, i) => [String(i + 1), i ? '' : 'The suggested actions', i ? '' : '执行建议操作', () => a.run()]),
  ]);
  const select = (name, label, options) => html`<label class="nowrap"><small>${label}</small> <select value=${query[name] ?? ''} onChange=${(e) => setQuery({ [name]: e.target.value })}><option value="">${L('all', '全部')}</option>${query[name] && !options.some(([v]) => v === query[name]) ? html`<option value=${query[name]}>${query[name]}</option>` : null}${options.map(([v, l]) => html`<option key=${v} value=${v}>${l}</option>`)}</select></label>`;
  return html`<h1>${L('Exceptions', '异常')}</h1>
    <div class="tabs" role="group" aria-label=${L('State', '状态')}>${[['open', L('Open', '待处理')], ['resolved', L('Resolved', '已解决')], ['all', L('All', '全部')]].map(([s, l]) => html`<a key=${s} href=${href('exceptions', { ...query, state: s })} aria-current=${state === s ? 'page' : undefined}>${l}</a>`)}</div>
    <div class="row">${select('type', L('Cause', '原因'), (stats.data?.data ?? []).map((r) => [r.type, `${word('exception', r.type)} (${r.open})`]))}${select('owner', L('Owner', '负责'), [...ROLES.map((r) => [r, word('role', r)]), [`user:${me.user.name}`, L('me', '我')]])}
      ${query.order ? html`<button type="button" class="on" onClick=${() => setQuery({ order: '' })}>${L('order', '订单')}: ${query.order} ✕</button>` : null}${may('assignException') ? html`<${Button} onClick=${give}>${L('Give to…', '指派…')} <${Key} k="a" /><//>` : null}<${Fresh} list=${list} /></div>
    <div class="two"><div class="card table-cards" tabindex="0" role="region" aria-label=${L('Exceptions', '异常列表')} ref=${table}><table><thead><tr><th><span class="sr">${L('Choose', '选择')}</span></th><th>${L('Cause', '原因')}</th><th>${L('About', '对象')}</th><th>${L('Owner', '负责')}</th><th>${L('Age', '时长')}</th></tr></thead><tbody>
      ${rows.map((x, i) => html`<tr key=${x.id} class=${(x === row ? 'at ' : '') + (chosen.has(x.id) ? 'chosen' : '')} onClick=${() => setAt(i)}>
        <td><input type="checkbox" checked=${chosen.has(x.id)} onChange=${() => toggle(x)} aria-label=${L(`Choose ${x.id}`, `选择 ${x.id}`)} /></td>
        <td class="break"><b>${word('exception', x.type)}</b><br /><small>${cause(x).slice(0, 160)}</small></td>
        <td class="break">${x.order ? html`<a href=${href('order', x.order)}>${x.order}</a>` : x.payload ? html`<a href=${href('channels', { tab: 'payloads', payload: x.payload })}>${x.payload}</a>` : ''} <small>${x.channel ?? ''}</small></td>
        <td>${x.owner.startsWith('user:') ? x.owner.slice(5) : word('role', x.owner)} ${x.assignee ? html`<small>${x.assignee}</small>` : null}</td><td class="nowrap" title=${x.since}>${ago(x.since)}${x.due_at ? html` <${Due} t=${x.due_at} />` : null}</td></tr>`)}
    </tbody></table><${ListEnd} list=${list} none=${state === 'open' ? L('Nothing needs you. ', '没有待处理的异常。') : L('None here.', '没有记录。')} /></div>
    ${row ? html`<section class="card" aria-live="polite"><h2>${word('exception', row.type)} <small>${row.id}</small></h2><p class="break">${cause(row)}</p>
      ${actions.map((a, i) => html`<p key=${i}><${Button} kind=${i ? '' : 'primary'} onClick=${a.run}><${Key} k=${i + 1} /> ${a.label}<//></p>`)}
      <dl><dt>${L('Since', '开始')}</dt><dd><${Time} t=${row.since} /></dd>${row.resolved_at ? html`<dt>${L('Resolved', '解决')}</dt><dd><${Time} t=${row.resolved_at} /> ${row.resolved_by} ${row.note ?? ''}</dd>` : null}</dl>
      <details><summary>${L('All that is known', '全部信息')}</summary><pre tabindex="0">${JSON.stringify(row.data, null, 1)}</pre></details></section>` : null}</div>`;
}
