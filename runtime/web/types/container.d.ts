export type Header = {
    /**
     * in pixels
     */
    width: number;
    height: number;
    /**
     * 3: RGB, 1: grey
     */
    channels: number;
    /**
     * 0 … 1000
     */
    quality: number;
    /**
     * side of a tile in units of 64 pixels; 0: the picture is one tile
     */
    tile: number;
    /**
     * no latent is skipped
     */
    noSkip: boolean;
    /**
     * the beginning says most: symbols in the order of their tables, tiles in slices
     */
    progressive: boolean;
    /**
     * of the model, 16 hexadecimal digits; zeros of a file that needs none
     */
    fingerprint: string;
};
export type Section = {
    /**
     * four letters
     */
    type: string;
    data: Uint8Array;
};
export type Lat = {
    header: Header;
    /**
     * the last holds the latents, `LATN`, or all pixels, `PIXL`
     */
    sections: Section[];
    /**
     * bytes of the latents, of a file that is cut off
     */
    missing: number;
    /**
     * bits of a sample, 8 to 16
     */
    depth: number;
};
export declare const MAX_PIXELS: number;
/**
 * Read header and sections; every checksum and rule is checked.
 *
 * @param {Uint8Array | ArrayBuffer} bytes
 * @param {number} maxPixels larger pictures are refused
 * @param {boolean} partial take a file that is cut off within its latents, whose checksum then says nothing
 * @returns {Lat}
 */
export declare function unpack(bytes: Uint8Array | ArrayBuffer, maxPixels?: number, partial?: boolean): Lat;
/**
 * Read the first 32 bytes.
 *
 * @param {Uint8Array | ArrayBuffer} bytes
 * @returns {Header}
 */
export declare function unpackHeader(bytes: Uint8Array | ArrayBuffer): Header;
export type Rule = [finding: string, good: boolean, expectation: string];
/** @param {Uint8Array} data */
export declare const viewOf: (data: Uint8Array) => DataView<ArrayBufferLike>;
/**
 * The same bytes, without what Node's Buffer overrides.
 *
 * @param {Uint8Array | ArrayBuffer} data
 */
export declare const plain: (data: Uint8Array | ArrayBuffer) => Uint8Array<ArrayBufferLike>;
/** @param {Uint8Array} data */
export declare const hex: (data: Uint8Array) => string;
