/**
 * Files in Node, with the models that their archives carry: `.aezip/FINGERPRINT.aezm` beside a file, or above it
 * (FORMAT.md §11).
 *
 *     import * as ort from 'onnxruntime-web';
 *     import { decodeFile } from './node.js';
 *     const models = new Map();                                // keeps what was opened, for the next file
 *     const { width, height, pixels } = await decodeFile('archive/a.lat', ort, { models });
 *
 * An archive may come from anywhere: a symbolic link, a pipe or a file beyond the limit is no package, and one of
 * another fingerprint is none of ours.
 */
import { lstat, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Model, decodeExact, isExact, unpack } from './aezip.js';
import { AezipError } from './errors.js';

const FOLDER = '.aezip';
const MAX_PACKAGE_BYTES = 2 ** 28;

/**
 * A `.lat` file → its picture.
 *
 * @param {string} path
 * @param {typeof import('onnxruntime-web')} ort
 * @param {object} [options] and those of Model.decode
 * @param {Map<string, Model>} [options.models] by fingerprint; gets those that are found
 * @param {number} [options.maxPixels] larger pictures are refused
 * @returns {Promise<import('./aezip.js').Picture>}
 */
export async function decodeFile(path, ort, { models = new Map(), ...options } = {}) {
  const data = await readFile(path);
  const lat = unpack(data, options.maxPixels);
  if (isExact(lat)) return decodeExact(data, options);
  const { fingerprint } = lat.header;
  const model = models.get(fingerprint) ?? (await carried(path, fingerprint, ort));
  models.set(fingerprint, model);
  return model.decode(data, options);
}

/**
 * The model that a file's archive carries, the nearest.
 *
 * @param {string} path of the file
 * @param {string} fingerprint
 * @param {typeof import('onnxruntime-web')} ort
 */
async function carried(path, fingerprint, ort) {
  let wrong = '';
  for (let folder = dirname(resolve(path)), above = ''; folder !== above; above = folder, folder = dirname(folder)) {
    const name = join(folder, FOLDER, `${fingerprint}.aezm`);
    const [kept, file] = await Promise.all([join(folder, FOLDER), name].map((at) => lstat(at).catch(() => null)));
    if (!kept || !file) continue;
    if (!kept.isDirectory() || !file.isFile() || file.size > MAX_PACKAGE_BYTES) {
      wrong ||= `; ${name} is no regular file of at most ${MAX_PACKAGE_BYTES} bytes`;
      continue;
    }
    try {
      const model = await Model.open(await readFile(name), ort);
      if (model.fingerprint === fingerprint) return model;
      wrong ||= `; ${name} is the model ${model.fingerprint}`;
      await model.close();
    } catch (error) {
      if (!(error instanceof AezipError)) throw error;
      wrong ||= `; ${name}: ${error.message}`;
    }
  }
  const finding = `${path}: written by the model ${fingerprint}, which its archive does not carry${wrong}`;
  const expectation = 'it in the option models, or what `aezip models needed FOLDER --save` writes';
  throw new AezipError('UnknownFingerprint', finding, expectation);
}
