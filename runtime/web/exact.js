/**
 * Exact pixels (FORMAT.md §9), the body of the sections PIXL and PTCH: bytes → rows of colours, of 8 bits or more.
 *
 * @typedef {object} Exact
 * @property {number} width in pixels
 * @property {number} height
 * @property {number} channels 1 or 3
 * @property {number} depth of the picture
 * @property {number} bits that a sample takes
 * @property {number} samples of a pixel
 * @property {boolean} green it was subtracted from red and blue
 * @property {Uint8Array} [palette] [n · channels]
 * @property {number} row bytes of a row
 * @property {number} rows of a band
 * @property {Uint8Array[]} bands from the top, deflated
 */
import { viewOf } from './container.js';
import { PLAIN, topOf } from './depth.js';
import { AezipError } from './errors.js';
import { inflate } from './inflate.js';

const BAND_BYTES = 2 ** 22;
const MOST = 1032; // bytes that one byte can inflate to
const [PALETTE, GREEN] = [1, 2]; // flags
const [LEFT, UP] = [1, 2]; // bits of a row's prediction

/**
 * What a section says before its bands.
 *
 * @param {Uint8Array} data
 * @param {number} width in pixels
 * @param {number} height
 * @param {number} channels
 * @param {number} depth
 * @returns {Exact}
 */
export function openExact(data, width, height, channels, depth = PLAIN) {
  const [bits, flags] = data;
  const single = channels === 1 || (flags & PALETTE) !== 0;
  const known = depth === PLAIN ? [1, 2, 4, 8].includes(bits) && flags <= 3 : bits === 16 && (flags === 0 || flags === GREEN);
  if (!known || (bits < 8 && !single) || (flags & GREEN && single)) {
    damaged(`samples of ${bits} bits with flags ${flags}`, 'those that pictures have');
  }
  let start = 2;
  let palette;
  if (flags & PALETTE) {
    const count = data[2] + 1;
    start = 3 + count * channels;
    if (!(count <= 2 ** bits && start <= data.length)) damaged(`a palette of ${count} colours`, `up to ${2 ** bits}`);
    palette = data.subarray(3, start);
  }
  const samples = single ? 1 : channels;
  const row = Math.ceil((width * samples * bits) / 8);
  const rows = Math.max(1, Math.floor(BAND_BYTES / row));
  const count = Math.ceil(height / rows);
  let from = start + 4 * count;
  if (from > data.length) damaged(`${data.length} bytes`, `the lengths of ${count} bands`);
  const bands = [];
  for (let band = 0; band < count; band++) {
    const to = from + viewOf(data).getUint32(start + 4 * band, true);
    if (to > data.length) damaged('a band that is cut', `${to - from} bytes`);
    const size = Math.min(rows, height - band * rows) * (1 + row);
    if (size > MOST * (to - from)) damaged(`a band of ${to - from} bytes`, `enough of them for ${size}`);
    bands.push(data.subarray(from, to));
    from = to;
  }
  if (from !== data.length) damaged('bands that do not fill it', `${data.length} bytes`);
  return { width, height, channels, depth, bits, samples, green: (flags & GREEN) !== 0, palette, row, rows, bands };
}

/**
 * Decode all rows, from the top.
 *
 * @param {Exact} exact
 * @param {(y: number, row: Uint8Array | Uint16Array) => void} place gets each row [width · channels], whose memory is the
 *   next one's, too; of more than 8 bits 16 a sample
 * @param {(done: number) => void} [progress] called after each band, with 0 … 1
 */
export async function eachRow(exact, place, progress = () => {}) {
  const { height, rows, bands } = exact;
  const stride = 1 + exact.row;
  const room = new Uint8Array(Math.min(rows, height) * stride);
  const colours = new Uint8Array(exact.width * exact.channels);
  const deep = exact.bits === 16 ? deepRows(exact) : undefined;
  for (const [number, band] of bands.entries()) {
    const top = number * rows;
    const differences = room.subarray(0, Math.min(rows, height - top) * stride);
    await inflate(band, differences, 'a band of exact pixels');
    for (let at = 0, y = top; at < differences.length; at += stride, y++) {
      if (deep) {
        place(y, deep(differences.subarray(at, at + stride), at === 0));
        continue;
      }
      predict(differences, at, stride, exact.samples);
      colour(differences.subarray(at + 1, at + stride), exact, colours);
      place(y, colours);
    }
    progress((number + 1) / bands.length);
  }
}

