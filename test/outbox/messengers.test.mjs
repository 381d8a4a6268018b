// Every built-in messenger against a stand-in that checks what the platform checks: `notice test` is told once, well signed,
// and what the platform refuses is shown to a person without a secret.
import { createHmac, createHash } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { Server, check, same, test } from '../http_api/lib.mjs';

const hmac = (kind, key, text, how = 'base64') => createHmac(kind, key).update(text).digest(how);
const sha = (text) => createHash('sha256').update(text).digest('hex');
const enc = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const sorted = (pairs) => [...pairs].filter(([k]) => k !== 'Signature').sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([k, v]) => `${enc(k)}=${enc(v)}`).join('&');
const fresh = (ms, most) => Math.abs(ms - Date.now()) < most;

// What each platform is, in the order in which it checks: [answer of a refusal, does it hold?]…
const platforms = {
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
      [{ Code: 'isv.MOBILE_NUMBER_ILLEGAL', Message: 'no number' }, /^1\d{10}(,1\d{10})*$/.test(c.form.get('PhoneNumbers'))],
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

class Room {
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
const FAST = '[outbox]\nbackoff = 50ms\nbackoff_most = 200ms\nbreaker = 100ms\nbreaker_most = 200ms\n';
const conf = (name, host, given) => `[messenger room]\nconnector = ${name}\nhost = ${host}\n${given}\n[notify cs-room]\nto = room\ndigest = 1s\n${FAST}`;

for (const [name, p] of Object.entries(platforms))
  test(`${name}: told once, well signed; a wrong secret is refused, and not shown`, async () => {
    const room = await new Room(p).start(), s = await new Server({ conf: conf(name, room.url, p.conf) }).start();
    let first = p.many;
    room.play = () => { const now = first; first = null; return now; }; // too many at first, where the platform has such a word
    if (/dingtalk|aliyun|feishu|wecom/.test(name)) room.play = null; // they wait for a minute and more
    await s.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
    await s.until('told', async () => room.taken.length || (await s.get('/v1/effects?state=dead')).json.data.length, 15000);
    same([room.taken.length, room.refused.filter((r) => r !== p.many)], [1, []], 'taken once, nothing refused');
    check(room.taken[0].length > 5, room.taken[0]);
    await s.drop();
    const t = await new Server({ conf: conf(name, room.url, p.conf.replaceAll(p.secret, `${p.secret}-of-old`)) }).start();
    await t.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
    await t.until('refused', async () => (await t.get('/v1/effects?kind=notice')).json.data.some((e) => e.error), 15000);
    const e = (await t.get('/v1/effects?kind=notice')).json.data[0];
    check(e.error.kind && !JSON.stringify(e).includes(`${p.secret}-of-old`) && !t.log.includes(`${p.secret}-of-old`), `refused: ${JSON.stringify(e)}`);
    same(room.taken.length, 1, 'nothing more was taken');
    await t.drop();
    room.stop();
  });

// Enough of SMTP; answers[step] replaces an answer.
class Post {
  constructor(answers = {}) { Object.assign(this, { answers, mails: [], logins: [] }); }
  async start() {
    this.server = net.createServer((s) => {
      let rest = '', data = null, mail = {}, asked = false;
      const say = (t) => s.write(`${t}\r\n`);
      say('220 post.example ESMTP');
      s.on('error', () => {});
      s.on('data', (d) => {
        rest += d;
        for (let at; (at = rest.indexOf('\r\n')) >= 0;) {
          const line = rest.slice(0, at);
          rest = rest.slice(at + 2);
          if (data) {
            if (line !== '.') { data.push(line.replace(/^\./, '')); continue; }
            mail.lines = data, data = null;
            if (!this.answers.data) this.mails.push(mail);
            say(this.answers.data ?? '250 2.0.0 queued');
            mail = {};
          } else if (asked) {
            asked = false;
            this.logins.push(Buffer.from(line, 'base64').toString());
            say(this.answers.auth ?? '235 ok');
          } else if (/^EHLO/.test(line)) say('250-post.example\r\n250-AUTH PLAIN\r\n250 8BITMIME');
          else if (/^AUTH PLAIN$/.test(line)) { asked = true; say('334 '); }
          else if (/^MAIL/.test(line)) { mail.from = line; say('250 ok'); }
          else if (/^RCPT/.test(line)) { (mail.to ??= []).push(line); say(this.answers.rcpt ?? '250 ok'); }
          else if (/^DATA/.test(line)) { data = []; say('354 go on'); }
          else if (/^QUIT/.test(line)) { say('221 bye'); s.end(); }
          else say('502 what?');
        }
      });
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `smtp://127.0.0.1:${this.server.address().port}`;
    return this;
  }
  stop() { this.server.close(); }
}
const mailed = (post, more = '') => new Server({ conf: conf('smtp', post.url, `from = orderd@example.com\nto = cs@example.com boss@example.com\n${more}`) }).start();

test('mail: one message, its lines as they should be', async () => {
  const post = await new Post().start(), s = await mailed(post, 'user = orderd\npassword = fictional-password');
  await s.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
  await s.until('a mail', async () => post.mails.length || (await s.get('/v1/effects?state=dead')).json.data.length, 15000);
  same(post.mails.length, 1);
  const m = post.mails[0], end = m.lines.indexOf(''), head = m.lines.slice(0, end);
  same([m.from.slice(0, 31), m.to], ['MAIL FROM:<orderd@example.com>'.padEnd(31).trimEnd(), ['RCPT TO:<cs@example.com>', 'RCPT TO:<boss@example.com>']]);
  same(post.logins, ['\0orderd\0fictional-password']);
  check(m.lines.every((l) => l.length <= 78), 'no line is longer than 78');
  check(head.some((l) => /^Subject: =\?UTF-8\?B\?/.test(l)) && head.some((l) => /^Message-ID: <e_\d+\./.test(l)) && head.some((l) => /^Date: \w{3}, \d\d \w{3} \d{4} /.test(l)), head.join('\n'));
  check(Math.abs(Date.parse(head.find((l) => l.startsWith('Date: ')).slice(6)) - Date.now()) < 60000, 'its date is now');
  check(Buffer.from(m.lines.slice(end + 1).join(''), 'base64').toString().length > 5, 'its text');
  await s.until('done', async () => (await s.get('/v1/effects?kind=notice&state=done')).json.data.length === 1);
  await s.drop();
  post.stop();
});

test('mail: what the server says no to is told, and what it says later is tried again', async () => {
  const no = await new Post({ rcpt: '550 5.1.1 no such user' }).start(), s = await mailed(no);
  await s.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
  await s.until('dead', async () => (await s.get('/v1/effects?state=dead')).json.data.length === 1, 15000);
  const e = (await s.get('/v1/effects?state=dead')).json.data[0];
  same([e.error.kind, e.error.message], ['smtp_550', '550 5.1.1 no such user']);
  await s.drop();
  no.stop();
  const later = await new Post({ data: '451 4.7.1 come again' }).start(), t = await mailed(later);
  await t.want(202, 'POST', '/v1/notices/test', { body: { room: 'cs-room' } });
  await t.until('tried', async () => (await t.get('/v1/effects?kind=notice')).json.data.some((x) => x.attempts >= 2), 15000);
  delete later.answers.data;
  await t.until('a mail', async () => later.mails.length > 0, 15000);
  same(later.mails.length, 1);
  await t.drop();
  later.stop();
});
