// orders.mjs: the list of orders: tabs by status, filters, saved views, and what is done to many at once.
import {
  act, ask, Badge, Button, Due, Fresh, get, go, has, href, html, Key, L, ListEnd, may, money, number, post, query as queryText, recall, setQuery, store, Time, toast, toastProblem,
  useCallback, useEffect, useGet, useKeys, useList, useMemo, useRef, useState, word,
} from 'core';

const OPEN = ['pending', 'paid', 'split', 'producing', 'inspected', 'pre_ship', 'shipped'];
const FILTERS = ['status', 'channel', 'warehouse', 'owner', 'exception', 'overdue', 'held', 'urgent', 'tag', 'sku', 'group', 'from', 'to', 'q', 'sort'];
const isOrder = (e) => /^order\./.test(e.type);

function Tabs({ query, stats }) {
  const of = (s) => stats?.statuses.find((x) => x.status === s)?.orders;
  const tab = (status, label, n) => html`<a key=${status} href=${href('orders', { ...query, status, q: '' })} aria-current=${(query.status ?? '') === status && !query.q ? 'page' : undefined}>${label}${n != null ? html` <small>${number(n)}</small>` : null}</a>`;
  return html`<div class="tabs" role="group" aria-label=${L('Status', '状态')}>${tab('', L('All', '全部'), null)}${[...OPEN, 'completed', 'cancelled'].map((s) => tab(s, word('status', s), of(s)))}</div>`;
}

function Filters({ query, stats }) {
  const select = (name, label, options) => html`<label class="nowrap"><small>${label}</small> <select value=${query[name] ?? ''} onChange=${(e) => setQuery({ [name]: e.target.value })}>
    <option value="">${L('all', '全部')}</option>${query[name] && !options.some(([v]) => v === query[name]) ? html`<option value=${query[name]}>${query[name]}</option>` : null}${options.map(([v, l]) => html`<option value=${v} key=${v}>${l}</option>`)}</select></label>`;
  const check = (name, label) => html`<label class="nowrap"><input type="checkbox" checked=${query[name] === 'true'} onChange=${(e) => setQuery({ [name]: e.target.checked ? 'true' : '' })} /> ${label}</label>`;
  return html`<div class="row">
    ${select('channel', L('Channel', '渠道'), (stats?.channels ?? []).map((c) => [c, c]))}
    ${(stats?.warehouses ?? []).length ? select('warehouse', L('Warehouse', '仓库'), stats.warehouses.map((c) => [c, c])) : null}
    ${select('owner', L('Owner', '负责'), ['cs', 'warehouse', 'production', 'finance', 'admin'].map((r) => [r, word('role', r)]))}
    ${check('overdue', L('late', '超时'))} ${check('held', L('on hold', '挂起'))} ${check('urgent', L('urgent', '加急'))}
    ${select('sort', L('Sort', '排序'), [['-placed_at', L('newest purchase', '最新下单')], ['placed_at', L('oldest purchase', '最早下单')], ['due_at', L('deadline', '期限')], ['id', L('oldest first', '最早收到')]])}
    ${['tag', 'sku', 'group', 'exception', 'from', 'to', 'q'].filter((f) => query[f]).map((f) => html`<button type="button" key=${f} class="on" onClick=${() => setQuery({ [f]: '' })} title=${L('Take this filter away', '移除此筛选')}>${f === 'q' ? L('search', '搜索') : f}: ${query[f]} ✕</button>`)}
  </div>`;
}

