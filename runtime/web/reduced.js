/**
 * Smaller pictures: each pixel the mean of a square of pixels, those that the picture's end cuts off of what they have.
 *
 * @typedef {import('./depth.js').Samples} Samples
 *
 * @typedef {{ width: number, height: number, pixels: Samples }} Rgba not premultiplied
 */
import { AezipError } from './errors.js';

export const SCALES = [1, 2, 4, 8, 16];
/** Decoders of smaller pictures that a package may hold, and how many times smaller theirs are, the smallest first. */
export const REDUCED = /** @type {const} */ ([['decoder.8', 8], ['decoder.4', 4]]);

/** @param {number} scale */
export function checkScale(scale) {
  if (!SCALES.includes(scale)) throw new AezipError('UsageError', `a scale of ${scale}`, `one of ${SCALES.join(', ')}`);
}

/**
 * @param {number} side in pixels
 * @param {number} scale
 */
export const reduced = (side, scale) => Math.ceil(side / scale);

/**
 * Means of squares of `scale` pixels a side, of colours weighed by their alpha.
 *
 * @template {Samples} T
 * @param {{ width: number, height: number, pixels: T }} picture RGBA
 * @param {number} scale
 * @returns {{ width: number, height: number, pixels: T }}
 */
export function shrunk({ width, height, pixels }, scale) {
  const small = { width: reduced(width, scale), height: reduced(height, scale) };
  const out = roomLike(pixels, 4 * small.width * small.height);
  for (let y = 0, to = 0; y < small.height; y++) {
    const bottom = Math.min(height, (y + 1) * scale);
    for (let x = 0; x < small.width; x++, to += 4) {
      const right = Math.min(width, (x + 1) * scale);
      const sums = [0, 0, 0, 0, 0, 0, 0]; // colours times alpha, colours, alpha
      for (let row = y * scale; row < bottom; row++) {
        for (let at = 4 * (row * width + x * scale), end = 4 * (row * width + right); at < end; at += 4) {
          const alpha = pixels[at + 3];
          for (let c = 0; c < 3; c++) {
            sums[c] += alpha * pixels[at + c];
            sums[3 + c] += pixels[at + c];
          }
          sums[6] += alpha;
        }
      }
      const count = (bottom - y * scale) * (right - x * scale);
      for (let c = 0; c < 3; c++) out[to + c] = mean(sums[6] ? sums[c] : sums[3 + c], sums[6] || count);
      out[to + 3] = mean(sums[6], count);
    }
  }
  return { ...small, pixels: out };
}

/**
 * @template {Uint8Array | Samples} T
 * @param {T} samples
 * @param {number} count
 * @returns {T}
 */
const roomLike = (samples, count) => /** @type {T} */ (new (/** @type {any} */ (samples.constructor))(count));

/**
 * @param {number} sum
 * @param {number} count
 */
const mean = (sum, count) => Math.floor((2 * sum + count) / (2 * count));

/**
 * Means of squares of a graph's image.
 *
 * @param {{ data: Uint8Array | Uint16Array<ArrayBuffer>, dims: readonly number[] }} image [1, H, W, C], sides multiples of
 *   `scale`
 * @param {number} scale
 */
export function averaged(image, scale) {
  if (scale === 1) return image;
  const [, height, width, channels] = image.dims;
  const dims = [1, height / scale, width / scale, channels];
  const data = roomLike(image.data, dims[1] * dims[2] * channels);
  for (let y = 0, to = 0; y < dims[1]; y++) {
    for (let x = 0; x < dims[2]; x++) {
      for (let c = 0; c < channels; c++, to++) {
        let sum = 0;
        for (let i = 0; i < scale * scale; i++) {
          const at = (y * scale + Math.floor(i / scale)) * width + x * scale + (i % scale);
          sum += image.data[at * channels + c];
        }
        data[to] = mean(sum, scale * scale);
      }
    }
  }
  return { data, dims };
}

/**
 * Means of squares of a plane.
 *
 * @template {Uint8Array | Samples} T
 * @param {T} plane [height · width]
 * @param {number} width
 * @param {number} height
 * @param {number} scale
 */
export function averagedPlane(plane, width, height, scale) {
  if (scale === 1) return plane;
  const out = roomLike(plane, reduced(width, scale) * reduced(height, scale));
  for (let y = 0, to = 0; y < height; y += scale) {
    const bottom = Math.min(height, y + scale);
    for (let x = 0; x < width; x += scale, to++) {
      const right = Math.min(width, x + scale);
      let sum = 0;
      for (let row = y; row < bottom; row++) for (let at = row * width + x; at < row * width + right; at++) sum += plane[at];
      out[to] = mean(sum, (bottom - y) * (right - x));
    }
  }
  return out;
}
