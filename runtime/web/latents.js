/**
 * Stream → latents (FORMAT.md §6): what the prior says, and what the entropy coder makes of it.
 *
 * @typedef {{ index: Uint8Array, symbol: Int16Array }} Phase table and value of each symbol, in the stream's order
 *
 * @typedef {object} Tile
 * @property {number} top in positions, as the others
 * @property {number} left
 * @property {number} height
 * @property {number} width
 * @property {Uint8Array} stream
 * @property {boolean} noSkip no latent is skipped
 * @property {boolean} progressive symbols stand in the order of their tables
 * @property {boolean} cut the stream's end is missing
 */
import { viewOf } from './container.js';
import { AezipError } from './errors.js';
import { Stream } from './rans.js';

const SLICES = 64; // of each stream, in progressive files of several tiles
const STEP_BIT = 6; // of an index: below are the bits that name a table
const TABLE = (1 << STEP_BIT) - 1;
const STEPS = [16, 21, 9, 12]; // by its other two bits, in 1/16 of the quality's step

/**
 * The tiles of a picture and the stream of each (§2).
 *
 * @param {import('./container.js').Lat} lat
 * @returns {Tile[]}
 */
export function tilesOf({ header, sections, missing }) {
  const height = Math.ceil(header.height / 16);
  const width = Math.ceil(header.width / 16);
  const side = 4 * header.tile || Math.max(height, width);
  const data = sections[sections.length - 1].data;
  const count = Math.ceil(height / side) * Math.ceil(width / side);
  if (count > 1 && data.length < 4 * count) {
    throw new AezipError('StreamDamaged', `a section of ${data.length} bytes`, `the lengths of ${count} tiles`);
  }
  const lengths = count > 1 ? Array.from({ length: count }, (_, i) => viewOf(data).getUint32(4 * i, true)) : [data.length];
  const start = count > 1 ? 4 * count : 0;
  const end = lengths.reduce((sum, length) => sum + length, start);
  if (count > 1 && end !== data.length + missing) {
    throw new AezipError('StreamDamaged', `the tiles take ${end} bytes`, `the section's ${data.length + missing}`);
  }
  const streams = streamsOf(data.subarray(start), lengths, header.progressive && count > 1 ? SLICES : 1);
  /** @type {Tile[]} */
  const tiles = [];
  for (let top = 0; top < height; top += side) {
    for (let left = 0; left < width; left += side) {
      tiles.push({
        top,
        left,
        height: Math.min(side, height - top),
        width: Math.min(side, width - left),
        stream: streams[tiles.length],
        noSkip: header.noSkip,
        progressive: header.progressive,
        cut: missing > 0,
      });
    }
  }
  return tiles;
}

/**
 * Streams, of which the first slices of all come first.
 *
 * @param {Uint8Array} data their end may be missing
 * @param {number[]} lengths of each in bytes
 * @param {number} slices
 */
function streamsOf(data, lengths, slices) {
  let from = 0;
  /** @type {Uint8Array[][]} */
  const parts = lengths.map(() => []);
  for (let slice = 0; slice < slices; slice++) {
    for (const [i, length] of lengths.entries()) {
      const [start, end] = [slice, slice + 1].map((n) => Math.floor((length * n) / slices));
      parts[i].push(data.subarray(from, (from += end - start)));
    }
  }
  return parts.map((part) => (slices === 1 ? part[0] : joined(part)));
}

/** @param {Uint8Array[]} parts */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Symbols in the order of their tables, the highest first: their places, and their tables.
 *
 * @param {Uint8Array} index
 */
function inOrder(index) {
  const next = new Uint32Array(257);
  for (let i = 0; i < index.length; i++) next[255 - index[i] + 1]++;
  const sorted = new Uint8Array(index.length);
  for (let i = 1; i < 257; i++) sorted.fill(256 - i, next[i - 1], (next[i] += next[i - 1]));
  const order = new Uint32Array(index.length);
  for (let i = 0; i < index.length; i++) order[next[255 - index[i]]++] = i;
  return { order, sorted };
}

/**
 * Latents of a tile in 1/16 of a step [height, width, C], and the symbols they are from.
 *
 * @param {import('./aezip.js').Model} model
 * @param {Tile} tile
 * @param {import('./ladder.js').Rung} rung
 * @returns {Promise<{ latent: Int16Array, phases: Phase[] }>}
 */
export async function decodeTile(model, { height, width, stream, noSkip, progressive, cut }, rung) {
  const [a, b] = [Math.ceil(height / 4), Math.ceil(width / 4)];
  const channels = rung.shift.length;
  const source = new Stream(stream, model.tables, cut);
  /** @type {Phase[]} */
  const phases = [];
  /** @param {Uint8Array} index */
  const take = (index) => {
    const { order, sorted } = progressive ? inOrder(index) : { sorted: index };
    const symbol = source.take(sorted);
    phases.push({ index: sorted, symbol });
    if (!order) return symbol;
    const back = new Int16Array(symbol.length);
    for (let i = 0; i < order.length; i++) back[order[i]] = symbol[i];
    return back;
  };

  const { table } = rung;
  if (table) {
    const symbol = take(new Uint8Array(height * width * channels).map((_, i) => table[i % channels]));
    source.finish();
    return { latent: symbol.map((value) => 16 * value), phases };
  }
  const hyperChannels = rung.hyperIndex.length;
  const hyperIndex = new Uint8Array(a * b * hyperChannels).map((_, i) => rung.hyperIndex[i % hyperChannels]);
  const hyper = { data: take(hyperIndex), dims: [1, a, b, hyperChannels] };
  const said = await model.prior(hyper, rung);

  const latent = new Int16Array(height * width * channels);
  const known = new Int16Array(a * b * 8 * channels);
  /**
   * @param {number} y
   * @param {number} x
   */
  const placeIn = (y, x) => ((y % 2) * 2 * a + (y >> 1)) * 2 * b + (x >> 1);
  /**
   * @param {number} parity of row + column
   * @param {Int16Array} mean of the half, its even rows before its odd ones
   * @param {Uint8Array} index of a table and a step
   */
  const half = (parity, mean, index) => {
    const coded = new Uint8Array(mean.length);
    const steps = new Uint8Array(mean.length);
    const where = new Int32Array(mean.length);
    let n = 0;
    for (let y = 0; y < height; y++) {
      for (let x = (y + parity) % 2; x < width; x += 2) {
        const from = placeIn(y, x) * channels;
        const to = (y * width + x) * channels;
        for (let c = 0; c < channels; c++) {
          latent[to + c] = mean[from + c];
          const table = index[from + c] & TABLE;
          if (noSkip || table > model.skip) {
            coded[n] = table;
            steps[n] = STEPS[index[from + c] >> STEP_BIT];
            where[n++] = to + c;
          }
        }
      }
    }
    const symbol = take(coded.slice(0, n));
    for (let i = 0; i < n; i++) latent[where[i]] += steps[i] * symbol[i];
  };

  half(0, said.mean, said.index);
  for (let y = 0; y < height; y++) {
    for (let x = y % 2; x < width; x += 2) {
      const from = (y * width + x) * channels;
      known.set(latent.subarray(from, from + channels), placeIn(y, x) * channels);
    }
  }
  const more = await model.context(said.carried, { data: known, dims: [2, 2 * a, 2 * b, channels] }, rung);
  half(1, more.mean, more.index);
  source.finish();
  return { latent, phases };
}
