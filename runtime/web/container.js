/**
 * The container: bytes of a `.lat` file → header and sections (FORMAT.md §1).
 *
 * @typedef {object} Header
 * @property {number} width in pixels
 * @property {number} height
 * @property {number} channels 3: RGB, 1: grey
 * @property {number} quality 0 … 1000
 * @property {number} tile side of a tile in units of 64 pixels; 0: the picture is one tile
 * @property {boolean} noSkip no latent is skipped
 * @property {boolean} progressive the beginning says most: symbols in the order of their tables, tiles in slices
 * @property {string} fingerprint of the model, 16 hexadecimal digits; zeros of a file that needs none
 *
 * @typedef {object} Section
 * @property {string} type four letters
 * @property {Uint8Array} data
 *
 * @typedef {object} Lat
 * @property {Header} header
 * @property {Section[]} sections the last holds the latents, `LATN`, or all pixels, `PIXL`
 * @property {number} missing bytes of the latents, of a file that is cut off
 * @property {number} depth bits of a sample, 8 to 16
 */
import { AezipError } from './errors.js';

export const MAX_PIXELS = 2 ** 26;
const MAX_SECTIONS = 1024;
const MAGIC = [0xae, 0x4c, 0x41, 0x54, 0x0d, 0x0a];
const HEADER_BYTES = 32;
const MAX_SIDE = 2 ** 20;
const MAX_TILE_PIXELS = 2 ** 22;
const KNOWN = ['iCCP', 'cICP', 'eXIF', 'xMPx', 'rESO', 'dPTH', 'ALPH', 'PTCH', 'LATN', 'PIXL'];
const BODIES = ['LATN', 'PIXL'];
const NO_SKIP = 1; // flags
const PROGRESSIVE = 2;
const NO_MODEL = '0'.repeat(16);

/** How many times 64 pixels a side begins. @param {number} side */
const cells = (side) => Math.ceil(side / 64);

/**
 * Read header and sections; every checksum and rule is checked.
 *
 * @param {Uint8Array | ArrayBuffer} bytes
 * @param {number} maxPixels larger pictures are refused
 * @param {boolean} partial take a file that is cut off within its latents, whose checksum then says nothing
 * @returns {Lat}
 */
export function unpack(bytes, maxPixels = MAX_PIXELS, partial = false) {
  const data = plain(bytes);
  const header = unpackHeader(data);
  const pixels = header.width * header.height;
  if (pixels > maxPixels) throw new AezipError('LimitExceeded', `${pixels} pixels`, `at most ${maxPixels}`);
  const view = viewOf(data);
  /** @type {Section[]} */
  const sections = [];
  let missing = 0;
  for (let at = HEADER_BYTES; at < data.length; ) {
    if (sections.length === MAX_SECTIONS) {
      throw new AezipError('LimitExceeded', `more than ${MAX_SECTIONS} sections`, `at most ${MAX_SECTIONS}`);
    }
    const name = `section ${sections.length + 1}`;
    if (data.length - at < 12) throw new AezipError('Truncated', `the file ends in the head of ${name}`, '12 bytes');
    const length = view.getUint32(at + 4, true);
    const end = at + 12 + length;
    const type = String.fromCharCode(...data.subarray(at, at + 4));
    missing = Math.max(0, end - data.length);
    if (missing && !(partial && type === 'LATN' && missing < length)) {
      throw new AezipError('Truncated', `the file ends inside ${name}`, `${length} bytes`);
    }
    const content = data.subarray(at + 12, end);
    if (!missing && crc32(content, crc32(data.subarray(at, at + 4))) !== view.getUint32(at + 8, true)) {
      throw new AezipError('SectionDamaged', `${name} does not match its checksum`, 'its CRC-32');
    }
    if (!/^[A-Za-z]{4}$/.test(type)) throw new AezipError('SectionDamaged', `the type of ${name}`, 'four letters');
    if (!KNOWN.includes(type) && type < 'a') {
      throw new AezipError('SectionUnknown', `${name} is of the unknown type '${type}'`, 'a newer reader');
    }
    if (KNOWN.includes(type) && sections.some((s) => s.type === type)) {
      throw new AezipError('SectionOrder', `the section '${type}' stands twice`, 'it once');
    }
    sections.push({ type, data: content });
    at = end;
  }
  checkBody(header, sections.map((section) => section.type));
  return { header, sections, missing, depth: depthOf(sections) };
}

/** @param {Section[]} sections */
function depthOf(sections) {
  const said = sections.find(({ type }) => type === 'dPTH')?.data ?? Uint8Array.of(8);
  if (said.length === 1 && ((said[0] > 8 && said[0] <= 16) || !sections.some(({ type }) => type === 'dPTH'))) return said[0];
  throw new AezipError('SectionDamaged', `a depth of ${said} bits`, 'one byte, 9 to 16');
}

