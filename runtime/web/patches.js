/**
 * Patches (FORMAT.md §9): the section PTCH → cells of exact pixels, laid over a decoded picture.
 *
 * @typedef {object} Patches
 * @property {Uint32Array} cells the numbers of those that are patched, in row-major order
 * @property {import('./exact.js').Exact} exact their pixels below each other
 */
import { viewOf } from './container.js';
import { PLAIN, roomFor, scaling, topOf } from './depth.js';
import { AezipError } from './errors.js';
import { eachRow, openExact, put } from './exact.js';
import { inflate } from './inflate.js';
import { reduced, shrunk } from './reduced.js';

const CELL = 16; // pixels

/**
 * @param {Uint8Array} data of the section
 * @param {import('./container.js').Header} header
 * @param {number} depth of the picture
 * @returns {Promise<Patches>}
 */
export async function openPatches(data, { width, height, channels }, depth) {
  const count = Math.ceil(width / CELL) * Math.ceil(height / CELL);
  const length = data.length < 4 ? 0 : viewOf(data).getUint32(0, true);
  if (!length || length > data.length - 4) damaged('no bitmap', 'one that says which cells they are');
  const bitmap = new Uint8Array(Math.ceil(count / 8));
  await inflate(data.subarray(4, 4 + length), bitmap, "the patches' bitmap");
  /** @param {(cell: number) => void} take */
  const each = (take) => {
    for (let cell = 0; cell < 8 * bitmap.length; cell++) if (bitmap[cell >> 3] & (128 >> (cell & 7))) take(cell);
  };
  let marked = 0;
  let last = count;
  each((cell) => (marked++, (last = cell)));
  if (last >= count) damaged('no cell, or one outside the picture', 'at least one inside');
  const cells = new Uint32Array(marked);
  each((cell) => (cells[cells.length - marked--] = cell));
  return { cells, exact: openExact(data.subarray(4 + length), CELL, CELL * cells.length, channels, depth) };
}

/**
 * @param {Patches} patches
 * @param {import('./container.js').Header} header of the file
 * @param {import('./depth.js').Samples} pixels RGBA, whose colours change; of a picture that is so many times smaller:
 * @param {number} [scale]
 */
export async function layPatches({ cells, exact }, { width, height }, pixels, scale = 1) {
  const [columns, side, across] = [Math.ceil(width / CELL), CELL / scale, reduced(width, scale)];
  const depth = pixels instanceof Uint16Array ? exact.depth : PLAIN;
  const whole = roomFor(depth, 4 * CELL * CELL).fill(topOf(depth));
  const by = scaling(exact.depth, depth);
  await eachRow(exact, (n, row) => {
    const cell = cells[Math.floor(n / CELL)];
    const [top, left] = [Math.floor(cell / columns), cell % columns];
    const size = { width: Math.min(CELL, width - CELL * left), height: Math.min(CELL, height - CELL * top) };
    const y = n % CELL;
    if (y >= size.height) return;
    put(row, size.width, exact.channels, whole, y * size.width, by);
    if (y < size.height - 1) return;
    const small = shrunk({ ...size, pixels: whole }, scale);
    for (let at = 0; at < small.width * small.height; at++) {
      const to = (side * top + Math.floor(at / small.width)) * across + side * left + (at % small.width);
      for (let c = 0; c < 3; c++) pixels[4 * to + c] = small.pixels[4 * at + c];
    }
  });
}

/**
 * @param {string} finding
 * @param {string} expectation
 * @returns {never}
 */
function damaged(finding, expectation) {
  throw new AezipError('SectionDamaged', `the patches' section has ${finding}`, expectation);
}
