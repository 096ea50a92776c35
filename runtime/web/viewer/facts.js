/** What the page says about a file, in the words of `aezip info`. */
import { codePointsOf, colourSpaceOf, countPatches, isExact, orientationOf, profileName } from '../aezip.js';
import { namesOf } from '../colours.js';

const TYPES = /** @type {Record<string, string>} */ ({
  iCCP: 'ICC profile',
  cICP: 'code points of colours',
  eXIF: 'EXIF',
  xMPx: 'XMP',
  rESO: 'resolution',
  dPTH: 'depth',
  ALPH: 'alpha',
  PTCH: 'patches',
  cLLI: 'content light level',
  mDCV: 'mastering display',
  gMAP: 'gain map',
  iPTC: 'IPTC',
  xMPe: 'extended XMP',
  cOMM: 'comment',
  tEXt: 'texts',
  LATN: 'latents',
  PIXL: 'pixels',
});
const UNITS = ['', 'inch', 'centimetre', 'metre'];
const COLOURS = { 'srgb': 'sRGB', 'display-p3': 'Display P3' };
const whole = new Intl.NumberFormat('en').format;

/**
 * @param {import('../container.js').Lat} lat
 * @param {number} size of the file in bytes
 * @returns {Promise<[string, string | string[]][]>} label and value
 */
export async function factsOf(lat, size) {
  const { header, sections } = lat;
  const { width, height, channels, quality, tile, fingerprint } = header;
  const alpha = sections.some((s) => s.type === 'ALPH') ? ' and alpha' : '';
  const kind = (channels === 1 ? 'grey' : 'RGB') + alpha + (lat.depth > 8 ? `, ${lat.depth} bits` : '');
  const orientation = orientationOf(sections);
  const patched = await countPatches(lat);
  /** @type {[string, string | string[]][]} */
  const facts = [
    ['Picture', `${width} × ${height} pixels, ${kind}`],
    ['Size', `${whole(size)} B, ${((8 * size) / (width * height)).toFixed(3)} bpp`],
    ['Quality', isExact(lat) ? 'lossless' : (quality / 10).toFixed(1)],
    ['Model', isExact(lat) ? 'none' : fingerprint],
    ['Tiles', tile ? `of ${64 * tile} pixels` : 'none'],
    ['Colours', coloursOf(sections)],
  ];
  if (patched) facts.push(['Lossless', `${whole(patched)} cell${patched > 1 ? 's' : ''} of 16 × 16 pixels`]);
  if (orientation !== 1) facts.push(['Orientation', `${orientation}; shown upright`]);
  const resolution = sections.find((s) => s.type === 'rESO')?.data;
  if (resolution?.length === 17) facts.push(['Printed', printedOf(resolution)]);
  facts.push(['Sections', sections.map(({ type, data }) => `${type} ${whole(data.length)} B (${TYPES[type] ?? '?'})`)]);
  return facts;
}

/**
 * How the decoding went.
 *
 * @param {{ model?: string, milliseconds: number, parts: { latents: number, decoder: number }, threads: number }} picture
 * @param {string} fingerprint
 * @returns {[string, string][]}
 */
export function runOf({ model, milliseconds, parts, threads }, fingerprint) {
  if (!model) return [['Decoded in', `${Math.round(milliseconds)} ms`]]; // without one
  const [all, latents, decoder] = [milliseconds, parts.latents, parts.decoder].map(Math.round);
  return [
    ['Model', `${model} (${fingerprint})`],
    ['Decoded in', `${all} ms: latents ${latents}, pixels ${decoder}; ${threads} thread${threads > 1 ? 's' : ''}`],
  ];
}

/**
 * @param {number} original size of its file in bytes
 * @param {number} size of the .lat file
 * @param {{ psnr: number | null, seen?: boolean }} measured in dB; seen: weighed by alpha
 * @returns {[string, string][]}
 */
export function comparedOf(original, size, { psnr, seen }) {
  const ratio = original / size;
  const times = ratio >= 1 ? `${ratio.toFixed(1)} times the .lat file` : `${(100 * ratio).toFixed(0)} % of the .lat file`;
  /** @type {[string, string][]} */
  const facts = [['Original', `${whole(original)} B, ${times}`]];
  const note = seen ? ', weighed by alpha' : '';
  if (psnr !== null) facts.push(['PSNR', psnr === Infinity ? 'identical' : `${psnr.toFixed(2)} dB${note}`]);
  return facts;
}

/** @param {import('../container.js').Section[]} sections */
function coloursOf(sections) {
  const points = codePointsOf(sections);
  if (points) return namesOf(points) + (points.transfer === 16 || points.transfer === 18 ? '; shown tone mapped' : '');
  const icc = sections.find((s) => s.type === 'iCCP')?.data;
  const space = colourSpaceOf(icc);
  if (space) return COLOURS[space];
  return `${(icc && profileName(icc)) || 'a profile of its own'}; shown as if sRGB`;
}

/** @param {Uint8Array} data of rESO */
function printedOf(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [a, b, c, d] = [1, 5, 9, 13].map((at) => view.getUint32(at, true));
  const [x, y] = [a / b, c / d].map((n) => String(Number(n.toPrecision(6))));
  return data[0] ? `${x} × ${y} per ${UNITS[data[0]] ?? '?'}` : `pixels of ${y} : ${x}`;
}