// Views that a person named; kept in this browser, and each is an address that can be sent to a colleague.
function Views({ query }) {
  const [views, set] = useState(() => { try { return JSON.parse(recall('views') ?? '[]'); } catch { return []; } });
  const keep = (v) => { set(v); store('views', JSON.stringify(v)); };
  const save = async () => {
    const a = await ask({ title: L('Save this view', '保存此视图'), fields: [{ name: 'name', label: L('Name', '名称'), required: true, max: 30 }], ok: L('Save', '保存') });
    if (a?.name) keep([...views.filter((v) => v.name !== a.name), { name: a.name, query }].slice(-20));
  };
  const any = FILTERS.some((f) => query[f]);
  return html`<div class="row">${views.map((v) => html`<span key=${v.name} class="nowrap"><a class="button" href=${href('orders', v.query)}>${v.name}</a><button type="button" aria-label=${L(`Forget the view ${v.name}`, `删除视图 ${v.name}`)} onClick=${() => keep(views.filter((x) => x !== v))}>✕</button></span>`)}
    ${any ? html`<button type="button" onClick=${save}>${L('Save view', '保存视图')}</button><a href="#/orders">${L('Clear filters', '清除筛选')}</a>` : null}</div>`;
}

const safeCell = (v) => { const s = String(v ?? ''); const safe = /^[=+\-@\t\r]/.test(s) ? "'" + s : s; return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe; };
const EXPORT_MAX = 10000;
async function exportCsv(path, chosen) {
  const rows = [];
  if (chosen.length) rows.push(...chosen);
  else {
    for (let next = ''; next !== null && rows.length < EXPORT_MAX;) {
      const a = await get(path.replace(/limit=\d+/, 'limit=500') + (next ? '&cursor=' + encodeURIComponent(next) : ''));
      if (!a.ok) { toastProblem(a); return; }
      rows.push(...a.data.data);
      next = a.data.next;
    }
  }
  const head = ['id', 'channel', 'external_id', 'status', 'placed_at', 'paid_at', 'currency', 'total', 'receiver', 'phone', 'address', 'sku', 'quantity'];
  const lines = rows.flatMap((o) => o.lines.map((l) => [o.id, o.channel, o.external_id, o.status, o.placed_at, o.paid_at, o.currency, o.total.amount, o.receiver?.name, o.receiver?.phone,
    [o.receiver?.province, o.receiver?.city, o.receiver?.district, o.receiver?.address].filter(Boolean).join(' '), l.sku ?? l.title, l.quantity].map(safeCell).join(',')));
  const url = URL.createObjectURL(new Blob(['\ufeff' + [head.join(','), ...lines].join('\r\n') + '\r\n'], { type: 'text/csv' }));
  const a = document.createElement('a');
  a.href = url; a.download = 'orders.csv'; document.body.append(a); a.click(); a.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  if (rows.length >= EXPORT_MAX) toast(L(`The first ${number(rows.length)} orders; use “orderd export” for all.`, `仅导出前 ${number(rows.length)} 单；全部请用 “orderd export”。`), 'warn');
}

// The same command for each of many: what was refused is said with its reason, the rest is done.
async function each(orders, work, done) {
  const bad = [];
  let good = 0;
  for (const o of orders) {
    const a = await work(o);
    if (a.ok) good++; else bad.push(`${o.external_id}: ${a.problem.detail ?? a.problem.title}`);
  }
  if (good) toast(done(good));
  if (bad.length) toast(bad.slice(0, 5).join(' · ') + (bad.length > 5 ? ` · +${bad.length - 5}` : ''), 'bad');
  return good;
}

