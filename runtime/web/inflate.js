/** zlib streams (RFC 1950) of sections whose sizes are known before. */
import { viewOf } from './container.js';
import { AezipError } from './errors.js';

/**
 * A zlib stream, which has to fill `out`.
 *
 * @param {Uint8Array} data
 * @param {Uint8Array} out
 * @param {string} what it is, for people
 */
export async function inflate(data, out, what) {
  let at = 0;
  try {
    const reader = new Blob([data.slice()]).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > out.length) {
        await reader.cancel();
        at = Infinity;
        break;
      }
      out.set(value, at);
      at += value.length;
    }
  } catch {
    throw new AezipError('SectionDamaged', `${what} does not inflate`, 'zlib data');
  }
  // some engines stop at the stream's end and leave what stands behind it unseen; its checksum is its end
  const end = data.length >= 4 ? viewOf(data).getUint32(data.length - 4) : -1;
  if (at !== out.length || end !== adler32(out)) {
    throw new AezipError('SectionDamaged', `${what} has another size`, `${out.length} bytes`);
  }
}

/** @param {Uint8Array} data */
function adler32(data) {
  let [a, b] = [1, 0];
  for (let at = 0; at < data.length; ) {
    for (const end = Math.min(at + 3800, data.length); at < end; at++) b += a += data[at]; // no sum passes 2³²
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}
