/**
 * How a canvas shows colours that a file names by code points: in sRGB or Display P3, with what is brighter than white
 * compressed as in `aezip decompress --tone-map` (BT.2390, white at 203 cd/m²). Not a part of the decoder's module.
 *
 * @typedef {import('./display.js').CodePoints} CodePoints
 * @typedef {[x: number, y: number]} Point
 * @typedef {number[][]} Matrix
 */
import { viewOf } from './container.js';

const [UNSPECIFIED, SRGB, PQ, HLG] = [2, 13, 16, 18];
const [BT709, P3] = [1, 12];
const WHITE = 203; // cd/m²
const [PQ_PEAK, HLG_PEAK] = [10000, 1000];
const PEAK = 0.9999; // of the pixels are not brighter than what counts as the peak
const STEPS = 1024; // of the table of gains
/** @type {Point} */
const D65 = [0.3127, 0.329];
/** Red, green, blue and white. @type {Record<number, Point[]>} */
const PRIMARIES = {
  1: [[0.64, 0.33], [0.3, 0.6], [0.15, 0.06], D65],
  4: [[0.67, 0.33], [0.21, 0.71], [0.14, 0.08], [0.31, 0.316]],
  5: [[0.64, 0.33], [0.29, 0.6], [0.15, 0.06], D65],
  6: [[0.63, 0.34], [0.31, 0.595], [0.155, 0.07], D65],
  7: [[0.63, 0.34], [0.31, 0.595], [0.155, 0.07], D65],
  8: [[0.681, 0.319], [0.243, 0.692], [0.145, 0.049], [0.31, 0.316]],
  9: [[0.708, 0.292], [0.17, 0.797], [0.131, 0.046], D65],
  10: [[1, 0], [0, 1], [0, 0], [1 / 3, 1 / 3]],
  11: [[0.68, 0.32], [0.265, 0.69], [0.15, 0.06], [0.314, 0.351]],
  12: [[0.68, 0.32], [0.265, 0.69], [0.15, 0.06], D65],
  22: [[0.63, 0.34], [0.295, 0.605], [0.155, 0.077], D65],
};
const VIDEO = [1 / 0.45, 1 / 1.0993, 0.0993 / 1.0993, 1 / 4.5, 0.0812];
/** A power, or that of a·x + b from d on and c·x below. @type {Record<number, number[]>} */
const CURVES = {
  1: VIDEO,
  4: [2.2],
  5: [2.8],
  6: VIDEO,
  7: [1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913],
  8: [1],
  13: [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045],
  14: VIDEO,
  15: VIDEO,
  17: [2.6],
};
const BRADFORD = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];
const NAMES = /** @type {Record<number, string>} */ ({
  1: 'BT.709', 4: 'BT.470 M', 5: 'BT.601 625', 6: 'BT.601 525', 7: 'SMPTE 240M', 8: 'film', 9: 'BT.2020', 10: 'XYZ',
  11: 'DCI-P3', 12: 'Display P3', 22: 'EBU 3213',
});
const TRANSFERS = /** @type {Record<number, string>} */ ({
  1: 'BT.709', 4: 'gamma 2.2', 5: 'gamma 2.8', 6: 'BT.601', 7: 'SMPTE 240M', 8: 'linear', 13: 'sRGB', 14: 'BT.2020 10-bit',
  15: 'BT.2020 12-bit', 16: 'PQ', 17: 'DCI', 18: 'HLG',
});

/** In words, as `aezip info`. @param {CodePoints} points */
export function namesOf({ primaries, transfer, fullRange }) {
  const names = [NAMES[primaries] ?? `primaries ${primaries}`, TRANSFERS[transfer] ?? `transfer ${transfer}`];
  return [...names, ...(fullRange ? [] : ['narrow range'])].join(', ');
}

/**
 * Pixels as a canvas shows them.
 *
 * @param {Uint8ClampedArray<ArrayBuffer>} pixels RGBA, in the colours of the code points
 * @param {CodePoints} points
 * @param {import('./container.js').Section[]} sections whose content light level says the peak
 * @returns {{ pixels: Uint8ClampedArray<ArrayBuffer>, colourSpace: 'srgb' | 'display-p3', mapped: boolean }} mapped: what is
 *   brighter than white was compressed
 */
