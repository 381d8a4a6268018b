// Small photos made by hand, for the tests: as cameras make them, and as nobody should.
import zlib from 'node:zlib';

const be16 = (n) => Buffer.from([n >> 8, n & 255]);
const be32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const le32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };

export const segment = (marker, body) => Buffer.concat([Buffer.from([0xff, marker]), be16(body.length + 2), Buffer.from(body)]);
export const comment = (text) => segment(0xfe, Buffer.from(text));
// EXIF with an orientation and a GPS directory that says a place in words.
export function exif(orientation = 6, place = 'N30 15 0 E120 10 0') {
  const entry = (tag, type, count, value) => Buffer.concat([be16(tag), be16(type), be32(count), value]);
  const tiff = Buffer.concat([Buffer.from('MM\0*'), be32(8), be16(2),
    entry(0x0112, 3, 1, Buffer.concat([be16(orientation), be16(0)])), entry(0x8825, 4, 1, be32(38)), be32(0),
    be16(1), entry(0x0002, 2, place.length, be32(56)), be32(0), Buffer.from(place)]);
  return segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), tiff]));
}
export const xmp = (text) => segment(0xe1, Buffer.from(`http://ns.adobe.com/xap/1.0/\0${text}`));
export function jpeg({ width = 8, height = 8, before = [], scan = [0x3f, 0xff, 0x00, 0x12], after = [], sof = 0xc0 } = {}) {
  const dqt = Buffer.concat([Buffer.from([0]), Buffer.alloc(64, 16)]);
  const dht = (id) => Buffer.concat([Buffer.from([id, 0, 1]), Buffer.alloc(14), Buffer.from([0])]);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), segment(0xe0, Buffer.from('JFIF\0\x01\x01\0\0\x01\0\x01\0\0', 'latin1')), ...before,
    segment(0xdb, dqt), segment(sof, Buffer.concat([Buffer.from([8]), be16(height), be16(width), Buffer.from([1, 1, 0x11, 0])])),
    segment(0xc4, dht(0x00)), segment(0xc4, dht(0x10)), segment(0xda, [1, 1, 0, 0, 63, 0]), Buffer.from(scan), Buffer.from([0xff, 0xd9]), ...after]);
}
export const chunk = (type, body = Buffer.alloc(0)) => {
  const inner = Buffer.concat([Buffer.from(type, 'latin1'), Buffer.from(body)]);
  return Buffer.concat([be32(body.length), inner, be32(crc32(inner))]);
};
function crc32(b) {
  let c = 0xffffffff;
  for (const x of b) { c ^= x; for (let i = 0; i < 8; i++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1; }
  return (c ^ 0xffffffff) >>> 0;
}
export function png({ width = 2, height = 2, before = [], after = [], behind = [] } = {}) {
  const head = Buffer.concat([be32(width), be32(height), Buffer.from([8, 0, 0, 0, 0])]);
  const rows = width * height > 1e6 ? Buffer.alloc(10) : Buffer.alloc((width + 1) * height, 0);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), ...before, chunk('IDAT', zlib.deflateSync(rows)),
    ...after, chunk('IEND'), ...behind]);
}
const riff = (type, body) => Buffer.concat([Buffer.from(type, 'latin1'), le32(body.length), body, Buffer.alloc(body.length & 1)]);
export function webp({ width = 2, height = 2, more = [], behind = [] } = {}) {
  const bits = ((width - 1) | (height - 1) << 14) >>> 0;
  const picture = riff('VP8L', Buffer.concat([Buffer.from([0x2f]), le32(bits), Buffer.from([0, 0, 0])]));
  const canvas = Buffer.from([0x0c, 0, 0, 0, width - 1 & 255, width - 1 >> 8, 0, height - 1 & 255, height - 1 >> 8, 0]);
  const parts = more.length ? [riff('VP8X', canvas), picture, ...more.map(([t, b]) => riff(t, Buffer.from(b)))] : [picture];
  return Buffer.concat([riff('RIFF', Buffer.concat([Buffer.from('WEBP'), ...parts])), ...behind]);
}
