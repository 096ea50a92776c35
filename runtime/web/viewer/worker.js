/**
 * Decodes away from the page's thread. In: `{ turn, lat }`, a file's bytes; `{ turn, begun }`, those that have arrived of
 * one; `{ turn, model }`, a package that was dropped in; `{ turn, original }`, an ImageBitmap to measure against. Out, with
 * the same turn: `{ doing, progress }` and `{ look }`, a small picture, then `{ picture }`, `{ model }`, `{ psnr, seen }` or
 * `{ error }`.
 */
import * as ort from 'onnxruntime-web/wasm';
import { AezipError, Model, codePointsOf, colourSpaceOf, decodeExact, isExact, orientationOf, unpack, upright } from '../aezip.js';
import { forCanvas } from '../colours.js';

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

/**
 * @param {{ turn: number, lat?: ArrayBuffer, begun?: ArrayBuffer, model?: ArrayBuffer, original?: ImageBitmap }} asked
 */
async function answer({ turn, lat, begun, model, original }) {
  /** @param {object} said */
  const tell = (said) => self.postMessage({ turn, ...said });
  try {
    if (model) tell({ model: (await opened(new Uint8Array(model))).name });
    if (begun) await look(new Uint8Array(begun), tell);
    if (lat) await decode(new Uint8Array(lat), tell);
    if (original) tell(compared(original));
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
  const model = isExact(lat) ? undefined : await modelOf(lat, tell);
  const began = performance.now();
  const options = {
    progress: (/** @type {number} */ progress) => tell({ doing: 'Decoding', progress }),
    look: (/** @type {import('../aezip.js').Picture} */ small) => tell({ look: lookOf(small) }),
  };
  const picture = await (model ? model.decode(data, options) : decodeExact(data, options));
  const milliseconds = performance.now() - began;
  shown = upright(picture, orientationOf(picture.sections));
  tell({
    picture: { ...shown, ...inColours(shown, picture.sections), model: model?.name, parts: picture.milliseconds, milliseconds, threads },
  });
}

/**
 * What the beginning of a file shows.
 *
 * @param {Uint8Array} data
 * @param {(said: object) => void} tell
 */
async function look(data, tell) {
  const lat = unpack(data, undefined, true);
  const model = await modelOf(lat, tell);
  tell({ look: lookOf(await model.decode(data, { partial: true, scale: 8 })) });
}

/** @param {import('../aezip.js').Picture} small */
function lookOf(small) {
  const { width, height } = small.header;
  const orientation = orientationOf(small.sections);
  const size = orientation > 4 ? { width: height, height: width } : { width, height };
  const turned = upright(small, orientation);
  return { ...turned, ...inColours(turned, small.sections), size };
}

/**
 * Pixels and their colour space, as a canvas shows them.
 *
 * @param {{ pixels: Uint8ClampedArray<ArrayBuffer> }} picture
 * @param {import('../container.js').Section[]} sections
 */
function inColours({ pixels }, sections) {
  const points = codePointsOf(sections);
  if (points) return forCanvas(pixels, points, sections);
  return { pixels, colourSpace: colourSpaceOf(sections.find((s) => s.type === 'iCCP')?.data) ?? 'srgb' };
}

/**
 * @param {import('../container.js').Lat} lat
 * @param {(said: object) => void} tell
 */
async function modelOf({ header: { fingerprint } }, tell) {
  const model = models.get(fingerprint);
  if (!model) tell({ doing: 'Loading the model', progress: null });
  return model ?? installed(fingerprint);
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
 * Peak signal-to-noise ratio in dB over RGB, as the bench measures it; where there is alpha, each pixel counts as much as
 * it is seen. null where it means nothing.
 *
 * @param {ImageBitmap} original
 */
function compared(original) {
  const { width, height } = original;
  if (!shown || shown.width !== width || shown.height !== height) return { psnr: null };
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) return { psnr: null };
  context.drawImage(original, 0, 0);
  original.close();
  const { data } = context.getImageData(0, 0, width, height);
  const { pixels } = shown;
  let [sum, weight] = [0, 0];
  for (let at = 0; at < data.length; at += 4) {
    const alpha = pixels[at + 3];
    if (data[at + 3] !== alpha) return { psnr: null }; // another picture
    weight += alpha;
    for (let i = at; i < at + 3; i++) sum += alpha * (data[i] - pixels[i]) ** 2;
  }
  return { psnr: 10 * Math.log10((255 ** 2 * 3 * weight) / sum), seen: weight < 255 * width * height };
}
