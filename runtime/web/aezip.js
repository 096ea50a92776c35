/**
 * aezip: decodes `.lat` files, in a browser or in Node.
 *
 *     import * as ort from 'onnxruntime-web/wasm';                // or 'onnxruntime-web', which has WebGPU, too
 *     import { Model, decodeExact } from './aezip.js';
 *     const model = await Model.open(packageBytes, ort);       // a `.aezm` package
 *     const picture = await model.decode(latBytes);            // { width, height, pixels: RGBA, … }
 *     const thumbnail = await model.decode(latBytes, { scale: 8 });
 *     const shown = await model.decodeStream(response.body, { look });     // look(picture): what has arrived so far
 *     const lossless = await decodeExact(latBytes);            // of a file without loss, which needs no model
 *
 * Bytes may be a Uint8Array or an ArrayBuffer.
 *
 * onnxruntime-web is handed in, so that whoever embeds this chooses its build and version. The decoder
 * graph runs where `provider` says ('wasm', 'webgpu'; on WASM too where there is no WebGPU); the prior on WASM
 * always, for its whole numbers decide which tables are used, and so does a decoder whose pixels are the same everywhere.
 *
 * @typedef {object} Picture
 * @property {number} width in pixels, as the others; not turned as `orientationOf(sections)` says
 * @property {number} height
 * @property {Uint8ClampedArray<ArrayBuffer>} pixels RGBA, not premultiplied, as ImageData takes them
 * @property {Uint16Array<ArrayBuffer>} [samples] the same in all of their `depth` bits, where these were asked for
 * @property {number} depth bits of a sample in the file, 8 to 16
 * @property {import('./container.js').Header} header
 * @property {import('./container.js').Section[]} sections
 * @property {number} missing bytes of the latents, of a file that is cut off
 * @property {{ latents: number, decoder: number }} milliseconds spent on entropy coding with its prior, and on pixels
 *
 * @typedef {Uint8Array | ArrayBuffer} Bytes
 *
 * @typedef {{ data: Int16Array | Uint8Array | Float32Array, dims: readonly number[] }} Values
 */
import { decodeAlpha } from './alpha.js';
import { arriving } from './arriving.js';
import { MAX_PIXELS, unpack } from './container.js';
import { codePointsOf, colourSpaceOf, orientationOf, profileName, upright } from './display.js';
import { PLAIN, fineOf, mapped, ofFine, roomFor, scaling, topOf } from './depth.js';
import { AezipError } from './errors.js';
import { eachRow, openExact, put } from './exact.js';
import { fine } from './fine.js';
import { rungOf } from './ladder.js';
import { decodeTile, tilesOf } from './latents.js';
import { damaged, openPackage } from './package.js';
import { layPatches, openPatches } from './patches.js';
import { tablesOf } from './rans.js';
import { REDUCED, averaged, averagedPlane, checkScale, reduced, shrunk } from './reduced.js';
import { SIDE, toRgba, windowOf, windows } from './windows.js';

export { AezipError, arriving, codePointsOf, colourSpaceOf, orientationOf, profileName, unpack, upright };

const MAX_MARGIN = 64; // latents
const FINE = '.fine'; // behind the name of a decoder of samples finer than a grey level
const FIRST = 8; // how many times smaller a first look is

/**
 * A `.lat` file that was stored without loss → its picture, without a model.
 *
 * @param {Bytes} data
 * @param {object} [options]
 * @param {number} [options.maxPixels] larger pictures are refused
 * @param {number} [options.scale] 2, 4, 8 or 16: a picture so many times smaller, its sides rounded up
 * @param {boolean} [options.deep] also give `samples`, of files of more than 8 bits
 * @param {(done: number) => void} [options.progress] called after each band of rows, with 0 … 1
 * @returns {Promise<Picture>}
 */
export async function decodeExact(data, { maxPixels = MAX_PIXELS, scale = 1, deep = false, progress } = {}) {
  checkScale(scale);
  const lat = unpack(data, maxPixels);
  const { fingerprint } = lat.header;
  if (!isExact(lat)) throw new AezipError('UnknownFingerprint', `written by the model ${fingerprint}`, 'that model');
  return exactPicture(lat, scale, deep, progress);
}

/**
 * Whether a file was stored without loss.
 *
 * @param {import('./container.js').Lat} lat
 */
