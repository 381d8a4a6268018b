// returns.mjs: returns, exchanges, refunds, repairs: three steps by three people, photos, what came back, refunds by hand.
import { act, addWords, api, ask, Badge, Button, Due, Empty, Fresh, get, go, has, href, html, Key, L, ListEnd, Loading, may, me, money, post, Problem, query as queryText, setQuery, Time, toast, toastProblem, useCallback, useEffect, useGet, useKeys, useList, useRef, useState, word } from 'core';

addWords('case', {
  return: ['Return', '退货'], exchange: ['Exchange', '换货'], refund_only: ['Refund only', '仅退款'], repair: ['Repair', '维修'], open: ['Open', '审批中'], approved: ['Approved', '已批准'], done: ['Done', '已完成'], rejected: ['Rejected', '已拒绝'], cancelled: ['Withdrawn', '已撤回'],
  change: ['changed', '修改'], photo: ['photo', '照片'], approve: ['approved', '批准'], skip: ['left out', '跳过'], reject: ['rejected', '拒绝'], send_back: ['sent back', '退回上一步'], receive: ['goods', '收货质检'], cancel: ['withdrawn', '撤回'], refunded: ['refunded by hand', '人工退款'],
});
addWords('goods', { none: ['no goods', '无需退货'], awaited: ['awaited', '待收货'], received: ['received', '已收货'], inspected: ['inspected', '已质检'] });
addWords('refund', { none: ['no refund yet', '未退款'], sent: ['sent to the channel', '已提交渠道'], accepted: ['the channel refunds', '渠道已退款'], refused: ['refused by the channel', '渠道拒绝'], unknown: ['not known', '未知'], by_hand: ['by hand', '需人工退款'] });
const STEPS = ['cs', 'warehouse', 'finance'];
const isCase = (e) => /^case\./.test(e.type);

