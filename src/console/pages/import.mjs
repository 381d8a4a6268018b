// import.mjs: drop a file, see row by row what it would do, confirm; take it back while nothing was built upon it.
import { act, addWords, api, ask, Badge, Button, Fresh, go, href, html, Key, L, ListEnd, Loading, may, money, number, post, Problem, query as queryText, Time, toast, toastProblem, useCallback, useEffect, useGet, useKeys, useList, useRef, useState, word } from 'core';

addWords('import', { preview: ['to be confirmed', '待确认'], applying: ['being applied', '导入中'], done: ['done', '已完成'], discarded: ['dropped', '已放弃'], undoing: ['being taken back', '撤销中'], undone: ['taken back', '已撤销'] });
addWords('row', { new: ['new', '新增'], changed: ['changed', '变更'], unchanged: ['unchanged', '无变化'], stale: ['older than ours', '已过时'], again: ['twice in the file', '文件内重复'], refused: ['refused', '拒绝'], created: ['created', '已新增'], updated: ['updated', '已更新'], undone: ['taken back', '已撤销'], kept: ['kept: somebody works with it', '保留：已有人处理'] });
const RESULTS = ['new', 'changed', 'created', 'updated', 'unchanged', 'stale', 'again', 'refused', 'undone', 'kept'];
const kindOf = (r) => (r === 'refused' ? 'bad' : r === 'new' || r === 'created' ? 'good' : r === 'changed' || r === 'updated' ? 'warn' : '');

async function send(file, channel) {
  if (file.size > 16 << 20) { toast(L('At most 16 MiB; use “orderd import” for more.', '最多 16 MiB；更大的文件请用 “orderd import”。'), 'bad'); return false; }
  const a = await api('POST', '/v1/imports' + queryText({ channel: channel.trim(), name: file.name.slice(0, 200) }), file, { raw: true, headers: { 'content-type': 'application/octet-stream' } });
  if (!a.ok) { toastProblem(a); return false; }
  go(href('import', a.data.id));
  return true;
}

function List() {
  const [over, setOver] = useState(false), [busy, setBusy] = useState(false), [channel, setChannel] = useState(''), input = useRef();
  const list = useList('/v1/imports?limit=20', { on: (e) => /^import\./.test(e.type) });
  const stats = useGet('/v1/stats/orders');
  const take = async (files) => { if (busy || !files.length) return; setBusy(true); await send(files[0], channel); setBusy(false); };
  // A file may fall anywhere on the page.
  useEffect(() => {
    const stop = (e) => { if ([...e.dataTransfer?.types ?? []].includes('Files')) { e.preventDefault(); setOver(e.type === 'dragover'); if (e.type === 'drop') take([...e.dataTransfer.files]); } };
    for (const t of ['dragover', 'dragleave', 'drop']) addEventListener(t, stop);
    return () => { for (const t of ['dragover', 'dragleave', 'drop']) removeEventListener(t, stop); };
  });
  useKeys([['o', 'Choose a file', '选择文件', () => input.current.click()]]);
  return html`<h1>${L('Import', '导入')}</h1>
    <div class=${'drop-zone' + (over ? ' over' : '')}><p><b>${busy ? L('Looking through it…', '正在解析…') : L('Drop a file of orders anywhere', '把订单文件拖到页面任意位置')}</b></p><p>${L('CSV (also GB18030), XLSX, NDJSON. Nothing is applied before you have seen what it would do.', '支持 CSV（含 GB18030）、XLSX、NDJSON。确认之前不会写入。')}</p>
      <p><label>${L('Channel, where the file does not say it', '渠道（文件未写明时）')} <input value=${channel} maxlength="64" list="import-channels" onInput=${(e) => setChannel(e.target.value)} /></label><datalist id="import-channels">${(stats.data?.channels ?? []).map((c) => html`<option value=${c} key=${c} />`)}</datalist></p>
      <input ref=${input} class="hide" type="file" aria-label=${L('File of orders', '订单文件')} accept=".csv,.xlsx,.ndjson,.jsonl,.txt" onChange=${(e) => { take([...e.target.files]); e.target.value = ''; }} /><button type="button" class="primary" disabled=${busy} onClick=${() => input.current.click()}>${L('Choose a file', '选择文件')} <${Key} k="o" /></button></div>
    <h2>${L('Files before', '历史导入')}</h2>
    <div class="card table-cards" tabindex="0" role="region" aria-label=${L('Imports', '导入记录')}><table><thead><tr><th>${L('File', '文件')}</th><th>${L('State', '状态')}</th><th class="num">${L('Rows', '行数')}</th><th>${L('Who', '操作人')}</th><th>${L('When', '时间')}</th></tr></thead><tbody>${(list.rows ?? []).map((i) => html`<tr key=${i.id}><td class="break"><a href=${href('import', i.id)}>${i.name}</a> <small>${i.channel ?? ''}</small></td><td>${word('import', i.state)}</td><td class="num">${number(i.rows)}</td><td>${i.actor}</td><td><${Time} t=${i.created_at} /></td></tr>`)}</tbody></table><${ListEnd} list=${list} none=${L('None yet.', '暂无记录。')} /><${Fresh} list=${list} /></div>`;
}

