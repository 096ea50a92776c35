/**
 * Decodes away from the page's thread. In: `{ turn, lat }`, a file's bytes; `{ turn, model }`, a package that was
 * dropped in; `{ turn, original }`, an ImageBitmap to measure against. Out, with the same turn: `{ doing, progress }`,
 * then `{ picture }`, `{ model }`, `{ psnr }` or `{ error }`.
 */
import * as ort from 'onnxruntime-web/wasm';
import { AezipError, Model, colourSpaceOf, decodeExact, isExact, orientationOf, unpack, upright } from '../aezip.js';

const MAX_THREADS = 8;
const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MAX_THREADS) : 1;
ort.env.wasm.numThreads = threads;
/** @type {Map<string, Model>} by fingerprint */
const models = new Map();
/** @type {{ width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer> } | undefined} */
let shown;

/** One after the other: a session runs one picture at a time. */
let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  queue = queue.then(() => answer(data));
};

/** @param {{ turn: number, lat?: ArrayBuffer, model?: ArrayBuffer, original?: ImageBitmap }} asked */
async function answer({ turn, lat, model, original }) {
  /** @param {object} said */
  const tell = (said) => self.postMessage({ turn, ...said });
  try {
    if (model) tell({ model: (await opened(new Uint8Array(model))).name });
    if (lat) await decode(new Uint8Array(lat), tell);
    if (original) tell({ psnr: psnr(original) });
  } catch (error) {
    tell({ error: error instanceof AezipError ? error.message : `the browser gave up (${error})` });
  }
}

/**
 * @param {Uint8Array} data
 * @param {(said: object) => void} tell
 */
async function decode(data, tell) {
  shown = undefined;
  const lat = unpack(data);
  const { fingerprint } = lat.header;
  const needed = !isExact(lat);
  if (needed && !models.has(fingerprint)) tell({ doing: 'Loading the model', progress: null });
  const model = needed ? (models.get(fingerprint) ?? (await installed(fingerprint))) : undefined;
  const began = performance.now();
  const options = { progress: (/** @type {number} */ progress) => tell({ doing: 'Decoding', progress }) };
  const picture = await (model ? model.decode(data, options) : decodeExact(data, options));
  const milliseconds = performance.now() - began;
  shown = upright(picture, orientationOf(picture.sections));
  const colourSpace = colourSpaceOf(picture.sections.find((s) => s.type === 'iCCP')?.data) ?? 'srgb';
  tell({
    picture: { ...shown, colourSpace, model: model?.name, parts: picture.milliseconds, milliseconds, threads },
  });
}

/** @param {string} fingerprint */
async function installed(fingerprint) {
  const found = await fetch(`models/${fingerprint}`).catch(() => {
    throw new AezipError('UnknownFingerprint', `the model ${fingerprint} cannot be fetched`, "'aezip view' to be running");
  });
  if (!found.ok) throw new AezipError('UnknownFingerprint', ...unknown(fingerprint));
  return opened(new Uint8Array(await found.arrayBuffer()));
}

/**
 * @param {string} fingerprint
 * @returns {[string, string]}
 */
const unknown = (fingerprint) => [
  `written by the model ${fingerprint}, which is not installed`,
  'its .aezm package dropped here, or in a folder named by AEZIP_MODELS',
];

/** @param {Uint8Array} data of a package */
async function opened(data) {
  const model = await Model.open(data, ort);
  await models.get(model.fingerprint)?.close();
  models.set(model.fingerprint, model);
  return model;
}

/**
 * Peak signal-to-noise ratio in dB over RGB, as the bench measures it; null where it means nothing.
 *
 * @param {ImageBitmap} original
 */
function psnr(original) {
  const { width, height } = original;
  if (!shown || shown.width !== width || shown.height !== height) return null;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) return null;
  context.drawImage(original, 0, 0);
  original.close();
  const { data } = context.getImageData(0, 0, width, height);
  let sum = 0;
  for (let at = 0; at < data.length; at++) {
    if (at % 4 < 3) sum += (data[at] - shown.pixels[at]) ** 2;
    else if (data[at] + shown.pixels[at] !== 510) return null; // not opaque
  }
  return 10 * Math.log10((255 ** 2 * 3 * width * height) / sum);
}
