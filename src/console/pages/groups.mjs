// groups.mjs: who ships together: merged, proposed, locked; taking out, putting together, and the reason of each.
import { act, addWords, ask, Badge, Button, Fresh, fullTime, get, go, href, html, Key, L, ListEnd, Loading, may, post, Problem, span, Time, toast, toastProblem, useCallback, useEffect, useGet, useKeys, useList, useState, word } from 'core';

addWords('groupkey', { phone_address: ['same phone and address', '同电话同地址'], token: ['same receiver token', '同收件人标识'], platform: ['the platform says so', '平台合单'], manual: ['a person put them together', '人工合并'] });
addWords('verdict', { together: ['together', '应合并'], apart: ['apart', '不合并'], propose: ['perhaps', '可能合并'], maybe: ['perhaps', '可能合并'] });
const isGroup = (e) => /^(group|order\.group)/.test(e.type) || e.type === 'order.group';

async function together(group, order) {
  return act(() => post(`/v1/groups/${group}/add`, { order }), L('Put together', '已合并'));
}

function List({ query }) {
  const tab = query.tab ?? 'several';
  const path = '/v1/groups?limit=50' + { several: '&several=true', proposed: '&proposed=true', open: '&state=open', locked: '&state=locked' }[tab];
  const list = useList(path, { on: isGroup });
  const [at, setAt] = useState(0);
  const rows = list.rows ?? [], row = rows[Math.min(at, rows.length - 1)];
  useEffect(() => setAt(0), [path]);
  const proposal = row?.proposals?.[0];
  useKeys([
    ['j', 'Next', '下一个', () => setAt((n) => Math.min(rows.length - 1, n + 1))], ['k', 'Before', '上一个', () => setAt((n) => Math.max(0, n - 1))], ['Enter', 'Open', '打开', () => row && go(href('groups', row.id))],
    tab === 'proposed' && may('addToGroup') && ['y', 'Yes, they ship together', '同意合并', () => proposal && decide(row, proposal)],
  ]);
  const decide = async (g, p) => {
    const other = g.orders.some((o) => o.id === p.order) ? p.with : p.order;
    if (await together(g.id, other)) list.reload();
  };
  return html`<h1>${L('Groups', '合并组')}</h1>
    <div class="tabs" role="group" aria-label=${L('Which', '筛选')}>${[['several', L('Merged', '已合并')], ['proposed', L('Proposed', '建议合并')], ['open', L('All open', '全部未锁定')], ['locked', L('Locked', '已锁定')]].map(([t, l]) => html`<a key=${t} href=${href('groups', { tab: t })} aria-current=${tab === t ? 'page' : undefined}>${l}</a>`)}<${Fresh} list=${list} /></div>
    <div class="card table-cards" tabindex="0" role="region" aria-label=${L('Groups', '合并组')}><table><thead><tr><th>${L('Group', '合并组')}</th><th>${L('State', '状态')}</th><th>${L('Orders', '订单')}</th><th>${L('Because', '依据')}</th><th>${L('From', '起')}</th><th>${L('Until', '止')}</th><th>${L('Perhaps also', '可能也属于')}</th></tr></thead><tbody>
      ${rows.map((g, i) => html`<tr key=${g.id} class=${g === row ? 'at' : ''} onClick=${() => setAt(i)}><td class="id"><a href=${href('groups', g.id)}>${g.id}</a></td><td><${Badge} value=${g.state} /></td>
        <td class="break">${g.orders.map((o) => html`<a key=${o.id} href=${href('order', o.id)}>${o.external_id}</a> <small>${o.channel}</small> `)}</td><td>${g.orders.length > 1 ? word('groupkey', g.key) : ''}</td><td><${Time} t=${g.from} /></td><td><${Time} t=${g.until} /></td>
        <td>${(g.proposals ?? []).slice(0, 2).map((p) => { const other = g.orders.some((o) => o.id === p.order) ? p.with : p.order; return html`<div key=${p.order + p.with} class="break"><a href=${href('order', other)}>${other}</a> <small>${String(p.code).replaceAll('_', ' ')}</small> ${may('addToGroup') ? html`<${Button} onClick=${() => decide(g, p)}>${L('Together', '合并')}${g === row && tab === 'proposed' ? html` <${Key} k="y" />` : null}<//>` : null}</div>`; })}</td></tr>`)}
    </tbody></table><${ListEnd} list=${list} none=${L('No groups here.', '没有合并组。')} /></div>`;
}

function Why({ order }) {
  const s = useGet(may('getOrderWhy') ? `/v1/orders/${order}/why` : null);
  const d = s.data;
  if (!d) return null;
  return html`<ul>${d.conditions.map((c, i) => html`<li key=${i}><a href=${href('order', c.order)}>${c.order}</a>: ${word('verdict', c.verdict)}, ${String(c.code).replaceAll('_', ' ')}${c.gap_ms != null ? ` · ${span(c.gap_ms)}` : ''}</li>`)}${(d.decisions ?? []).map((c, i) => html`<li key=${'d' + i}>${c.order}: ${L('decided by', '人工决定')} ${c.actor}: ${word('verdict', c.verdict)}</li>`)}</ul>`;
}

function One({ id }) {
  const on = useCallback((e) => e.entity === id || e.type === 'order.group', [id]);
  const s = useGet(`/v1/groups/${encodeURIComponent(id)}`, { on });
  const g = s.data;
  const remove = async (o) => { const a = await ask({ title: L(`Take ${o.external_id} out`, `移出 ${o.external_id}`), text: L('It stays apart for good, unless a person puts it back.', '移出后不会再自动合并，除非人工并回。'), fields: [{ name: 'note', label: L('Note', '备注'), max: 500 }], ok: L('Take out', '移出') }); if (a) await act(() => post(`/v1/groups/${id}/remove`, { order: o.id, ...(a.note ? { note: a.note } : {}) }), L('Taken out', '已移出')); };
  const add = async () => {
    const a = await ask({ title: L('Put an order into this group', '并入订单'), fields: [{ name: 'order', label: L('Order: its number, or o_…', '订单：单号或 o_…'), required: true }, { name: 'note', label: L('Note', '备注'), max: 500 }], ok: L('Put together', '合并') });
    if (!a) return;
    let order = a.order.trim();
    if (!/^o_\d+$/.test(order) && !order.includes(':')) {
      const f = await get(`/v1/orders?q=${encodeURIComponent(order)}&limit=2`);
      if (!f.ok) { toastProblem(f); return; }
      if (f.data.data.length !== 1) { toast(f.data.data.length ? L('More than one order is found: use o_… or channel:number', '匹配到多个订单，请用 o_… 或 渠道:单号') : L('No such order', '没有这个订单'), 'bad'); return; }
      order = f.data.data[0].id;
    }
    await act(() => post(`/v1/groups/${id}/add`, { order, ...(a.note ? { note: a.note } : {}) }), L('Put together', '已合并'));
  };
  const lock = async () => { const a = await ask({ title: L('Lock this group', '锁定合并组'), text: L('It takes and gives no order any more.', '锁定后不再并入或移出订单。'), ok: L('Lock', '锁定') }); if (a) await act(() => post(`/v1/groups/${id}/lock`, {}), L('Locked', '已锁定')); };
  useKeys([may('addToGroup') && ['a', 'Put an order in', '并入订单', add], may('lockGroup') && ['Shift+l', 'Lock', '锁定', () => g?.state === 'open' && lock()], ['Escape', 'All groups', '返回列表', () => go('#/groups')]]);
  if (!g) return html`<h1>${id}</h1>${s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : html`<${Loading} />`}`;
  return html`<div class="row"><a class="button" href="#/groups">←</a><h1>${id}</h1><${Badge} value=${g.state} /> <span>${g.orders.length > 1 ? word('groupkey', g.key) : L('alone', '单独一单')}</span><span class="end"></span>
      ${may('addToGroup') && g.state === 'open' ? html`<${Button} kind="primary" onClick=${add}>${L('Put an order in', '并入订单')} <${Key} k="a" /><//>` : null}${may('lockGroup') && g.state === 'open' ? html`<${Button} onClick=${lock}>${L('Lock', '锁定')} <${Key} k="⇧l" /><//>` : null}</div>
    <p><small>${L('Orders placed between', '下单时间在')} ${fullTime(g.from)} ${L('and', '至')} ${fullTime(g.until)}${L('', ' 之间的订单')}${g.locked_at ? L(`, locked ${fullTime(g.locked_at)}`, `，锁定于 ${fullTime(g.locked_at)}`) : ''}</small></p>
    ${g.orders.map((o) => html`<section class="card" key=${o.id}><div class="row"><h2><a href=${href('order', o.id)}>${o.external_id}</a></h2><small>${o.id} · ${o.channel}</small> <${Badge} value=${o.status} /> <${Time} t=${o.placed_at} /><span class="end"></span>${may('removeFromGroup') && g.orders.length > 1 ? html`<${Button} onClick=${() => remove(o)}>${L('Take out', '移出')}<//>` : null}</div><${Why} order=${o.id} /></section>`)}
    ${(g.proposals ?? []).length ? html`<section class="card"><h2>${L('Perhaps also', '可能也属于')}</h2>${g.proposals.map((p, i) => { const other = g.orders.some((o) => o.id === p.order) ? p.with : p.order; return html`<p key=${i}><a href=${href('order', other)}>${other}</a> ${String(p.code).replaceAll('_', ' ')} ${may('addToGroup') ? html`<${Button} onClick=${() => together(id, other)}>${L('Together', '合并')}<//>` : null}</p>`; })}</section>` : null}`;
}

export default function Groups({ parts, query }) {
  return parts[0] ? html`<${One} id=${parts[0]} key=${parts[0]} />` : html`<${List} query=${query} />`;
}