function One({ id, query }) {
  const on = useCallback((e) => e.entity === id, [id]);
  const [every, setEvery] = useState(0);
  const s = useGet(`/v1/imports/${encodeURIComponent(id)}`, { on, every });
  const i = s.data, running = i && /ing$/.test(i.state);
  useEffect(() => setEvery(running ? 700 : 0), [running]);
  const list = useList(`/v1/imports/${encodeURIComponent(id)}/rows` + queryText({ result: query.result, limit: 100 }), { on });
  useEffect(() => { if (i && !running) list.reload(); }, [i?.state]);
  const confirm = async () => { if (i?.state === 'preview' && i.counts.new + i.counts.changed > 0) await act(() => post(`/v1/imports/${id}/confirm`, {}), L('It is being applied', '开始导入')); };
  const discard = () => act(() => post(`/v1/imports/${id}/discard`, {}), L('Dropped', '已放弃'));
  const undo = async () => {
    const changed = i.counts.updated;
    const a = await ask({ title: L('Take this import back', '撤销此次导入'), text: [L(`${i.counts.created} new orders are cancelled, and their numbers are free again.`, `${i.counts.created} 个新订单将被取消，单号可再次导入。`), changed ? L(`${changed} orders that were there before stay changed.`, `${changed} 个原有订单保持变更。`) : ''].join(' '), ok: L('Take back', '撤销'), danger: true });
    if (a) await act(() => post(`/v1/imports/${id}/undo`, changed ? { keep_changed: true } : {}), L('It is being taken back', '正在撤销'));
  };
  useKeys([may('confirmImport') && ['c', 'Confirm', '确认导入', confirm], ['Escape', 'All files', '返回列表', () => go('#/import')]]);
  if (!i) return html`<h1>${id}</h1>${s.problem ? html`<${Problem} problem=${s.problem} retry=${s.reload} />` : html`<${Loading} />`}`;
  const todo = i.counts.new + i.counts.changed;
  return html`<div class="row"><a class="button" href="#/import">←</a><h1 class="break">${i.name}</h1><span class=${'badge ' + (i.state === 'done' ? 'good' : i.state === 'preview' ? 'warn' : '')}>${word('import', i.state)}</span><span class="end"></span>
      ${i.state === 'preview' && may('confirmImport') ? html`<${Button} kind="primary" disabled=${!todo} onClick=${confirm}>${L(`Apply ${number(todo)} orders`, `导入 ${number(todo)} 单`)} <${Key} k="c" /><//><${Button} onClick=${discard}>${L('Drop it', '放弃')}<//>` : null}
      ${i.state === 'done' && may('undoImport') && i.counts.created ? html`<${Button} kind="danger" onClick=${undo}>${L('Take it back', '撤销导入')}<//>` : null}</div>
    ${running ? html`<p role="status">${word('import', i.state)} ${number(i.done)} / ${number(i.rows)} <progress max=${i.rows} value=${i.done} aria-label=${L('How far it is', '进度')}></progress></p>` : null}
    <div class="tabs" role="group" aria-label=${L('Rows', '行')}><a href=${href('import', id)} aria-current=${query.result ? undefined : 'page'}>${L('All', '全部')} <small>${number(i.rows)}</small></a>${RESULTS.filter((r) => i.counts[r]).map((r) => html`<a key=${r} href=${href('import', id, { result: r })} aria-current=${query.result === r ? 'page' : undefined}>${word('row', r)} <small>${number(i.counts[r])}</small></a>`)}</div>
    <div class="card table-cards" tabindex="0" role="region" aria-label=${L('Rows', '行')}><table><thead><tr><th class="num">${L('Row', '行')}</th><th>${L('Result', '结果')}</th><th>${L('Order', '订单')}</th><th>${L('Receiver', '收件人')}</th><th>${L('Status', '状态')}</th><th class="num">${L('Total', '金额')}</th><th>${L('Why', '原因')}</th></tr></thead><tbody>
      ${(list.rows ?? []).map((r, n) => html`<tr key=${n}><td class="num">${r.row}</td><td><span class=${'badge ' + kindOf(r.result)}>${word('row', r.result)}</span></td><td class="break">${r.order ? html`<a href=${href('order', r.order)}>${r.number ?? r.order}</a>` : r.number ?? ''}</td><td class="break">${r.receiver ?? ''}</td><td>${r.status ? html`<${Badge} value=${r.status} />` : ''}</td><td class="num nowrap">${r.total ? money({ amount: r.total, currency: r.currency }) : ''}</td><td class="break">${r.error ? html`<b>${String(r.error.code).replaceAll('_', ' ')}</b> ${r.error.detail ?? ''} <small>${r.error.column ?? ''}</small>` : ''}</td></tr>`)}
    </tbody></table><${ListEnd} list=${list} none=${L('No rows of this kind.', '没有这类行。')} /></div>`;
}

export default function Import({ parts, query }) {
  return parts[0] ? html`<${One} id=${parts[0]} query=${query} key=${parts[0]} />` : html`<${List} />`;
}