export function forCanvas(pixels, points, sections) {
  const primaries = points.primaries === UNSPECIFIED ? BT709 : points.primaries;
  const transfer = points.transfer === UNSPECIFIED ? SRGB : points.transfer;
  const hdr = transfer === PQ || transfer === HLG;
  if (!PRIMARIES[primaries] || !(hdr || CURVES[transfer])) return { pixels, colourSpace: 'srgb', mapped: false };
  const to = [8, 9, 10, 11, 12].includes(primaries) ? P3 : BT709;
  const colourSpace = to === P3 ? 'display-p3' : 'srgb';
  if (transfer === SRGB && primaries === to && points.fullRange) return { pixels, colourSpace, mapped: false };
  const light = Float64Array.from({ length: 256 }, (_, v) => {
    return lightOf(transfer, Math.min(Math.max(points.fullRange ? v / 255 : (v - 16) / 219, 0), 1));
  });
  const gain = hdr ? gainOf(maxCll(sections) / WHITE || peakOf(pixels, light, transfer)) : undefined;
  const shown = converted(pixels, light, transfer, matrixBetween(primaries, to), toXyz(primaries)[1], toXyz(to)[1], gain);
  return { pixels: shown, colourSpace, mapped: hdr };
}

/**
 * @param {Uint8ClampedArray} pixels RGBA
 * @param {Float64Array} light of each sample
 * @param {number} transfer
 * @param {Matrix} matrix to the canvas's primaries
 * @param {number[]} before luminance of the picture's primaries
 * @param {number[]} after and of the canvas's
 * @param {((light: number) => number) | undefined} gain
 */
function converted(pixels, light, transfer, matrix, before, after, gain) {
  const out = new Uint8ClampedArray(pixels);
  const [[a, b, c], [d, e, f], [g, h, i]] = matrix;
  for (let at = 0; at < out.length; at += 4) {
    let [x, y, z] = [light[pixels[at]], light[pixels[at + 1]], light[pixels[at + 2]]];
    if (gain) {
      let factor = transfer === HLG ? displayed(before[0] * x + before[1] * y + before[2] * z) : 1;
      factor *= gain(factor * Math.max(x, y, z));
      [x, y, z] = [factor * x, factor * y, factor * z];
    }
    let [red, green, blue] = [a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z];
    if (gain) {
      const grey = Math.min(Math.max(after[0] * red + after[1] * green + after[2] * blue, 0), 1);
      const [low, high] = [Math.min(red, green, blue), Math.max(red, green, blue)];
      const part = Math.min(low < 0 ? grey / (grey - low) : 1, high > 1 ? (1 - grey) / (high - grey) : 1);
      [red, green, blue] = [red, green, blue].map((value) => grey + part * (value - grey));
    }
    out[at] = 255 * signalOf(red);
    out[at + 1] = 255 * signalOf(green);
    out[at + 2] = 255 * signalOf(blue);
  }
  return out;
}