export const isExact = ({ sections }) => sections.at(-1)?.type === 'PIXL';

/**
 * How many cells of 16 × 16 pixels of a file are without loss, where others are not.
 *
 * @param {import('./container.js').Lat} lat
 */
export async function countPatches(lat) {
  return (await patchesOf(lat))?.cells.length ?? 0;
}

/** A model package, opened to decode with. */
export class Model {
  #ort;
  #sessions;
  #open;
  #arrays;

  /**
   * @param {Bytes} data of a `.aezm` package
   * @param {typeof import('onnxruntime-web')} ort
   * @param {'wasm' | 'webgpu'} provider of the decoder graph; 'webgpu' needs the whole onnxruntime-web: its builds /webgpu
   *   and /jspi cannot cast int16, which all graphs have to
   */
  static async open(data, ort, provider = 'wasm') {
    const found = await openPackage(data);
    /** @type {Record<string, import('onnxruntime-web').InferenceSession>} */
    const sessions = {};
    const elsewhere = provider !== 'wasm' && (await offered(provider)); // only where pixels need not be the same everywhere
    /** @param {string} name @param {boolean} [deep] a decoder of finer samples */
    const open = async (name, deep) => {
      const bytes = found.members.get(`${name}.onnx`);
      if (!bytes) return; // a model without a hyperprior, a small decoder, or decoders of smaller pictures
      const smaller = /[48]$/.test(name);
      const exact = !name.startsWith('decoder') || (!smaller && found.description.exact_pixels === true);
      const providers = elsewhere && !exact ? [provider] : ['wasm'];
      try {
        const settings = { executionProviders: providers, ...SETTINGS };
        sessions[deep ? name + FINE : name] = await ort.InferenceSession.create(deep ? fine(name, bytes) : bytes, settings);
      } catch (error) {
        if (error instanceof AezipError) throw error;
        if (/no available backend/i.test(String(error))) {
          throw new AezipError('UsageError', `onnxruntime-web has no engine here (${error})`,
            'its .wasm files beside it, or where ort.env.wasm.wasmPaths says');
        }
        damaged(`onnxruntime cannot open ${name}.onnx (${error})`, 'a graph it supports');
      }
    };
    for (const name of ['prior', 'context', 'decoder', ...REDUCED.map(([small]) => small)]) await open(name);
    return new Model(found, ort, sessions, open);
  }

  /**
   * @param {import('./package.js').Package} found
   * @param {typeof import('onnxruntime-web')} ort
   * @param {Record<string, import('onnxruntime-web').InferenceSession>} sessions
   * @param {(name: string, deep: boolean) => Promise<void>} open adds one to them
   */
  constructor({ fingerprint, description, arrays }, ort, sessions, open) {
    this.#ort = ort;
    this.#sessions = sessions;
    this.#open = open;
    this.#arrays = arrays;
    this.fingerprint = fingerprint;
    this.name = String(description.name);
    this.tables = tablesOf(arrays);
    this.skip = description.coding ? 0 : (arrays.skip?.values[0] ?? damaged('tables.npz lacks skip', 'a table index'));
    if (this.skip < 0 || this.skip > 63) damaged(`tables.npz says skip ${this.skip}`, '0 to 63');
    if (description.coding && !arrays.table) damaged('tables.npz lacks table', 'the tables of each channel');
    if (!description.coding) delete arrays.table;
    this.channels = description.coding ? description.channels : 3;
    if (this.channels !== 1 && this.channels !== 3) damaged(`model.json says ${this.channels} channels`, '1 or 3');
    this.margins = Object.fromEntries(Object.keys(sessions).filter((name) => name.startsWith('decoder')).map((name) => {
      const margin = description.margins?.[name];
      if (Number.isInteger(margin) && margin >= 0 && margin <= MAX_MARGIN) return [name, margin];
      return damaged(`model.json says a margin of ${margin}`, `0 to ${MAX_MARGIN} latents`);
    }));
  }