/**
 * What the last section is, and what that means for the rest.
 *
 * @param {Header} header
 * @param {string[]} types
 */
function checkBody(header, types) {
  const [body, more] = types.filter((type) => BODIES.includes(type));
  if (!body) throw new AezipError('Truncated', "the section 'LATN' or 'PIXL' is missing", "it at the file's end");
  if (more) throw new AezipError('SectionOrder', "the sections 'LATN' and 'PIXL' are both there", 'one of them');
  if (types.at(-1) !== body) {
    throw new AezipError('SectionOrder', `the section '${body}' is not the last`, "it at the file's end");
  }
  if (body === 'LATN') return checkHeader([tileRule(header)]);
  checkHeader([
    [`the model ${header.fingerprint}`, header.fingerprint === NO_MODEL, "none beside 'PIXL'"],
    [`tile ${header.tile}`, header.tile === 0, "0 beside 'PIXL'"],
    ['something of latents', !header.noSkip && !header.progressive, "no flags beside 'PIXL'"],
    [`quality ${header.quality}`, header.quality === 1000, "1000 beside 'PIXL'"],
  ]);
  if (types.includes('PTCH')) throw new AezipError('SectionOrder', "the section 'PTCH' is there", "none beside 'PIXL'");
}

/**
 * Read the first 32 bytes.
 *
 * @param {Uint8Array | ArrayBuffer} bytes
 * @returns {Header}
 */
export function unpackHeader(bytes) {
  const data = plain(bytes);
  if (!data.length || MAGIC.some((byte, i) => i < data.length && data[i] !== byte)) {
    throw new AezipError('NotALat', 'not a .lat file', 'a file written by aezip');
  }
  if (data.length < HEADER_BYTES) {
    throw new AezipError('Truncated', `the file ends after ${data.length} bytes`, `a header of ${HEADER_BYTES}`);
  }
  const view = viewOf(data);
  if (crc32(data.subarray(0, 28)) !== view.getUint32(28, true)) {
    throw new AezipError('HeaderDamaged', 'the header does not match its checksum', 'its CRC-32');
  }
  const version = data[6];
  if (version > 1) throw new AezipError('UnsupportedVersion', `version ${version} of the format`, '1');
  const header = {
    width: view.getUint32(8, true),
    height: view.getUint32(12, true),
    channels: data[7],
    quality: view.getUint16(16, true),
    tile: data[18],
    noSkip: Boolean(data[19] & NO_SKIP),
    progressive: Boolean(data[19] & PROGRESSIVE),
    fingerprint: hex(data.subarray(20, 28)),
  };
  checkHeader([
    [`version ${version}`, version === 1, '1'],
    [`width ${header.width}`, header.width >= 1 && header.width <= MAX_SIDE, `1 to ${MAX_SIDE} pixels`],
    [`height ${header.height}`, header.height >= 1 && header.height <= MAX_SIDE, `1 to ${MAX_SIDE} pixels`],
    [`${header.channels} channels`, header.channels === 1 || header.channels === 3, '1 or 3'],
    [`quality ${header.quality}`, header.quality <= 1000, '0 to 1000'],
    [`flags ${data[19]}`, data[19] <= (NO_SKIP | PROGRESSIVE), `0 to ${NO_SKIP | PROGRESSIVE}`],
    ...(header.fingerprint === NO_MODEL ? [] : [tileRule(header)]), // exact pixels are not tiled
  ]);
  return header;
}

/** @typedef {[finding: string, good: boolean, expectation: string]} Rule */

/** @param {Rule[]} rules */
function checkHeader(rules) {
  for (const [finding, good, expectation] of rules) {
    if (!good) throw new AezipError('HeaderDamaged', `the header says ${finding}`, expectation);
  }
}

/**
 * @param {Header} header
 * @returns {Rule}
 */
function tileRule({ width, height, tile }) {
  const side = tile * 64 || MAX_SIDE;
  const pixels = cells(Math.min(side, width)) * cells(Math.min(side, height)) * 64 ** 2;
  return [`tiles of ${pixels} pixels`, pixels <= MAX_TILE_PIXELS, `at most ${MAX_TILE_PIXELS}`];
}

/** @param {Uint8Array} data */
export const viewOf = (data) => new DataView(data.buffer, data.byteOffset, data.byteLength);

/**
 * The same bytes, without what Node's Buffer overrides.
 *
 * @param {Uint8Array | ArrayBuffer} data
 */
export const plain = (data) => {
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
};

/** @param {Uint8Array} data */
export const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * @param {Uint8Array} data
 * @param {number} before checksum of what stands before
 */
function crc32(data, before = 0) {
  let crc = ~before;
  for (let i = 0; i < data.length; i++) crc = CRC_TABLE[(crc ^ data[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
