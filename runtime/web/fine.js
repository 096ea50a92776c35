/**
 * A decoder for samples finer than a grey level (FORMAT.md §6), of a package's own graph: `image` is float32, as it is
 * before the graph rounds it. The nodes that round are left out, and all else stays as it is.
 *
 * @typedef {{ number: number, value: number | Uint8Array, raw: Uint8Array }} Field of a protobuf message
 * @typedef {{ operator: string, inputs: string[], output: string, fields: Field[] }} Node
 */
import { damaged } from './package.js';

const MOVES = ['DepthToSpace', 'Reshape', 'Slice', 'Transpose']; // what may follow the rounding: numbers only change places
const ROUNDS = [['Cast', 'Clip', 'Floor', 'Add'], ['QuantizeLinear']]; // from the last node back to what it rounds
// Field numbers of onnx.proto.
const GRAPH = 7;
const [NODE, OUTPUT] = [1, 12];
const [FROM, TO, OPERATOR] = [1, 2, 4]; // of a node
const FLOAT = 1; // a type of elements
const [text, bytes] = [new TextDecoder(), new TextEncoder()];

/**
 * @param {string} name of the graph
 * @param {Uint8Array} data
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fine(name, data) {
  try {
    const fields = fieldsOf(data);
    if (!fields.some(({ number }) => number === GRAPH)) malformed();
    return joined(fields.map(({ number, value, raw }) => (number === GRAPH ? field(GRAPH, graph(value)) : raw)));
  } catch (error) {
    if (error !== MALFORMED) throw error;
    return damaged(`${name}.onnx does not round its pixels as graphs of packages do`, 'a graph of aezip-export');
  }
}

const MALFORMED = new Error('no protobuf message, or another graph');

/** @returns {never} */
function malformed() {
  throw MALFORMED;
}

/** @param {Field['value']} data */
function graph(data) {
  const parts = fieldsOf(data).map((part) => ({ ...part, node: part.number === NODE ? nodeOf(part.value) : undefined }));
  /** @type {Map<string, Node>} */
  const made = new Map();
  for (const { node } of parts) if (node) made.set(node.output, node);
  const maker = (/** @type {string} */ name) => made.get(name) ?? malformed();
  let first = '';
  let source = 'image';
  while (MOVES.includes(maker(source).operator)) [first, source] = [source, maker(source).inputs[0]];
  const dropped = new Set();
  for (const operator of ROUNDS.find(([last]) => last === maker(source).operator) ?? malformed()) {
    if (maker(source).operator !== operator) malformed();
    dropped.add(source);
    source = maker(source).inputs[0];
  }
  if (!first) malformed();
  return joined(parts.filter(({ node }) => !node || !dropped.has(node.output)).map(({ number, value, raw, node }) => {
    if (node?.output === first) return field(NODE, fed(node, source));
    return number === OUTPUT && nameOf(fieldsOf(value), 1) === 'image' ? field(OUTPUT, asFloat(value, [2, 1, 1])) : raw;
  }));
}

/**
 * @param {Field['value']} data
 * @returns {Node}
 */
function nodeOf(data) {
  const fields = fieldsOf(data);
  const inputs = fields.filter(({ number }) => number === FROM).map(({ value }) => textOf(value));
  return { operator: nameOf(fields, OPERATOR), inputs, output: nameOf(fields, TO), fields };
}

/**
 * A node with another first input.
 *
 * @param {Node} node
 * @param {string} source
 */
function fed({ inputs, fields }, source) {
  const names = [source, ...inputs.slice(1)].map((name) => field(FROM, bytes.encode(name)));
  return joined([...names, ...fields.filter(({ number }) => number !== FROM).map(({ raw }) => raw)]);
}

/**
 * An output whose elements are float32: the number at the end of a path of fields.
 *
 * @param {Field['value']} data
 * @param {number[]} path
 * @returns {Uint8Array}
 */
function asFloat(data, [step, ...rest]) {
  return joined(fieldsOf(data).map(({ number, value, raw }) => {
    if (number !== step) return raw;
    return rest.length ? field(step, asFloat(value, rest)) : Uint8Array.of(8 * step, FLOAT);
  }));
}

/**
 * @param {Field[]} fields
 * @param {number} wanted
 */
function nameOf(fields, wanted) {
  return textOf(fields.filter(({ number }) => number === wanted).at(-1)?.value ?? malformed());
}

/** @param {Field['value']} value */
const textOf = (value) => (typeof value === 'number' ? malformed() : text.decode(value));

/**
 * The fields of a message in its order (protobuf.dev/programming-guides/encoding).
 *
 * @param {Field['value']} data
 * @returns {Field[]}
 */
function fieldsOf(data) {
  if (typeof data === 'number') return malformed();
  const found = [];
  let at = 0;
  const varint = () => {
    for (let value = 0, unit = 1; at < data.length; unit *= 128) {
      const byte = data[at++];
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
    return malformed();
  };
  while (at < data.length) {
    const start = at;
    const key = varint();
    const wire = key & 7;
    /** @type {Field['value']} */
    let value = 0;
    if (wire === 0) value = varint();
    else {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : malformed();
      value = data.subarray(at, (at += length));
      if (at > data.length) malformed();
    }
    found.push({ number: key >>> 3, value, raw: data.subarray(start, at) });
  }
  return found;
}

/**
 * @param {number} number below 16
 * @param {Uint8Array} value
 */
function field(number, value) {
  const head = [8 * number + 2];
  let length = value.length;
  for (; length > 127; length >>>= 7) head.push((length & 127) | 128);
  return joined([Uint8Array.from([...head, length]), value]);
}

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