  /**
   * A `.lat` file → its picture.
   *
   * @param {Bytes} data
   * @param {object} [options]
   * @param {number} [options.maxPixels] larger pictures are refused
   * @param {number} [options.scale] 2, 4, 8 or 16: a picture so many times smaller, its sides rounded up; from 4 on that
   *   is faster, with a model that has decoders for it
   * @param {'full' | 'small'} [options.decoder] 'small' is faster and less precise, with a model that has one
   * @param {boolean} [options.deep] also give `samples`, of files of more than 8 bits
   * @param {(picture: Picture) => void} [options.look] called with a small picture as soon as there are latents
   * @param {boolean} [options.partial] also decode a file that is cut off within its latents; `missing` of the picture
   *   says how many bytes are not there
   * @param {number} [options.side] of the windows that the decoder graph works in, in units of 16 pixels
   * @param {(done: number) => void} [options.progress] called after each tile and each window, with 0 … 1
   * @returns {Promise<Picture>}
   */
  async decode(
    data,
    {
      maxPixels = MAX_PIXELS, scale = 1, decoder = 'full', deep = false, look, partial = false, side = SIDE,
      progress = () => {},
    } = {},
  ) {
    checkScale(scale);
    const lat = unpack(data, maxPixels, partial);
    if (isExact(lat)) return exactPicture(lat, scale, deep, progress);
    const { channels } = lat.header;
    if (channels > this.channels) damaged(`it knows ${this.channels} channel`, `${channels}`);
    const began = performance.now();
    const found = { lat, patches: await patchesOf(lat), ...(await this.latents(lat, (done) => progress(done / 2))) };
    const between = performance.now();
    const depth = deep ? lat.depth : PLAIN;
    const rest = { side, decoder, progress: (/** @type {number} */ done) => progress((1 + done) / 2) };
    const milliseconds = { latents: between - began, decoder: 0 };
    if (look && scale < FIRST && this.#decoderOf(FIRST)[1] === FIRST) {
      const first = await this.#draw(found, FIRST, { ...rest, depth: PLAIN, progress: () => {} });
      look({ ...shown(first, PLAIN, false), ...lat, milliseconds });
    }
    const picture = shown(await this.#draw(found, scale, { ...rest, depth }), depth, deep);
    milliseconds.decoder = performance.now() - between;
    return { ...picture, ...lat, milliseconds };
  }

  /**
   * A `.lat` file that still arrives → its picture, and before it what its beginning shows.
   *
   * @param {import('./arriving.js').Chunks} chunks of its bytes, such as `response.body`
   * @param {object} [options] as of `decode`, which it has more of
   * @param {number} [options.maxPixels]
   * @param {number} [options.scale]
   * @param {'full' | 'small'} [options.decoder]
   * @param {boolean} [options.deep]
   * @param {(picture: Picture) => void} [options.look] called with small pictures, each better than the one before
   * @param {number} [options.side]
   * @param {(done: number) => void} [options.progress]
   * @returns {Promise<Picture>}
   */
  async decodeStream(chunks, { look = () => {}, maxPixels = MAX_PIXELS, ...options } = {}) {
    const scale = Math.max(options.scale ?? 1, this.#decoderOf(FIRST)[1]);
    for await (const { data, whole } of arriving(chunks, maxPixels)) {
      if (whole) return this.decode(data, { ...options, maxPixels, look });
      look(await this.decode(data, { maxPixels, scale, partial: true }));
    }
    return damaged('nothing arrived', 'a file');
  }

  /**
   * The decoder of pictures that are so many times smaller, or what comes next; and how many times smaller its are.
   *
   * @param {number} scale
   * @returns {[name: string, own: number]}
   */
  #decoderOf(scale) {
    const found = REDUCED.find(([name, own]) => own <= scale && this.#sessions[name]);
    return found ? [...found] : ['decoder', 1];
  }

  /**
   * @param {{ lat: import('./container.js').Lat, patches?: import('./patches.js').Patches, latent: Int16Array,
   *   rung: import('./ladder.js').Rung }} found
   * @param {number} scale
   * @param {{ side: number, decoder: string, depth: number, progress: (done: number) => void }} rest depth: of the samples,
   *   the file's or 8
   */
  async #draw({ lat, patches, latent, rung }, scale, { side, decoder, depth, progress }) {
    const [{ header }, alpha, [role, own]] = [lat, await alphaOf(lat, depth), this.#decoderOf(scale)];
    const held = role === 'decoder' && decoder !== 'full' ? `decoder.${decoder}` : role;
    const [name, type] = depth > PLAIN ? [held + FINE, 'float32'] : [held, 'uint8'];
    if (!this.#sessions[name]) await this.#open(held, depth > PLAIN);
    const there = this.#sessions[name] && ['full', 'small'].includes(decoder);
    if (!there) throw new AezipError('ModelUnfit', `the model '${this.name}' has no ${decoder} decoder`, 'full');
    const by = depth > PLAIN ? ofFine(depth) : undefined;
    const [width, height] = [reduced(header.width, scale), reduced(header.height, scale)];
    const [rows, columns] = [Math.ceil(header.height / 16), Math.ceil(header.width / 16)];
    const plane = alpha && averagedPlane(alpha, header.width, header.height, scale);
    const pixels = roomFor(depth, 4 * width * height);
    const areas = windows(rows, columns, this.margins[role], side);
    for (const [number, area] of areas.entries()) {
      const seen = windowOf(latent, columns, rung.shift.length, area.around);
      const shape = [1, (16 / own) * seen.dims[1], (16 / own) * seen.dims[2], this.channels];
      const { image } = await this.#run(name, { latent: seen }, rung, ['inverse_gain'], { image: [type, shape] });
      const made = { data: by ? fineOf(image.data) : /** @type {Uint8Array} */ (image.data), dims: image.dims };
      toRgba(averaged(made, scale / own), area, { width, height, pixels }, header.channels, plane, 16 / scale, by);
      progress((number + 1) / areas.length);
    }
    if (patches) await layPatches(patches, header, pixels, scale);
    return { width, height, pixels };
  }

  /**
   * The latents of a file in 1/16 of a step [⌈height/16⌉, ⌈width/16⌉, C], and each tile's symbols.
   *
   * @param {import('./container.js').Lat} lat
   * @param {(done: number) => void} [progress]
   */
  async latents(lat, progress = () => {}) {
    if (lat.header.fingerprint !== this.fingerprint) {
      const finding = `written by the model ${lat.header.fingerprint}`;
      throw new AezipError('UnknownFingerprint', finding, `${this.fingerprint}, which is the model '${this.name}'`);
    }
    const rung = rungOf(this.#arrays, lat.header.quality);
    const channels = rung.shift.length;
    const width = Math.ceil(lat.header.width / 16);
    const latent = new Int16Array(Math.ceil(lat.header.height / 16) * width * channels);
    const tiles = [];
    const parts = tilesOf(lat);
    for (const tile of parts) {
      const decoded = await decodeTile(this, tile, rung);
      const row = tile.width * channels;
      for (let y = 0; y < tile.height; y++) {
        const part = decoded.latent.subarray(y * row, (y + 1) * row);
        latent.set(part, ((tile.top + y) * width + tile.left) * channels);
      }
      tiles.push(decoded);
      progress(tiles.length / parts.length);
    }
    return { latent, rung, tiles };
  }

  /**
   * Hyper-latents [1, a, b, Z] → mean and index (of table and step) of the first half [2, 2a, 2b, C], and what the context wants.
   *
   * @param {Values} hyper
   * @param {import('./ladder.js').Rung} rung
   */
  async prior(hyper, rung) {
    const inputs = /** @type {const} */ (['hyper_inverse', 'hyper_offset', 'mean_gain', 'shift']);
    const shape = [2, 2 * hyper.dims[1], 2 * hyper.dims[2], rung.shift.length];
    const { mean, index, ...carried } = await this.#run('prior', { hyper }, rung, inputs, said(shape));
    return { mean: /** @type {Int16Array} */ (mean.data), index: /** @type {Uint8Array} */ (index.data), carried };
  }

  /**
   * What the prior carried over, and the first half's latents [2, 2a, 2b, C] → mean and index of the second half.
   *
   * @param {Record<string, Values>} carried
   * @param {Values} known
   * @param {import('./ladder.js').Rung} rung
   */
  async context(carried, known, rung) {
    const inputs = /** @type {const} */ (['context_gain', 'mean_gain', 'shift']);
    const { mean, index } = await this.#run('context', { ...carried, known }, rung, inputs, said(known.dims));
    return { mean: /** @type {Int16Array} */ (mean.data), index: /** @type {Uint8Array} */ (index.data) };
  }

  /** Give back the memory of the graphs. */
  async close() {
    for (const session of Object.values(this.#sessions)) await session.release();
  }

  /**
   * @param {string} name of the graph
   * @param {Record<string, Values>} values
   * @param {import('./ladder.js').Rung} rung
   * @param {readonly Exclude<keyof import('./ladder.js').Rung, 'hyperIndex' | 'table'>[]} vectors what it takes of the rung
   * @param {Record<string, [type: string, shape: readonly number[]]>} wanted outputs that are relied on
   * @returns {Promise<Record<string, Values>>}
   */
  async #run(name, values, rung, vectors, wanted) {
    const { Tensor } = this.#ort;
    /** @type {Record<string, import('onnxruntime-web').Tensor>} */
    const feeds = {};
    for (const [key, { data, dims }] of Object.entries(values)) {
      const type = data instanceof Int16Array ? 'int16' : data instanceof Uint8Array ? 'uint8' : 'float32';
      feeds[key] = new Tensor(type, data, dims);
    }
    for (const key of vectors) feeds[key] = new Tensor('float32', rung[key], [rung[key].length]);
    const outputs = await this.#sessions[name].run(feeds).catch((error) => {
      return damaged(`onnxruntime cannot run ${name}.onnx (${error})`, 'the graph of such a model');
    });
    for (const [output, expected] of Object.entries(wanted)) {
      const found = [outputs[output]?.type, outputs[output]?.dims];
      if (String(found) !== String(expected)) damaged(`${name}.onnx gives ${output} as ${found}`, String(expected));
    }
    return /** @type {any} */ (outputs);
  }
}

/**
 * @param {import('./container.js').Lat} lat of a file that was stored without loss
 * @param {number} scale
 * @param {boolean} deep
 * @param {(done: number) => void} [progress]
 * @returns {Promise<Picture>}
 */
async function exactPicture(lat, scale, deep, progress) {
  const { depth, header: { width, height, channels } } = lat;
  const began = performance.now();
  const exact = openExact(lat.sections[lat.sections.length - 1].data, width, height, channels, depth);
  const alpha = await alphaOf(lat, depth);
  const pixels = roomFor(depth, 4 * width * height);
  for (let at = 0; at < width * height; at++) pixels[4 * at + 3] = alpha ? alpha[at] : topOf(depth);
  await eachRow(exact, (y, row) => put(row, width, channels, pixels, y * width), progress);
  const picture = scale === 1 ? { width, height, pixels } : shrunk({ width, height, pixels }, scale);
  return { ...shown(picture, depth, deep), ...lat, milliseconds: { latents: 0, decoder: performance.now() - began } };
}

/**
 * A picture in 8 bits, as canvases take it, and where they are wanted in all of its bits.
 *
 * @param {import('./reduced.js').Rgba} picture of this depth
 * @param {number} depth
 * @param {boolean} deep
 */
function shown({ width, height, pixels }, depth, deep) {
  if (pixels instanceof Uint8ClampedArray) return { width, height, pixels };
  const by = /** @type {Uint16Array} */ (scaling(depth, PLAIN));
  const plain = mapped(pixels, by, new Uint8ClampedArray(pixels.length));
  return { width, height, pixels: plain, ...(deep ? { samples: pixels } : {}) };
}

/** @param {import('./container.js').Lat} lat @param {number} depth that is wanted, the file's or 8 */
async function alphaOf({ header, sections, depth: held }, depth) {
  const section = sections.find((s) => s.type === 'ALPH')?.data;
  return section && decodeAlpha(section, header.width, header.height, held, depth);
}

/** @param {import('./container.js').Lat} lat */
async function patchesOf({ header, sections, depth }) {
  const section = sections.find((s) => s.type === 'PTCH')?.data;
  return section && openPatches(section, header, depth);
}

const SETTINGS = /** @type {const} */ ({ logSeverityLevel: 3 });

/** @param {'webgpu'} provider */
async function offered(provider) {
  const gpu = /** @type {any} */ (globalThis.navigator)?.gpu;
  return provider === 'webgpu' && Boolean(await gpu?.requestAdapter());
}

/**
 * What prior and context say of half of the positions.
 *
 * @param {readonly number[]} shape
 * @returns {Record<string, [string, readonly number[]]>}
 */
const said = (shape) => ({ mean: ['int16', shape], index: ['uint8', shape] });
