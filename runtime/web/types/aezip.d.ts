export type Picture = {
    /**
     * in pixels, as the others; not turned as `orientationOf(sections)` says
     */
    width: number;
    height: number;
    /**
     * RGBA, not premultiplied, as ImageData takes them
     */
    pixels: Uint8ClampedArray<ArrayBuffer>;
    /**
     * the same in all of their `depth` bits, where these were asked for
     */
    samples?: Uint16Array<ArrayBuffer>;
    /**
     * bits of a sample in the file, 8 to 16
     */
    depth: number;
    header: import('./container.js').Header;
    sections: import('./container.js').Section[];
    /**
     * bytes of the latents, of a file that is cut off
     */
    missing: number;
    /**
     * spent on entropy coding with its prior, and on pixels
     */
    milliseconds: {
        latents: number;
        decoder: number;
    };
};
export type Bytes = Uint8Array | ArrayBuffer;
export type Values = {
    data: Int16Array | Uint8Array | Float32Array;
    dims: readonly number[];
};
import { arriving } from './arriving.js';
import { unpack } from './container.js';
import { codePointsOf, colourSpaceOf, orientationOf, profileName, upright } from './display.js';
import { AezipError } from './errors.js';
export { AezipError, arriving, codePointsOf, colourSpaceOf, orientationOf, profileName, unpack, upright };
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
export declare function decodeExact(data: Bytes, { maxPixels, scale, deep, progress }?: {
    maxPixels?: number;
    scale?: number;
    deep?: boolean;
    progress?: (done: number) => void;
}): Promise<Picture>;
/**
 * Whether a file was stored without loss.
 *
 * @param {import('./container.js').Lat} lat
 */
export declare const isExact: ({ sections }: import('./container.js').Lat) => boolean;
/**
 * How many cells of 16 × 16 pixels of a file are without loss, where others are not.
 *
 * @param {import('./container.js').Lat} lat
 */
export declare function countPatches(lat: import('./container.js').Lat): Promise<number>;
/** A model package, opened to decode with. */
export declare class Model {
    #private;
    fingerprint: string;
    name: string;
    tables: import("./rans.js").Tables;
    skip: number;
    channels: any;
    margins: {
        [k: string]: any;
    };
    /**
     * @param {Bytes} data of a `.aezm` package
     * @param {typeof import('onnxruntime-web')} ort
     * @param {'wasm' | 'webgpu'} provider of the decoder graph; 'webgpu' needs the whole onnxruntime-web: its builds /webgpu
     *   and /jspi cannot cast int16, which all graphs have to
     */
    static open(data: Bytes, ort: typeof import('onnxruntime-web'), provider?: 'wasm' | 'webgpu'): Promise<Model>;
    /**
     * @param {import('./package.js').Package} found
     * @param {typeof import('onnxruntime-web')} ort
     * @param {Record<string, import('onnxruntime-web').InferenceSession>} sessions
     * @param {(name: string, deep: boolean) => Promise<void>} open adds one to them
     */
    constructor({ fingerprint, description, arrays }: import('./package.js').Package, ort: typeof import('onnxruntime-web'), sessions: Record<string, import('onnxruntime-web').InferenceSession>, open: (name: string, deep: boolean) => Promise<void>);
    /**
     * A `.lat` file → its picture.
     *
     * @param {Bytes} data
     * @param {object} [options]
     * @param {number} [options.maxPixels] larger pictures are refused
     * @param {number} [options.scale] 2, 4, 8 or 16: a picture so many times smaller, its sides rounded up; from 4 on that
     *   is faster, with a model that has decoders for it
     * @param {boolean} [options.deep] also give `samples`, of files of more than 8 bits
     * @param {(picture: Picture) => void} [options.look] called with a small picture as soon as there are latents
     * @param {boolean} [options.partial] also decode a file that is cut off within its latents; `missing` of the picture
     *   says how many bytes are not there
     * @param {number} [options.side] of the windows that the decoder graph works in, in units of 16 pixels
     * @param {(done: number) => void} [options.progress] called after each tile and each window, with 0 … 1
     * @returns {Promise<Picture>}
     */
    decode(data: Bytes, { maxPixels, scale, deep, look, partial, side, progress }?: {
        maxPixels?: number;
        scale?: number;
        deep?: boolean;
        look?: (picture: Picture) => void;
        partial?: boolean;
        side?: number;
        progress?: (done: number) => void;
    }): Promise<Picture>;
    /**
     * A `.lat` file that still arrives → its picture, and before it what its beginning shows.
     *
     * @param {import('./arriving.js').Chunks} chunks of its bytes, such as `response.body`
     * @param {object} [options] as of `decode`, which it has more of
     * @param {number} [options.maxPixels]
     * @param {number} [options.scale]
     * @param {boolean} [options.deep]
     * @param {(picture: Picture) => void} [options.look] called with small pictures, each better than the one before
     * @param {number} [options.side]
     * @param {(done: number) => void} [options.progress]
     * @returns {Promise<Picture>}
     */
    decodeStream(chunks: import('./arriving.js').Chunks, { look, maxPixels, ...options }?: {
        maxPixels?: number;
        scale?: number;
        deep?: boolean;
        look?: (picture: Picture) => void;
        side?: number;
        progress?: (done: number) => void;
    }): Promise<Picture>;
    /**
     * The latents of a file in 1/16 of a step [⌈height/16⌉, ⌈width/16⌉, C], and each tile's symbols.
     *
     * @param {import('./container.js').Lat} lat
     * @param {(done: number) => void} [progress]
     */
    latents(lat: import('./container.js').Lat, progress?: (done: number) => void): Promise<{
        latent: Int16Array<ArrayBuffer>;
        rung: import("./ladder.js").Rung;
        tiles: {
            latent: Int16Array;
            phases: import("./latents.js").Phase[];
        }[];
    }>;
    /**
     * Hyper-latents [1, a, b, Z] → mean and table index of the first half [2, 2a, 2b, C], and what the context wants.
     *
     * @param {Values} hyper
     * @param {import('./ladder.js').Rung} rung
     */
    prior(hyper: Values, rung: import('./ladder.js').Rung): Promise<{
        mean: Int16Array;
        index: Uint8Array;
        carried: {
            [x: string]: Values;
        };
    }>;
    /**
     * What the prior carried over, and the first half's latents [2, 2a, 2b, C] → mean and table index of the second half.
     *
     * @param {Record<string, Values>} carried
     * @param {Values} known
     * @param {import('./ladder.js').Rung} rung
     */
    context(carried: Record<string, Values>, known: Values, rung: import('./ladder.js').Rung): Promise<{
        mean: Int16Array;
        index: Uint8Array;
    }>;
    /** Give back the memory of the graphs. */
    close(): Promise<void>;
}
