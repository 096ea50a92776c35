/**
 * Depth (FORMAT.md §1 and §6): bits of a sample, 8 to 16, and samples of one depth as those of another.
 *
 * Samples of 9 to 16 bits are Uint16Arrays. What a decoder makes for them is `fine`: 1/256 of a grey level.
 *
 * @typedef {Uint8ClampedArray<ArrayBuffer> | Uint16Array<ArrayBuffer>} Samples of one depth
 */

export const PLAIN = 8;
const FINE = 256; // of a grey level
const FINE_TOP = 255 * FINE;

/** The largest sample. @param {number} depth */
export const topOf = (depth) => 2 ** depth - 1;

/**
 * Room for samples.
 *
 * @param {number} depth
 * @param {number} count
 * @returns {Samples}
 */
export const roomFor = (depth, count) => (depth === PLAIN ? new Uint8ClampedArray(count) : new Uint16Array(count));

/**
 * What each sample of a depth is in another; nothing where they are the same.
 *
 * @param {number} depth
 * @param {number} to
 */
export function scaling(depth, to) {
  return depth === to ? undefined : table(topOf(depth), topOf(to));
}

/** What each of a decoder's fine numbers is in a depth. @param {number} depth */
export const ofFine = (depth) => table(FINE_TOP, topOf(depth));

/**
 * The nearest of each part of one whole in another, the larger of two.
 *
 * @param {number} whole
 * @param {number} other
 */
function table(whole, other) {
  return Uint16Array.from({ length: whole + 1 }, (_, v) => Math.floor((v * other + (whole >> 1)) / whole));
}

/**
 * Samples by a table, in room of their own or that is given.
 *
 * @template {Uint8Array | Samples} T
 * @param {ArrayLike<number>} samples
 * @param {Uint16Array} by
 * @param {T} out
 * @returns {T}
 */
export function mapped(samples, by, out) {
  for (let i = 0; i < samples.length; i++) out[i] = by[samples[i]];
  return out;
}

/**
 * What a decoder made, in grey levels → fine: the nearest whole number of 256 times it, of two the even one.
 *
 * @param {ArrayLike<number>} made
 */
export function fineOf(made) {
  const out = new Uint16Array(made.length);
  for (let i = 0; i < made.length; i++) {
    const value = Math.min(Math.max(FINE * made[i], 0), FINE_TOP);
    const nearest = Math.floor(value + 0.5);
    out[i] = nearest - value === 0.5 && nearest & 1 ? nearest - 1 : nearest;
  }
  return out;
}