/**
 * Put colours of a row into a picture; its opacities stay.
 *
 * @param {Uint8Array | Uint16Array} row [… · channels]
 * @param {number} count of pixels
 * @param {number} channels
 * @param {import('./depth.js').Samples} pixels RGBA
 * @param {number} at which of them the first goes to
 * @param {Uint16Array} [by] what each sample becomes
 */
export function put(row, count, channels, pixels, at, by) {
  const [second, third] = channels === 1 ? [0, 0] : [1, 2];
  for (let from = 0, to = 4 * at, end = to + 4 * count; to < end; from += channels, to += 4) {
    pixels[to] = by ? by[row[from]] : row[from];
    pixels[to + 1] = by ? by[row[from + second]] : row[from + second];
    pixels[to + 2] = by ? by[row[from + third]] : row[from + third];
  }
}

/**
 * What makes the rows of samples of 16 bits, one after the other.
 *
 * @param {Exact} exact
 * @returns {(row: Uint8Array, first: boolean) => Uint16Array} of a prediction and bytes, and whether it begins a band
 */
function deepRows({ width, channels, samples, green, depth }) {
  const count = width * samples;
  const [row, out] = [new Uint16Array(count), new Uint16Array(width * channels)];
  const most = topOf(depth);
  return (bytes, first) => {
    const prediction = bytes[0];
    if (prediction > 3) damaged(`the prediction ${prediction}`, '0 to 3');
    let [left, above] = [new Uint16Array(samples), 0];
    for (let i = 0; i < count; i++) {
      const folded = (bytes[1 + i] << 8) | bytes[1 + count + i];
      above = prediction & UP && !first ? row[i] : 0;
      const place = i % samples;
      const difference = (folded >> 1) ^ -(folded & 1);
      left[place] = difference + (prediction & LEFT ? left[place] : 0);
      row[i] = left[place] + above;
    }
    for (let i = 0; i < count; i++) out[i] = row[i] + (green && i % 3 !== 1 ? row[i - (i % 3) + 1] : 0);
    for (const sample of out) if (sample > most) damaged(`a sample of ${sample}`, `at most ${most}, as of ${depth} bits`);
    return out;
  };
}

/**
 * A row's differences become its bytes, in place.
 *
 * @param {Uint8Array} band rows of a prediction and bytes
 * @param {number} at where the row begins
 * @param {number} stride
 * @param {number} samples
 */
function predict(band, at, stride, samples) {
  const prediction = band[at];
  if (prediction > 3) damaged(`the prediction ${prediction}`, '0 to 3');
  const end = at + stride;
  if (prediction & LEFT) for (let i = at + 1 + samples; i < end; i++) band[i] += band[i - samples];
  if (prediction & UP && at) for (let i = at + 1; i < end; i++) band[i] += band[i - stride];
}

/**
 * A row's bytes → its colours.
 *
 * @param {Uint8Array} row
 * @param {Exact} exact
 * @param {Uint8Array} out [width · channels]
 */
function colour(row, { width, channels, bits, green, palette }, out) {
  if (bits === 8 && !palette) {
    out.set(row);
    for (let at = 0; green && at < out.length; at += 3) {
      out[at] += out[at + 1];
      out[at + 2] += out[at + 1];
    }
    return;
  }
  const mask = 2 ** bits - 1;
  for (let x = 0, to = 0, place = 0; x < width; x++, place += bits) {
    const sample = (row[place >> 3] >> (8 - bits - (place & 7))) & mask;
    if (!palette) out[to++] = (255 / mask) * sample;
    else if (sample * channels >= palette.length) damaged(`the colour ${sample} of a palette`, 'one of them');
    else for (let c = 0; c < channels; c++) out[to++] = palette[sample * channels + c];
  }
}

/**
 * @param {string} finding
 * @param {string} expectation
 * @returns {never}
 */
function damaged(finding, expectation) {
  throw new AezipError('SectionDamaged', `a section of exact pixels has ${finding}`, expectation);
}
