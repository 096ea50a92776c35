/** The section ALPH (FORMAT.md §8): bytes → one opacity a pixel. */
import { viewOf } from './container.js';
import { PLAIN, mapped, roomFor, scaling } from './depth.js';
import { AezipError } from './errors.js';
import { eachRow, openExact } from './exact.js';
import { inflate } from './inflate.js';

const BAND = 256; // rows
const DEEP = 2; // the kind of a plane of more than 8 bits

/**
 * @param {Uint8Array} data of the section
 * @param {number} width in pixels
 * @param {number} height
 * @param {number} depth of the picture
 * @param {number} to bits that are wanted, the depth or 8
 * @returns {Promise<Uint8Array | import('./depth.js').Samples>} [height · width], 0 transparent, 2^to − 1 opaque
 */
export async function decodeAlpha(data, width, height, depth = PLAIN, to = depth) {
  const deep = depth > PLAIN && data[0] === DEEP;
  const plane = deep ? await decodeDeep(data.subarray(1), width, height, depth) : await decodePlain(data, width, height);
  const by = scaling(deep ? depth : PLAIN, to);
  return by ? mapped(plane, by, roomFor(to, plane.length)) : plane;
}

/**
 * @param {Uint8Array} data
 * @param {number} width
 * @param {number} height
 * @param {number} depth
 */
async function decodeDeep(data, width, height, depth) {
  const plane = new Uint16Array(width * height);
  await eachRow(openExact(data, width, height, 1, depth), (y, row) => plane.set(row, y * width));
  return plane;
}

/**
 * @param {Uint8Array} data
 * @param {number} width
 * @param {number} height
 */
async function decodePlain(data, width, height) {
  const plane = new Uint8Array(width * height);
  if (data.length === 2 && data[0] === 0) return plane.fill(data[1]);
  const count = Math.ceil(height / BAND);
  let start = 1 + 4 * count;
  if (data.length < start || data[0] !== 1) damaged('no known kind of plane', 'one value, or bands of rows');
  for (let band = 0; band < count; band++) {
    const end = start + viewOf(data).getUint32(1 + 4 * band, true);
    if (end > data.length) damaged('a band that is cut', `${end - start} bytes`);
    const rows = plane.subarray(BAND * band * width, Math.min(BAND * (band + 1), height) * width);
    await decodeBand(data.subarray(start, end), rows, width);
    start = end;
  }
  if (start !== data.length) damaged('bands that do not fill it', `${data.length} bytes`);
  return plane;
}

/**
 * @param {Uint8Array} band
 * @param {Uint8Array} rows [rows · width], filled
 * @param {number} width
 */
async function decodeBand(band, rows, width) {
  const prediction = band[0];
  if (!(prediction <= 3)) damaged(`the prediction ${prediction}`, '0 to 3');
  await inflate(band.subarray(1), rows, 'a band of alpha');
  if (prediction & 1) {
    for (let at = 0; at < rows.length; at++) if (at % width) rows[at] += rows[at - 1];
  }
  if (prediction & 2) for (let at = width; at < rows.length; at++) rows[at] += rows[at - width];
}

/**
 * @param {string} finding
 * @param {string} expectation
 * @returns {never}
 */
function damaged(finding, expectation) {
  throw new AezipError('SectionDamaged', `the alpha section has ${finding}`, expectation);
}
