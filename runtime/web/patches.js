/**
 * Patches (FORMAT.md §9): the section PTCH → cells of exact pixels, laid over a decoded picture.
 *
 * @typedef {object} Patches
 * @property {Uint32Array} cells the numbers of those that are patched, in row-major order
 * @property {import('./exact.js').Exact} exact their pixels below each other
 */
import { viewOf } from './container.js';
import { AezipError } from './errors.js';
import { eachRow, openExact, put } from './exact.js';
import { inflate } from './inflate.js';

const CELL = 16; // pixels

/**
 * @param {Uint8Array} data of the section
 * @param {import('./container.js').Header} header
 * @returns {Promise<Patches>}
 */
export async function openPatches(data, { width, height, channels }) {
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
  return { cells, exact: openExact(data.subarray(4 + length), CELL, CELL * cells.length, channels) };
}

/**
 * @param {Patches} patches
 * @param {{ width: number, height: number, pixels: Uint8ClampedArray }} picture RGBA, whose colours change
 */
export async function layPatches({ cells, exact }, { width, height, pixels }) {
  const columns = Math.ceil(width / CELL);
  await eachRow(exact, (n, row) => {
    const cell = cells[Math.floor(n / CELL)];
    const [y, x] = [CELL * Math.floor(cell / columns) + (n % CELL), CELL * (cell % columns)];
    if (y < height) put(row, Math.min(CELL, width - x), exact.channels, pixels, y * width + x);
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