export default function Orders({ query }) {
  const stats = useGet('/v1/stats/orders', { on: isOrder }).data;
  const filters = Object.fromEntries(FILTERS.filter((f) => query[f]).map((f) => [f, query[f]]));
  const path = '/v1/orders' + queryText({ ...filters, limit: 50 });
  const list = useList(path, { on: isOrder });
  const [at, setAt] = useState(0);
  const [chosen, setChosen] = useState(() => new Map());
  const table = useRef();
  const rows = list.rows ?? [];
  const row = rows[at];
  useEffect(() => { setAt(0); setChosen(new Map()); }, [path]);
  const move = (d) => { setAt((n) => { const to = Math.max(0, Math.min(rows.length - 1, n + d)); table.current?.querySelectorAll('tbody tr')[to]?.scrollIntoView({ block: 'nearest' }); return to; }); };
  const toggle = (o) => o && setChosen((m) => { const n = new Map(m); if (!n.delete(o.id)) n.set(o.id, o); return n; });
  const picked = () => (chosen.size ? [...chosen.values()] : row ? [row] : []);
  const after = (n) => { if (n) { setChosen(new Map()); list.reload(); } };

  const hold = async () => {
    const them = picked(); if (!them.length) return;
    const a = await ask({ title: L(`Hold ${them.length} orders`, `挂起 ${them.length} 个订单`), fields: [{ name: 'reason', label: L('Reason', '原因'), required: true, value: L('customer asks', '客户要求'), max: 100 }], ok: L('Hold', '挂起') });
    if (a) after(await each(them, (o) => post(`/v1/orders/${o.id}/hold`, { reason: a.reason }), (n) => L(`${n} held`, `已挂起 ${n} 单`)));
  };
  const release = async () => {
    const them = picked(); if (!them.length) return;
    after(await each(them, (o) => post(`/v1/orders/${o.id}/release`, {}), (n) => L(`${n} released`, `已放行 ${n} 单`)));
  };
  const split = async () => {
    const them = picked(); if (!them.length) return;
    after(await each(them, (o) => post(`/v1/orders/${o.id}/transitions`, { to: 'split' }), (n) => L(`${n} split`, `已拆单 ${n} 单`)));
  };
  const merge = async () => {
    const them = [...chosen.values()]; if (them.length < 2) { toast(L('Choose at least two orders with x', '请先用 x 选择至少两个订单'), 'warn'); return; }
    const first = them.find((o) => o.group) ?? them[0];
    if (!first.group) { toast(L('None of these is in a group that can ship', '所选订单均不可合并发货'), 'bad'); return; }
    const a = await ask({ title: L(`Put ${them.length} orders together`, `合并 ${them.length} 个订单`), text: L('They ship as one, and stay together until a person takes one out.', '合并后一起发货，直到有人移出。'), fields: [{ name: 'note', label: L('Note', '备注'), max: 200 }], ok: L('Merge', '合并') });
    if (a) after(await each(them.filter((o) => o !== first && o.group?.id !== first.group.id), (o) => post(`/v1/groups/${first.group.id}/add`, { order: o.id, ...(a.note ? { note: a.note } : {}) }), (n) => L(`${n} added to ${first.group.id}`, `已将 ${n} 单并入 ${first.group.id}`)));
  };
  const print = () => {
    const ids = picked().flatMap((o) => o.fulfilments.filter((f) => f.status !== 'void').map((f) => f.id));
    if (!ids.length) { toast(L('None of these is split into fulfilments yet', '所选订单尚未拆单，没有可打印的面单'), 'warn'); return; }
    ids.slice(0, 20).forEach((id) => open(`/v1/fulfilments/${id}/slip?lang=${document.documentElement.lang.startsWith('zh') ? 'zh' : 'en'}`, '_blank'));
  };
  useKeys([
    ['j', 'Next row', '下一行', () => move(1)], ['k', 'Row before', '上一行', () => move(-1)], ['ArrowDown', '', '', () => move(1)], ['ArrowUp', '', '', () => move(-1)],
    ['Enter', 'Open the order', '打开订单', () => row && go(href('order', row.id))], ['x', 'Choose the row', '选择该行', () => toggle(row)],
    may('holdOrder') && ['h', 'Hold', '挂起', hold], may('releaseOrder') && ['u', 'Release', '放行', release], may('moveOrder') && ['Shift+s', 'Split', '拆单', split],
    may('addToGroup') && ['m', 'Put chosen orders together', '合并所选', merge], may('getSlip') && ['p', 'Print slips', '打印装箱单', print], ['e', 'Export as CSV', '导出 CSV', () => exportCsv(path, [...chosen.values()])],
    ['r', 'Read again', '刷新', list.reload],
  ]);
  const n = chosen.size;
  return html`<h1>${L('Orders', '订单')}</h1>
    <${Tabs} query=${query} stats=${stats} /><${Filters} query=${query} stats=${stats} /><${Views} query=${filters} />
    <div class="row">
      <span>${n ? L(`${n} chosen`, `已选 ${n} 单`) : L('Choose rows with x, or act on the marked one:', '用 x 多选，或直接操作当前行：')}</span>
      ${may('holdOrder') ? html`<${Button} onClick=${hold}>${L('Hold', '挂起')} <${Key} k="h" /><//>` : null}
      ${may('releaseOrder') ? html`<${Button} onClick=${release}>${L('Release', '放行')} <${Key} k="u" /><//>` : null}
      ${may('moveOrder') ? html`<${Button} onClick=${split}>${L('Split', '拆单')} <${Key} k="⇧s" /><//>` : null}
      ${may('addToGroup') ? html`<${Button} onClick=${merge}>${L('Merge', '合并')} <${Key} k="m" /><//>` : null}
      ${may('getSlip') ? html`<${Button} onClick=${print}>${L('Print', '打印')} <${Key} k="p" /><//>` : null}
      <${Button} onClick=${() => exportCsv(path, [...chosen.values()])}>${L('Export', '导出')} <${Key} k="e" /><//>
      <${Fresh} list=${list} />
    </div>
    <div class="card table-cards" tabindex="0" role="region" aria-label=${L('Orders', '订单列表')} ref=${table}><table>
      <thead><tr><th><input type="checkbox" aria-label=${L('Choose all shown', '全选')} checked=${rows.length > 0 && rows.every((o) => chosen.has(o.id))} onChange=${(e) => setChosen(e.target.checked ? new Map(rows.map((o) => [o.id, o])) : new Map())} /></th>
        <th>${L('Order', '订单')}</th><th>${L('Status', '状态')}</th><th>${L('Deadline', '期限')}</th><th>${L('Channel', '渠道')}</th><th>${L('Receiver', '收件人')}</th><th>${L('Lines', '商品')}</th><th class="num">${L('Total', '金额')}</th><th>${L('Placed', '下单')}</th></tr></thead>
      <tbody>${rows.map((o, i) => html`<${Row} key=${o.id} o=${o} at=${i === at} chosen=${chosen.has(o.id)} toggle=${toggle} mark=${() => setAt(i)} />`)}</tbody>
    </table><${ListEnd} list=${list} none=${query.q ? L(`Nothing found for “${query.q}”.`, `没有找到 “${query.q}”。`) : L('No orders here.', '这里没有订单。')} /></div>`;
}

function Row({ o, at, chosen, toggle, mark }) {
  const flags = [...o.holds.map((h) => [h.reason ?? h, 'warn']), ...o.exceptions.map((x) => [word('exception', x.type), 'bad']), ...(o.tags ?? []).map((t) => [t.tag ?? t, ''])];
  return html`<tr class=${(at ? 'at ' : '') + (chosen ? 'chosen' : '')} onClick=${mark} onDblClick=${() => go(href('order', o.id))}>
    <td><input type="checkbox" checked=${chosen} onChange=${() => toggle(o)} aria-label=${L(`Choose ${o.external_id}`, `选择 ${o.external_id}`)} /></td>
    <td class="id"><a href=${href('order', o.id)}>${o.external_id}</a>${o.group?.orders.length > 1 ? html` <a class="badge" href=${href('groups', o.group.id)} title=${L('Ships together with others', '与其他订单合并发货')}>+${o.group.orders.length - 1}</a>` : null}</td>
    <td><${Badge} value=${o.status} /> ${flags.map(([t, k]) => html`<span class=${'badge ' + k}>${t}</span> `)}</td>
    <td><${Due} t=${o.ship_by && o.ship_by < (o.stage?.escalate_at ?? '9') ? o.ship_by : o.stage?.escalate_at} /></td>
    <td>${o.channel}</td>
    <td class="break">${o.receiver?.name ?? o.buyer?.name ?? ''} <small>${o.receiver?.phone ?? ''} ${o.receiver?.city ?? ''}</small></td>
    <td class="break">${o.lines.slice(0, 2).map((l) => `${l.sku ?? l.title} ×${l.quantity}`).join(', ')}${o.lines.length > 2 ? ` +${o.lines.length - 2}` : ''}</td>
    <td class="num nowrap">${money(o.total)}</td><td><${Time} t=${o.placed_at} /></td></tr>`;
}