/** Light of a signal, 1: white. That of HLG is the scene's. @param {number} transfer @param {number} signal */
function lightOf(transfer, signal) {
  if (transfer === PQ) {
    const root = signal ** (32 / 2523);
    return (PQ_PEAK / WHITE) * (Math.max(root - 3424 / 4096, 0) / (2413 / 128 - (2392 / 128) * root)) ** (8192 / 1305);
  }
  if (transfer === HLG) {
    return signal <= 0.5 ? signal ** 2 / 3 : (Math.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12;
  }
  const [power, scale = 1, offset = 0, slope = 0, knee = 0] = CURVES[transfer];
  return signal >= knee ? Math.max(scale * signal + offset, 0) ** power : slope * signal;
}

/** By what HLG's scene is multiplied. @param {number} luminance */
const displayed = (luminance) => (HLG_PEAK / WHITE) * Math.max(luminance, 1e-9) ** 0.2;

/** @param {number} light */
function pqOf(light) {
  const power = ((light * WHITE) / PQ_PEAK) ** (1305 / 8192);
  return ((3424 / 4096 + (2413 / 128) * power) / (1 + (2392 / 128) * power)) ** (2523 / 32);
}

/** @param {number} light */
const signalOf = (light) => (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);

/** By what light is multiplied: BT.2390's curve from 0 … peak to 0 … 1, from a table. @param {number} peak */
function gainOf(peak) {
  const [top, one] = [pqOf(Math.max(peak, 1)), pqOf(1)];
  const [white, knee] = [one / top, (1.5 * one) / top - 0.5];
  const gains = Float64Array.from({ length: STEPS + 1 }, (_, i) => {
    const signal = i / STEPS;
    if (!i || signal < knee || peak <= 1) return 1;
    const t = (signal - knee) / (1 - knee);
    const rise = 3 * t ** 2 - 2 * t ** 3;
    const spline = (1 - rise) * knee + (t ** 3 - 2 * t ** 2 + t) * (1 - knee) + rise * white;
    return lightOf(PQ, spline * top) / lightOf(PQ, signal * top);
  });
  return (/** @type {number} */ light) => {
    const place = Math.min(pqOf(light) / top, 1) * STEPS;
    const [low, part] = [Math.floor(place), place % 1];
    const gain = gains[low] + part * ((gains[low + 1] ?? gains[low]) - gains[low]);
    return Math.min(gain, 1 / Math.max(light, 1e-9));
  };
}

/** MaxCLL in cd/m², 0 if nothing says it. @param {import('./container.js').Section[]} sections */
function maxCll(sections) {
  const data = sections.find((s) => s.type === 'cLLI')?.data;
  return data?.length === 8 ? viewOf(data).getUint32(0) / 10000 : 0;
}

/**
 * The light of the brightest samples but a few.
 *
 * @param {Uint8ClampedArray} pixels RGBA
 * @param {Float64Array} light
 * @param {number} transfer
 */
function peakOf(pixels, light, transfer) {
  const counts = new Float64Array(256);
  for (let at = 0; at < pixels.length; at += 4) counts[Math.max(pixels[at], pixels[at + 1], pixels[at + 2])]++;
  let [sample, below] = [0, counts[0]];
  while (below < (PEAK * pixels.length) / 4) below += counts[++sample];
  return light[sample] * (transfer === HLG ? displayed(light[sample]) : 1);
}

/** From linear RGB to XYZ. @param {number} primaries @returns {Matrix} */
function toXyz(primaries) {
  const columns = PRIMARIES[primaries].map(xyz);
  const colours = [0, 1, 2].map((row) => columns.slice(0, 3).map((column) => column[row]));
  const scales = times(inverse(colours), columns[3].map((v) => [v])).map(([v]) => v);
  return colours.map((row) => row.map((v, i) => v * scales[i]));
}

/** From linear RGB of some primaries to that of others, white to white. @param {number} from @param {number} to */
function matrixBetween(from, to) {
  const [before, after] = [from, to].map((code) => times(BRADFORD, xyz(PRIMARIES[code][3]).map((v) => [v])));
  const scaled = BRADFORD.map((row, i) => row.map((v) => (v * after[i][0]) / before[i][0]));
  return times(inverse(toXyz(to)), times(inverse(BRADFORD), times(scaled, toXyz(from))));
}

/** @param {Point} point */
const xyz = ([x, y]) => [x, y, 1 - x - y].map((v) => v / (y || 1));

/** @param {Matrix} a @param {Matrix} b @returns {Matrix} */
const times = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((sum, v, i) => sum + v * b[i][j], 0)));

/** Of 3 × 3, by cofactors. @param {Matrix} m @returns {Matrix} */
function inverse(m) {
  const minor = (/** @type {number} */ i, /** @type {number} */ j) => {
    const [[a, b], [c, d]] = [(i + 1) % 3, (i + 2) % 3].map((r) => [m[r][(j + 1) % 3], m[r][(j + 2) % 3]]);
    return a * d - b * c;
  };
  const determinant = [0, 1, 2].reduce((sum, j) => sum + m[0][j] * minor(0, j), 0);
  return [0, 1, 2].map((i) => [0, 1, 2].map((j) => minor(j, i) / determinant));
}
