/**
 * The model package `.aezm` (FORMAT.md §7): bytes → members, checked against their digests.
 *
 * Packages and the `tables.npz` inside them are zips whose members are stored, so that reading
 * one is reading its directory.
 *
 * @typedef {Record<string, { shape: number[], values: Float64Array }>} Arrays
 *
 * @typedef {object} Package
 * @property {string} fingerprint 16 hexadecimal digits
 * @property {any} description model.json
 * @property {Map<string, Uint8Array<ArrayBuffer>>} members what decoding needs
 * @property {Arrays} arrays of tables.npz
 */
import { hex, plain, viewOf } from './container.js';
import { AezipError } from './errors.js';
import { REDUCED } from './reduced.js';

const DECODING = ['context.onnx', 'decoder.onnx', 'prior.onnx', 'tables.npz'];
const STATIC = ['decoder.onnx', 'tables.npz']; // what decoding needs without a hyperprior
/** @type {Record<string, new (bytes: ArrayBuffer) => ArrayLike<number>>} */
const TYPES = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array };
const text = new TextDecoder();

/**
 * Read a package and check all that decoding needs.
 *
 * @param {Uint8Array | ArrayBuffer} data
 * @returns {Promise<Package>}
 */
export async function openPackage(data) {
  const all = within(() => unzip(plain(data)));
  const description = parse(member(all, 'model.json'));
  if (description.version !== 1) damaged(`package version ${description.version}`, '1');
  const members = new Map();
  let lines = '';
  const { coding } = description;
  if (coding !== undefined && coding !== 'static') damaged(`coding ${coding}`, 'static or none');
  const decoding = coding ? STATIC : DECODING;
  const others = ['decoder.small', ...REDUCED.map(([name]) => name)].map((name) => `${name}.onnx`);
  const optional = others.filter((name) => description.digests?.[name]);
  for (const name of [...decoding, ...optional]) {
    const content = member(all, name);
    const digest = await sha256(content);
    if (digest !== description.digests?.[name]) damaged(`${name} does not match its digest`, 'the bytes as exported');
    if (decoding.includes(name)) lines += `${name} ${digest}\n`;
    members.set(name, content);
  }
  const fingerprint = (await sha256(new TextEncoder().encode(lines))).slice(0, 16);
  const arrays = readArrays(member(all, 'tables.npz'));
  for (const { values } of Object.values(arrays)) {
    if (!values.every(Number.isInteger)) damaged('tables.npz', 'whole numbers');
  }
  return { fingerprint, description, members, arrays };
}

/**
 * Members of a zip that stores them, as parts of its bytes.
 *
 * @param {Uint8Array} data
 * @returns {Map<string, Uint8Array<ArrayBuffer>>}
 */
function unzip(data) {
  const members = new Map();
  const view = viewOf(data);
  let end = data.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end--; // behind it there may be a comment
  let at = view.getUint32(end + 16, true);
  let left = data.length; // members do not share bytes
  for (let count = view.getUint16(end + 10, true); count > 0; count--) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((i) => view.getUint16(at + i, true));
    const size = view.getUint32(at + 24, true);
    const local = view.getUint32(at + 42, true);
    const name = text.decode(data.subarray(at + 46, at + 46 + nameLength));
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const stored = view.getUint32(at, true) === 0x02014b50 && view.getUint16(at + 10, true) === 0;
    left -= size;
    if (!stored || start + size > data.length || left < 0) damaged(`${name} is compressed or cut`, 'a stored member');
    if (members.has(name)) damaged(`${name} stands twice`, 'it once');
    members.set(name, data.subarray(start, start + size));
    at += 46 + nameLength + extraLength + commentLength;
  }
  return members;
}

/**
 * What `read` makes of bytes; PackageDamaged where it reads beyond their end.
 *
 * @template T
 * @param {() => T} read
 */
function within(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) damaged('not a whole zip', 'a file written by aezip-export');
    throw error;
  }
}

/**
 * Arrays, as numpy's `savez` stores them.
 *
 * @param {Uint8Array | ArrayBuffer} data
 * @returns {Arrays}
 */
export function readArrays(data) {
  /** @type {Arrays} */
  const arrays = Object.create(null); // names are a stranger's
  for (const [name, content] of within(() => unzip(plain(data)))) {
    arrays[name.replace(/\.npy$/, '')] = within(() => readArray(name, content));
  }
  return arrays;
}

/**
 * @param {string} name
 * @param {Uint8Array<ArrayBuffer>} content of a `.npy` file
 */
function readArray(name, content) {
  const length = 10 + viewOf(content).getUint16(8, true);
  const head = text.decode(content.subarray(10, length));
  const [, kind, size] = /'descr': '[<|]([iuf])(\d)'/.exec(head) ?? [];
  const shape = /'shape': \(([^)]*)\)/.exec(head)?.[1].split(',').filter((n) => n.trim()).map(Number);
  const type = TYPES[kind + size];
  if (!type || !shape || content[6] !== 1 || head.includes("'fortran_order': True")) {
    damaged(`the array ${name}`, 'numbers of at most 32 bits in C order');
  }
  const values = Float64Array.from(new type(content.slice(length).buffer));
  if (values.length !== shape.reduce((a, b) => a * b, 1)) damaged(`the length of ${name}`, `shape ${shape}`);
  return { shape, values };
}

/**
 * @param {Map<string, Uint8Array<ArrayBuffer>>} members
 * @param {string} name
 */
function member(members, name) {
  return members.get(name) ?? damaged(`${name} is missing`, 'a whole model package');
}

/** @param {Uint8Array} data */
function parse(data) {
  try {
    const found = JSON.parse(text.decode(data));
    if (found instanceof Object) return found;
  } catch {} // as what is no object
  return damaged('model.json cannot be read', 'a JSON object');
}

/** @param {Uint8Array<ArrayBuffer>} data */
async function sha256(data) {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', data)));
}

/**
 * @param {string} finding
 * @param {string} expectation
 * @returns {never}
 */
export function damaged(finding, expectation) {
  throw new AezipError('PackageDamaged', `the model package: ${finding}`, expectation);
}
