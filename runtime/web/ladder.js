/**
 * The quality ladder (FORMAT.md §5): quality 0 … 1000 → the numbers that the graphs take.
 *
 * @typedef {object} Rung
 * @property {Float32Array} hyper_inverse [Z] exact
 * @property {Float32Array} hyper_offset [Z] whole
 * @property {Float32Array} mean_gain [C] exact
 * @property {Float32Array} context_gain [C] exact
 * @property {Float32Array} shift [C] whole
 * @property {Float32Array} inverse_gain [C] for latents in 1/16
 * @property {Uint8Array} hyperIndex [Z] table of each hyper-latent channel
 * @property {Uint8Array} [table] [C] table of each channel; of models without a hyperprior, whose Z is 0
 */
import { damaged } from './package.js';

const NODES = 9;
const SPACING = 125;
const LOG_LIMIT = 15 * 4096;
const MANTISSA = Array.from({ length: 256 }, (_, j) => Math.floor(2 ** (j / 256) * 256 + 0.5));

/** @param {number} log in 1/4096 of an octave; a mantissa of 16 bits */
const fine = (log) => Math.floor(2 ** ((log & 4095) / 4096) * 32768 + 0.5) * 2 ** ((log >> 12) - 15);

/** @param {number} log in 1/4096 of an octave */
const exact = (log) => MANTISSA[(log >> 4) & 255] * 2 ** ((log >> 12) - 8);

/** @param {number} log */
const steps = (log) => (log * 11 + 4096) >> 13;

/**
 * Everything that a quality sets.
 *
 * @param {import('./package.js').Arrays} arrays
 * @param {number} quality 0 … 1000
 * @returns {Rung}
 */
export function rungOf(arrays, quality) {
  const low = Math.min(Math.floor(quality / SPACING), NODES - 2);
  const part = quality - low * SPACING;
  /** @param {string} name */
  const between = (name) => {
    if (arrays.table && name.startsWith('hyper')) return new Float64Array();
    const { shape, values } = arrays[name] ?? damaged(`tables.npz lacks ${name}`, 'a ladder');
    const [nodes, channels] = shape;
    if (shape.length !== 2 || nodes !== NODES || !channels) damaged(`the shape of ${name}`, `${NODES} nodes`);
    if (values.some((log) => Math.abs(log) >= LOG_LIMIT)) damaged(`the range of ${name}`, `less than ${LOG_LIMIT}`);
    return values.slice(low * channels, (low + 1) * channels).map((node, c) => {
      const sum = node * (SPACING - part) + values[(low + 1) * channels + c] * part;
      return Math.floor((sum + 62) / SPACING);
    });
  };
  const gain = between('gain');
  return {
    table: arrays.table && tableOf(arrays.table, quality, gain.length),
    hyper_inverse: Float32Array.from(between('hyper_inverse'), (log) => exact(log + 5 * 4096)),
    hyper_offset: Float32Array.from(between('hyper_offset')),
    mean_gain: Float32Array.from(gain, (log) => exact(log - 2 * 4096)),
    context_gain: Float32Array.from(gain, (log) => exact(4096 - log)),
    shift: Float32Array.from(gain, (log) => steps(log) + 18),
    inverse_gain: Float32Array.from(between('inverse_gain'), (log) => fine(log - 4 * 4096)),
    hyperIndex: Uint8Array.from(between('hyper_scale'), (log) => Math.min(Math.max(steps(log) + 18, 0), 63)),
  };
}

/**
 * Tables of the nearest of evenly spaced qualities (FORMAT.md §6, without a hyperprior).
 *
 * @param {{ shape: number[], values: Float64Array }} table
 * @param {number} quality
 * @param {number} channels
 */
function tableOf({ shape, values }, quality, channels) {
  if (shape.length !== 2 || shape[0] < 2 || shape[1] !== channels) damaged('the shape of table', `${channels} channels`);
  if (values.some((index) => index < 0 || index > 63)) damaged('an index in table', '0 to 63');
  const node = Math.floor((2 * quality * (shape[0] - 1) + 1000) / 2000);
  return Uint8Array.from(values.subarray(node * channels, (node + 1) * channels));
}