function List({ query }) {
  const tab = query.tab ?? (STEPS.find((s) => me.roles.includes(s)) ?? 'open');
  const filter = STEPS.includes(tab) ? { state: 'open', step: tab } : tab === 'late' ? { overdue: 'true' } : tab === 'all' ? {} : { state: tab };
  const path = '/v1/cases' + queryText({ ...filter, order: query.order_id, limit: 50 });
  const list = useList(path, { on: isCase });
  const [at, setAt] = useState(0);
  const rows = [...(list.rows ?? [])].sort((a, b) => (a.due_at ?? '9').localeCompare(b.due_at ?? '9')), row = rows[Math.min(at, rows.length - 1)];
  useEffect(() => setAt(0), [path]);
  useKeys([['j', 'Next', '下一个', () => setAt((n) => Math.min(rows.length - 1, n + 1))], ['k', 'Before', '上一个', () => setAt((n) => Math.max(0, n - 1))], ['Enter', 'Open', '打开', () => row && go(href('returns', row.id))], may('openCase') && ['n', 'New case', '新建售后单', () => openCase('')]]);
  return html`<div class="row"><h1>${L('Returns', '售后')}</h1><span class="end"></span>${may('openCase') ? html`<${Button} kind="primary" onClick=${() => openCase('')}>${L('New case', '新建售后单')} <${Key} k="n" /><//>` : null}</div>
    <div class="tabs" role="group" aria-label=${L('Which', '筛选')}>${[...STEPS.map((s) => [s, L(`Step: ${word('role', s)}`, `${word('role', s)}审批`)]), ['late', L('Late', '超时')], ['approved', word('case', 'approved')], ['done', word('case', 'done')], ['rejected', word('case', 'rejected')], ['all', L('All', '全部')]].map(([t, l]) => html`<a key=${t} href=${href('returns', { tab: t })} aria-current=${tab === t ? 'page' : undefined}>${l}</a>`)}<${Fresh} list=${list} /></div>
    <div class="card table-cards" tabindex="0" role="region" aria-label=${L('Cases', '售后单')}><table><thead><tr><th>${L('Case', '售后单')}</th><th>${L('Kind', '类型')}</th><th>${L('State', '状态')}</th><th>${L('Deadline', '期限')}</th><th>${L('Order', '订单')}</th><th>${L('Reason', '原因')}</th><th class="num">${L('Amount', '金额')}</th></tr></thead><tbody>
      ${rows.map((k, i) => html`<tr key=${k.id} class=${k === row ? 'at' : ''} onClick=${() => setAt(i)}><td class="id"><a href=${href('returns', k.id)}>${k.id}</a></td><td>${word('case', k.kind)}</td><td><${Badge} kind="case" value=${k.state} /> ${k.step ? html`<small>${word('role', k.step)}</small>` : null}</td><td><${Due} t=${k.due_at} /></td><td class="break"><a href=${href('order', k.order)}>${k.external_id}</a> <small>${k.channel}</small></td><td class="break">${k.reason}</td><td class="num nowrap">${money(k.amount)}</td></tr>`)}
    </tbody></table><${ListEnd} list=${list} none=${L('No cases here.', '没有售后单。')} /></div>`;
}

async function openCase(order) {
  const a = await ask({ title: L('New case', '新建售后单'), fields: [{ name: 'order', label: L('Order: its number, or o_…', '订单：单号或 o_…'), required: true, value: order },
    { name: 'kind', label: L('Kind', '类型'), type: 'select', value: 'return', options: ['return', 'exchange', 'refund_only', 'repair'].map((k) => [k, word('case', k)]) }, { name: 'reason', label: L('Reason', '原因'), required: true, max: 500 }, { name: 'amount', label: L('Amount (empty: what was paid for the lines)', '金额（留空则按商品实付）') }, { name: 'sku', label: L('Only this SKU (empty: all lines)', '仅此 SKU（留空为全部）') }, { name: 'note', label: L('Note', '备注'), type: 'textarea' }], ok: L('Open the case', '提交') });
  if (!a) return;
  let id = a.order.trim();
  if (!/^o_\d+$/.test(id) && !id.includes(':')) {
    const f = await get(`/v1/orders?q=${encodeURIComponent(id)}&limit=2`);
    if (!f.ok) { toastProblem(f); return; }
    if (f.data.data.length !== 1) { toast(f.data.data.length ? L('More than one order is found', '匹配到多个订单') : L('No such order', '没有这个订单'), 'bad'); return; }
    id = f.data.data[0].id;
  }
  const o = await get(`/v1/orders/${encodeURIComponent(id)}`);
  if (!o.ok) { toastProblem(o); return; }
  const them = o.data.lines.filter((l) => !l.gift && (!a.sku || l.sku === a.sku.trim()));
  if (!them.length) { toast(L('That SKU is not in this order', '订单中没有该 SKU'), 'bad'); return; }
  const lines = a.amount && !a.sku && a.kind === 'refund_only' ? null : them.map((l) => ({ line_id: l.line_id, quantity: l.quantity }));
  const made = await post('/v1/cases', { order: id, kind: a.kind, reason: a.reason, ...(a.note ? { note: a.note } : {}), ...(a.amount ? { amount: a.amount } : {}), ...(lines ? { lines } : {}) });
  if (!made.ok) { toastProblem(made); return; }
  toast(L(`${made.data.id} is opened`, `已提交 ${made.data.id}`));
  go(href('returns', made.data.id));
}

// Photos: small ones in a row, one large; arrows move, the bytes come with the session.
function Photos({ k, reload }) {
  const [at, setAt] = useState(0), [over, setOver] = useState(false), input = useRef();
  const list = k.photos.filter((p) => p.digest), one = list[Math.min(at, list.length - 1)];
  const url = (p) => `/v1/cases/${k.id}/photos/${p.digest}`;
  useKeys([list.length > 1 && ['ArrowRight', 'Next photo', '下一张', () => setAt((n) => (n + 1) % list.length)], list.length > 1 && ['ArrowLeft', 'Photo before', '上一张', () => setAt((n) => (n + list.length - 1) % list.length)]]);
  const send = async (files) => {
    for (const f of files) {
      const a = await api('POST', `/v1/cases/${k.id}/photos`, f, { raw: true, headers: { 'content-type': /^image\/(jpeg|png|webp)$/.test(f.type) ? f.type : 'application/octet-stream' } });
      if (!a.ok) { toastProblem(a); return; }
    }
    toast(L('Added; the steps begin anew', '已添加，审批重新开始')); reload();
  };
  return html`<section class=${'card' + (over ? ' over' : '')} onDragOver=${(e) => { e.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${(e) => { e.preventDefault(); setOver(false); if (may('addCasePhoto')) send([...e.dataTransfer.files]); }}><h2>${L('Photos', '照片')} ${list.length ? `${Math.min(at, list.length - 1) + 1}/${list.length}` : ''}</h2>
    ${one ? html`<${Picture} url=${url(one)} alt=${L(`Photo ${at + 1} of the goods`, `商品照片 ${at + 1}`)} large />` : html`<${Empty}>${L('None yet.', '暂无照片。')}<//>`}
    ${list.length > 1 ? html`<div class="thumbs">${list.map((p, i) => html`<button type="button" key=${p.digest} aria-pressed=${i === at} onClick=${() => setAt(i)} aria-label=${L(`Photo ${i + 1}`, `第 ${i + 1} 张`)}><${Picture} url=${url(p)} alt="" /></button>`)}</div>` : null}
    ${may('addCasePhoto') && k.state === 'open' ? html`<p><input ref=${input} class="hide" type="file" accept="image/jpeg,image/png,image/webp" multiple aria-label=${L('Photos', '照片')} onChange=${(e) => send([...e.target.files])} /><button type="button" onClick=${() => input.current.click()}>${L('Add photos (or drop them here)', '添加照片（可拖放到此处）')}</button></p>` : null}</section>`;
}
// Served as a download; shown from memory.
function Picture({ url, alt, large }) {
  const [src, set] = useState(null);
  useEffect(() => {
    let made = null, gone = false;
    fetch(url).then((r) => (r.ok ? r.blob() : null)).then((b) => { if (b && !gone) { made = URL.createObjectURL(b); set(made); } });
    return () => { gone = true; if (made) URL.revokeObjectURL(made); };
  }, [url]);
  return src ? html`<img class=${large ? 'photo' : ''} src=${src} alt=${alt} />` : html`<span class="loading">…</span>`;
}

function One({ id }) {
  const on = useCallback((e) => e.entity === id || (isCase(e) && e.entity === id), [id]);
  const s = useGet(`/v1/cases/${encodeURIComponent(id)}`, { on });
  const k = s.data;
  const write = (what, body, done) => act(() => post(`/v1/cases/${id}/${what}`, { ...body, if_version: k.version }), done);
  const mine = k?.state === 'open' && has(k.step);
  const approve = () => mine && write('approve', {}, L('Approved', '已批准'));
  const reason = async (what, title, ok, done, danger) => { const a = await ask({ title, fields: [{ name: 'reason', label: L('Reason', '原因'), required: true, max: 500 }], ok, danger }); if (a) await write(what, { reason: a.reason }, done); };
  const reject = () => mine && reason('reject', L('Reject this case', '拒绝此售后单'), L('Reject', '拒绝'), L('Rejected', '已拒绝'), true);
  const back = () => mine && reason('send-back', L('Send it back one step', '退回上一步'), L('Send back', '退回'), L('Sent back', '已退回'));
  const receive = async () => {
    const w = await get('/v1/warehouses');
    const codes = w.ok ? w.data.data.map((x) => x.code) : [];
    const a = await ask({ title: L('What came back', '收到的退货'), fields: [...(codes.length ? [{ name: 'warehouse', label: L('Warehouse', '仓库'), type: 'select', value: k.warehouse ?? codes[0], options: codes.map((c) => [c, c]) }] : []),
      ...k.lines.flatMap((l) => [{ name: `q${l.line_no}`, label: L(`${l.sku ?? l.title}: came in now (of ${l.quantity}, ${l.received} before)`, `${l.sku ?? l.title}：本次收到（共 ${l.quantity}，已收 ${l.received}）`), type: 'number', min: 0, value: String(l.quantity - l.received) }, { name: `g${l.line_no}`, label: L('of these good', '其中完好'), type: 'number', min: 0, value: String(l.quantity - l.received) }, { name: `d${l.line_no}`, label: L('damaged', '破损'), type: 'number', min: 0, value: '0' }]), { name: 'note', label: L('Note', '备注'), max: 500 }], ok: L('Note it', '登记') });
    if (!a) return;
    const lines = k.lines.map((l) => ({ line_no: l.line_no, quantity: Number(a[`q${l.line_no}`]) || 0, good: Number(a[`g${l.line_no}`]) || 0, damaged: Number(a[`d${l.line_no}`]) || 0 })).filter((l) => l.quantity || l.good || l.damaged);
    await write('receive', { ...(a.warehouse ? { warehouse: a.warehouse } : {}), ...(a.note ? { note: a.note } : {}), lines }, L('Noted', '已登记'));
  };
  const refunded = async () => { const a = await ask({ title: L('The refund was made by hand', '已人工退款'), fields: [{ name: 'refund_id', label: L('The channel’s number of it', '渠道退款单号'), max: 64 }, { name: 'note', label: L('Note', '备注'), max: 500 }], ok: L('It is refunded', '确认已退款') }); if (a) await write('refunded', { ...(a.refund_id ? { refund_id: a.refund_id } : {}), ...(a.note ? { note: a.note } : {}) }, L('Noted', '已登记')); };
  useKeys([may('approveCase') && ['y', 'Approve', '批准', approve], may('rejectCase') && ['n', 'Reject with a reason', '拒绝（填写原因）', reject], may('sendBackCase') && ['b', 'Send back one step', '退回上一步', back], may('receiveCase') && ['v', 'Goods came back', '登记收货', () => k && receive()], ['Escape', 'All cases', '返回列表', () => go('#/returns')]]);
  if (!k) return html`<h1>${id}</h1>${s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : html`<${Loading} />`}`;
  const given = (step) => [...k.steps].reverse().find((x) => x.round === k.round && x.step === step && (x.act === 'approve' || x.act === 'skip'));
  return html`<div class="row"><a class="button" href="#/returns">←</a><h1>${word('case', k.kind)} ${id}</h1><${Badge} kind="case" value=${k.state} /><span class="end"></span>
      ${mine && may('approveCase') ? html`<${Button} kind="primary" onClick=${approve}>${L('Approve', '批准')} <${Key} k="y" /><//><${Button} kind="danger" onClick=${reject}>${L('Reject', '拒绝')} <${Key} k="n" /><//><${Button} onClick=${back}>${L('Send back', '退回')} <${Key} k="b" /><//>` : null}
      ${may('receiveCase') && k.goods !== 'none' && k.goods !== 'inspected' ? html`<${Button} onClick=${receive}>${L('Goods came back', '登记收货')} <${Key} k="v" /><//>` : null}
      ${may('refundedCase') && k.refund === 'by_hand' ? html`<${Button} onClick=${refunded}>${L('It is refunded', '已人工退款')}<//>` : null}
      ${may('cancelCase') && k.state === 'open' ? html`<${Button} onClick=${() => reason('cancel', L('Withdraw this case', '撤回售后单'), L('Withdraw', '撤回'), L('Withdrawn', '已撤回'))}>${L('Withdraw', '撤回')}<//>` : null}</div>
    <div class="cards">${STEPS.map((st) => { const g = given(st); return html`<div class=${'card' + (k.step === st ? ' bad' : '')} key=${st}><small>${word('role', st)}</small><br />${g ? html`<b class="good">✓ ${word('case', g.act)}</b><br /><small>${g.person} <${Time} t=${g.at} /></small>` : k.step === st ? html`<b>${L('its turn', '待审批')}</b><br /><${Due} t=${k.due_at} />` : html`<small>${L('waits', '等待')}</small>`}</div>`; })}
      <div class="card"><small>${L('Goods', '货物')}</small><br />${word('goods', k.goods)} ${k.warehouse ?? ''}</div><div class="card"><small>${L('Refund', '退款')}</small><br />${word('refund', k.refund)} ${k.refund_id ?? ''}</div></div>
    <div class="two"><div><section class="card"><h2>${L('What it is about', '申请内容')}</h2><p class="break">${k.reason}</p>${k.note ? html`<p class="notice break">${k.note}</p>` : null}<p><a href=${href('order', k.order)}>${k.external_id}</a> <small>${k.channel}</small> <b>${money(k.amount)}</b></p>
      <div class="table-cards" tabindex="0" role="region" aria-label=${L('Lines', '商品')}><table><thead><tr><th>SKU</th><th>${L('Title', '名称')}</th><th class="num">${L('Pieces', '数量')}</th><th class="num">${L('Amount', '金额')}</th><th class="num">${L('Back', '收回')}</th></tr></thead><tbody>${k.lines.map((l) => html`<tr key=${l.line_no}><td class="break">${l.sku ?? ''}</td><td class="break">${l.title ?? ''}${l.instead ? L(` → ${l.instead}`, ` → ${l.instead}`) : ''}</td><td class="num">×${l.quantity}</td><td class="num nowrap">${money(l.amount)}</td><td class="num">${l.received} <small>${L(`${l.good} good, ${l.damaged} damaged`, `完好 ${l.good}，破损 ${l.damaged}`)}</small></td></tr>`)}</tbody></table></div></section>
      <${Photos} k=${k} reload=${s.reload} /></div>
    <section class="card"><h2>${L('Steps', '过程')}</h2><ol class="timeline">${[...k.steps].reverse().map((x, i) => html`<li key=${i} class=${x.act === 'approve' ? 'strong' : ''}><${Time} t=${x.at} /> <b>${x.act === 'open' ? L('asked for', '发起') : word('case', x.act)}</b> ${x.step ? word('role', x.step) : ''} <small>${x.person}</small>${x.note ? html`<br /><span class="break">${x.note}</span>` : null}</li>`)}</ol></section></div>`;
}

export default function Returns({ parts, query }) {
  const asked = useRef('');
  useEffect(() => { if (query.order && asked.current !== query.order) { asked.current = query.order; setQuery({ order: '' }); if (may('openCase')) openCase(query.order); } }, [query.order]);
  return parts[0] ? html`<${One} id=${parts[0]} key=${parts[0]} />` : html`<${List} query=${query} />`;
}
