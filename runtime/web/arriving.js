/**
 * A file whose bytes still arrive, and when there is something to see of it.
 *
 * @typedef {Uint8Array | ArrayBuffer} Chunk
 * @typedef {ReadableStream<Chunk> | AsyncIterable<Chunk> | Iterable<Chunk> | Chunk} Chunks
 */
import { MAX_PIXELS, plain, unpack } from './container.js';
import { AezipError } from './errors.js';
import { joined } from './latents.js';

const LOOKS = [0.1, 0.25, 0.6]; // parts of the latents from which on another look is worth its time

/**
 * What has arrived: parts of a file that are worth a look, and at last all of it.
 *
 * @param {Chunks} chunks of its bytes, such as `response.body`
 * @param {number} [maxPixels] larger pictures are refused
 * @returns {AsyncGenerator<{ data: Uint8Array<ArrayBuffer>, whole: boolean }>}
 */
export async function* arriving(chunks, maxPixels = MAX_PIXELS) {
  const left = [...LOOKS];
  let data = joined([]);
  for await (const chunk of chunksOf(chunks)) {
    data = joined([data, plain(chunk)]);
    const share = shareOf(data, maxPixels);
    if (share === 1 || !(share >= left[0])) continue;
    while (share >= left[0]) left.shift();
    yield { data, whole: false };
  }
  yield { data, whole: true };
}

/**
 * Bytes are one chunk, and not an iterable of numbers.
 *
 * @param {Chunks} source
 * @returns {AsyncIterable<Chunk> | Iterable<Chunk>}
 */
function chunksOf(source) {
  if (ArrayBuffer.isView(source) || source instanceof ArrayBuffer) return [source];
  if (Object(source) === source && 'getReader' in source) return read(source);
  if (Object(source) === source && (Symbol.asyncIterator in source || Symbol.iterator in source)) return source;
  throw new AezipError('UsageError', 'not a stream', 'a ReadableStream, chunks of bytes, or bytes');
}

/**
 * Not every browser iterates over streams. One that nobody reads to its end is cancelled.
 *
 * @param {ReadableStream<Chunk>} stream
 */
async function* read(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // of one that failed, its error is on its way already
  }
}

/**
 * Which part of its latents a file has, 0 … 1; 0 of one whose latents have not begun, and of one that is damaged, which
 * whoever decodes it will say; 1 of one without loss.
 *
 * @param {Uint8Array} data
 * @param {number} maxPixels
 */
function shareOf(data, maxPixels) {
  try {
    const { sections, missing } = unpack(data, maxPixels, true);
    const there = sections[sections.length - 1].data.length;
    return there / (there + missing);
  } catch (error) {
    if (error instanceof AezipError) return 0;
    throw error;
  }
}
