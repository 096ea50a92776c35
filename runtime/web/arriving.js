/**
 * A file whose bytes still arrive, and when there is something to see of it.
 *
 * @typedef {Uint8Array | ArrayBuffer} Chunk
 * @typedef {ReadableStream<Chunk> | AsyncIterable<Chunk> | Iterable<Chunk>} Chunks
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
  for await (const chunk of 'getReader' in chunks ? read(chunks) : chunks) {
    data = joined([data, plain(chunk)]);
    const share = shareOf(data, maxPixels);
    if (share === 1 || !(share >= left[0])) continue;
    while (share >= left[0]) left.shift();
    yield { data, whole: false };
  }
  yield { data, whole: true };
}

/**
 * Not every browser iterates over streams.
 *
 * @param {ReadableStream<Chunk>} stream
 */
async function* read(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
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
