/**
 * What a file says about showing its pixels: how the picture lies, and which colours its numbers mean.
 * The format keeps both as they were and applies neither (FORMAT.md §1).
 *
 * @typedef {{ primaries: number, transfer: number, fullRange: boolean }} CodePoints
 */
import { plain, viewOf } from './container.js';
import { AezipError } from './errors.js';

const text = new TextDecoder('latin1');
const UPRIGHT = 1;

/**
 * The orientation, 1 … 8 as in Exif, from `eXIF`, or else from `xMPx`; 1 if neither says.
 *
 * @param {import('./container.js').Section[]} sections
 */
export function orientationOf(sections) {
  const exif = sections.find((s) => s.type === 'eXIF')?.data;
  const xmp = sections.find((s) => s.type === 'xMPx')?.data;
  const written = xmp && /tiff:Orientation(?:\s*=\s*["']|\s*>\s*)([1-8])/.exec(text.decode(xmp));
  return (exif && fromExif(exif)) || (written ? Number(written[1]) : UPRIGHT);
}

/**
 * The picture turned as an orientation says, so that it stands upright.
 *
 * @param {{ width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer> }} picture RGBA
 * @param {number} orientation 1 … 8
 */
export function upright({ width, height, pixels }, orientation) {
  if (orientation === UPRIGHT) return { width, height, pixels };
  const from = new Uint32Array(pixels.buffer, pixels.byteOffset, width * height);
  const to = new Uint32Array(from.length);
  const turned = orientation >= 5; // rows become columns
  const [wide, high] = turned ? [height, width] : [width, height];
  const flippedX = [2, 3, 7, 8].includes(orientation);
  const flippedY = [3, 4, 6, 7].includes(orientation);
  for (let y = 0, at = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const [column, row] = turned ? [y, x] : [x, y];
      to[at++] = from[(flippedY ? height - 1 - row : row) * width + (flippedX ? width - 1 - column : column)];
    }
  }
  return { width: wide, height: high, pixels: new Uint8ClampedArray(to.buffer) };
}

/**
 * The code points of a file, undefined if it has none.
 *
 * @param {import('./container.js').Section[]} sections
 * @returns {CodePoints | undefined} of H.273: FORMAT.md §1
 */
export function codePointsOf(sections) {
  const data = sections.find((s) => s.type === 'cICP')?.data;
  if (!data) return undefined;
  if (data.length !== 4 || data[2] || data[3] > 1) {
    throw new AezipError('SectionDamaged', `the colours are ${data.slice(0, 8)}`, 'primaries, transfer, 0 and a range of 0 or 1');
  }
  return { primaries: data[0], transfer: data[1], fullRange: data[3] === 1 };
}

/**
 * The canvas colour space that a profile is, or undefined if it is neither.
 *
 * @param {Uint8Array | ArrayBuffer | undefined} profile sRGB if there is none
 * @returns {'srgb' | 'display-p3' | undefined}
 */
export function colourSpaceOf(profile) {
  if (!profile) return 'srgb';
  const icc = plain(profile);
  try {
    const grey = tag(icc, 'kTRC');
    if (grey) return isSrgbCurve(grey) ? 'srgb' : undefined;
    if (!['rTRC', 'gTRC', 'bTRC'].every((name) => isSrgbCurve(tag(icc, name)))) return undefined;
    const colorants = ['rXYZ', 'gXYZ', 'bXYZ'].flatMap((name) => {
      const view = viewOf(tag(icc, name) ?? icc.subarray(0, 0));
      return [8, 12, 16].map((at) => view.getInt32(at) / 65536);
    });
    for (const [space, values] of Object.entries(SPACES)) {
      if (values.every((value, i) => Math.abs(value - colorants[i]) < 0.002)) return /** @type {any} */ (space);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a profile that is cut
  }
  return undefined;
}

/**
 * What a profile calls itself, for people.
 *
 * @param {Uint8Array | ArrayBuffer} profile
 */
export function profileName(profile) {
  const icc = plain(profile);
  try {
    const found = tag(icc, 'desc') ?? icc.subarray(0, 0);
    const view = viewOf(found);
    if (kind(found) === 'desc') return text.decode(found.subarray(12, 12 + view.getUint32(8))).replace(/\0.*/s, '');
    const start = view.getUint32(24); // mluc: the first of its names
    return new TextDecoder('utf-16be').decode(found.subarray(start, start + view.getUint32(20)));
  } catch {
    return '';
  }
}

// Red, green and blue in XYZ under D50, as profiles write them.
const SPACES = {
  'srgb': [0.43607, 0.22249, 0.01392, 0.38515, 0.71687, 0.09708, 0.14307, 0.06061, 0.7141],
  'display-p3': [0.51512, 0.2412, -0.00105, 0.29198, 0.69225, 0.04189, 0.1571, 0.06657, 0.78407],
};

/** @param {Uint8Array} exif */
function fromExif(exif) {
  const start = text.decode(exif.subarray(0, 6)) === 'Exif\0\0' ? 6 : 0;
  const view = viewOf(exif.subarray(start));
  const order = text.decode(exif.subarray(start, start + 2));
  const little = order === 'II';
  if (!little && order !== 'MM') return 0;
  try {
    const directory = view.getUint32(4, little);
    for (let entry = 0; entry < view.getUint16(directory, little); entry++) {
      const place = directory + 2 + 12 * entry;
      const short = view.getUint16(place + 2, little) === 3 && view.getUint32(place + 4, little) === 1;
      if (short && view.getUint16(place, little) === 0x0112) {
        const value = view.getUint16(place + 8, little);
        return value >= 1 && value <= 8 ? value : 0;
      }
    }
  } catch {
    return 0; // cut
  }
  return 0;
}

/** @param {Uint8Array} data */
const kind = (data) => text.decode(data.subarray(0, 4));

/**
 * @param {Uint8Array} icc
 * @param {string} name
 */
function tag(icc, name) {
  const view = viewOf(icc);
  for (let entry = 0; entry < view.getUint32(128); entry++) {
    const place = 132 + 12 * entry;
    if (kind(icc.subarray(place)) !== name) continue;
    const start = view.getUint32(place + 4);
    return icc.subarray(start, start + view.getUint32(place + 8));
  }
  return undefined;
}

/** @param {Uint8Array | undefined} data a curve, from numbers to light */
function isSrgbCurve(data) {
  if (!data) return false;
  const curve = curveOf(data);
  return [0.1, 0.25, 0.5, 0.75].every((x) => Math.abs(curve(x) - srgb(x)) < 0.005);
}

/** @param {number} x */
const srgb = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);

/**
 * @param {Uint8Array} data
 * @returns {(x: number) => number}
 */
function curveOf(data) {
  const view = viewOf(data);
  if (kind(data) === 'curv') {
    const count = view.getUint32(8);
    if (count === 0) return (x) => x;
    if (count === 1) return (x) => x ** (view.getUint16(12) / 256);
    return (x) => view.getUint16(12 + 2 * Math.round(x * (count - 1))) / 65535;
  }
  if (kind(data) !== 'para' || view.getUint16(8) > 4) return () => NaN;
  const type = view.getUint16(8);
  const [g, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from({ length: [1, 3, 4, 5, 7][type] }, (_, i) => {
    return view.getInt32(12 + 4 * i) / 65536;
  });
  if (type < 3) return (x) => Math.max(0, a * x + b) ** g + (type === 2 ? c : 0);
  return (x) => (x >= d ? Math.max(0, a * x + b) ** g + e : c * x + f);
}
