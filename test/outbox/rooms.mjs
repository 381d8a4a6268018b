// Stand-ins of messengers, which check what the platforms check: key, time, signature, shape.
import { createHmac, createHash } from 'node:crypto';
import http from 'node:http';

const hmac = (kind, key, text, how = 'base64') => createHmac(kind, key).update(text).digest(how);
const sha = (text) => createHash('sha256').update(text).digest('hex');
const enc = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const sorted = (pairs) => [...pairs].filter(([k]) => k !== 'Signature').sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([k, v]) => `${enc(k)}=${enc(v)}`).join('&');
const fresh = (ms, most) => Math.abs(ms - Date.now()) < most;

// What each platform is, in the order in which it checks: [answer of a refusal, does it hold?]…
export const platforms = {
  wecom: { conf: 'key = fictional-key-of-the-room', secret: 'fictional-key-of-the-room', ok: { errcode: 0, errmsg: 'ok' },
    checks: (c) => [[{ errcode: 93000, errmsg: 'invalid webhook url' }, c.path === '/cgi-bin/webhook/send' && c.query.get('key') === 'fictional-key-of-the-room'],
      [{ errcode: 40058, errmsg: 'too long' }, Buffer.byteLength(c.json.text.content) <= 2048]],
    text: (c) => c.json.text.content, many: { errcode: 45009, errmsg: 'api freq out of limit' } },
  dingtalk: { conf: 'access_token = fictional-token\nsecret = SECfictional', secret: 'SECfictional', ok: { errcode: 0, errmsg: 'ok' },
    checks: (c) => [[{ errcode: 300005, errmsg: 'token is not exist' }, c.query.get('access_token') === 'fictional-token'],
      [{ errcode: 310000, errmsg: 'invalid timestamp' }, fresh(Number(c.query.get('timestamp')), 3600e3)],
      [{ errcode: 310000, errmsg: 'sign not match' }, c.query.get('sign') === hmac('sha256', 'SECfictional', `${c.query.get('timestamp')}\nSECfictional`)]],
    text: (c) => c.json.markdown.text, many: { errcode: 130101, errmsg: 'send too fast' } },
  feishu: { conf: 'token = fictional-token\nsecret = fictional-secret', secret: 'fictional-secret', ok: { code: 0, msg: 'success', data: {} },
    checks: (c) => [[{ code: 19001, msg: 'token invalid' }, c.path === '/open-apis/bot/v2/hook/fictional-token'],
      [{ code: 19021, msg: 'sign match fail' }, fresh(Number(c.json.timestamp) * 1000, 3600e3) && c.json.sign === hmac('sha256', `${c.json.timestamp}\nfictional-secret`, '')]],
    text: (c) => c.json.content.text, many: { code: 11232, msg: 'frequency limited' } },
  'aliyun-sms': { conf: 'access_key_id = id-1\naccess_key_secret = fictional-secret\nsign_name = 示例商城\ntemplate = SMS_1\nto = 13800000000', secret: 'fictional-secret', ok: { Code: 'OK', Message: 'OK', BizId: '1^0' },
    checks: (c) => [[{ Code: 'SignatureDoesNotMatch', Message: 'wrong' }, c.form.get('Signature') === hmac('sha1', 'fictional-secret&', `POST&%2F&${enc(sorted(c.form))}`)],
      [{ Code: 'InvalidTimeStamp.Expired', Message: 'old' }, fresh(Date.parse(c.form.get('Timestamp')), 900e3)],
      [{ Code: 'isv.MOBILE_NUMBER_ILLEGAL', Message: 'no number' }, /^(\+86)?1\d{10}(,(\+86)?1\d{10})*$/.test(c.form.get('PhoneNumbers'))],
      [{ Code: 'isv.SMS_TEMPLATE_ILLEGAL', Message: 'no template' }, c.form.get('TemplateCode') === 'SMS_1']],
    text: (c) => JSON.parse(c.form.get('TemplateParam')).text, many: { Code: 'Throttling.User', Message: 'flow control' } },
  'aliyun-sms-v3': { conf: 'access_key_id = id-1\naccess_key_secret = fictional-secret\nsign_name = 示例商城\ntemplate = SMS_1\nto = 13800000000', secret: 'fictional-secret', ok: { Code: 'OK', Message: 'OK', BizId: '1^0' },
    checks: (c) => {
      const names = 'host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version', h = c.headers;
      const canonical = ['POST', '/', sorted(c.query), ...names.split(';').map((n) => `${n}:${h[n]}`), '', names, sha(c.body)].join('\n');
      const want = `ACS3-HMAC-SHA256 Credential=id-1,SignedHeaders=${names},Signature=${hmac('sha256', 'fictional-secret', `ACS3-HMAC-SHA256\n${sha(canonical)}`, 'hex')}`;
      return [[{ Code: 'SignatureDoesNotMatch', Message: 'wrong' }, h.authorization === want], [{ Code: 'InvalidTimeStamp.Expired', Message: 'old' }, fresh(Date.parse(h['x-acs-date']), 900e3)]];
    },
    text: (c) => JSON.parse(c.query.get('TemplateParam')).text, many: { Code: 'Throttling.User', Message: 'flow control' } },
  'tencent-sms': { conf: 'secret_id = id-1\nsecret_key = fictional-secret\nsdk_app_id = 1400006666\nsign_name = 示例商城\ntemplate = 1110\nto = 13800000000', secret: 'fictional-secret',
    ok: { Response: { SendStatusSet: [{ Code: 'Ok', SerialNo: '5000:1' }] } },
    checks: (c) => {
      const h = c.headers, day = new Date(Number(h['x-tc-timestamp']) * 1000).toISOString().slice(0, 10), scope = `${day}/sms/tc3_request`;
      const canonical = ['POST', '/', '', `content-type:${h['content-type']}`, `host:${h.host}`, 'x-tc-action:sendsms', '', 'content-type;host;x-tc-action', sha(c.body)].join('\n');
      const key = ['sms', 'tc3_request'].reduce((k, p) => createHmac('sha256', k).update(p).digest(), createHmac('sha256', 'TC3fictional-secret').update(day).digest());
      const want = `TC3-HMAC-SHA256 Credential=id-1/${scope}, SignedHeaders=content-type;host;x-tc-action, Signature=${hmac('sha256', key, `TC3-HMAC-SHA256\n${h['x-tc-timestamp']}\n${scope}\n${sha(canonical)}`, 'hex')}`;
      return [[{ Response: { Error: { Code: 'AuthFailure.SignatureFailure', Message: 'wrong' } } }, h.authorization === want],
        [{ Response: { Error: { Code: 'AuthFailure.SignatureExpire', Message: 'old' } } }, fresh(Number(h['x-tc-timestamp']) * 1000, 300e3)],
        [{ Response: { Error: { Code: 'InvalidParameterValue', Message: 'number' } } }, c.json.PhoneNumberSet.every((n) => /^\+861\d{10}$/.test(n))]];
    },
    text: (c) => c.json.TemplateParamSet[0], many: { Response: { Error: { Code: 'RequestLimitExceeded', Message: 'too many' } } } },
  webhook: { conf: 'secret = a-fictional-secret', secret: 'a-fictional-secret', ok: {},
    checks: (c) => [[{ error: 'wrong' }, c.headers['webhook-signature'] === `v1,${hmac('sha256', 'a-fictional-secret', `${c.headers['webhook-id']}.${c.headers['webhook-timestamp']}.${c.body}`)}`]],
    text: (c) => c.json.text },
};

export class Room {
  constructor(p) { Object.assign(this, { p, taken: [], refused: [], play: null }); }
  async start() {
    this.server = http.createServer((req, res) => {
      let body = '';
      req.setEncoding('utf8');
      req.on('data', (d) => { body += d; });
      req.on('end', () => {
        const url = new URL(req.url, 'http://x'), c = { path: url.pathname, query: url.searchParams, headers: req.headers, body };
        try { c.json = JSON.parse(body); } catch { c.form = new URLSearchParams(body); }
        const wrong = this.play?.() ?? this.p.checks(c).find(([, holds]) => !holds)?.[0];
        if (wrong) this.refused.push(wrong);
        else this.taken.push(this.p.text(c));
        res.writeHead(wrong && this.p === platforms.webhook ? 401 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(wrong ?? this.p.ok));
      });
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }
  stop() { this.server.closeAllConnections(); this.server.close(); }
}
