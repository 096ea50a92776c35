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
     * of the model, 16 hexadecimal digits
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
     * the last holds the latents
     */
    sections: Section[];
};
export declare const MAX_PIXELS: number;
/**
 * Read header and sections; every checksum and rule is checked.
 *
 * @param {Uint8Array} data
 * @param {number} maxPixels larger pictures are refused
 * @returns {Lat}
 */
export declare function unpack(data: Uint8Array, maxPixels?: number): Lat;
/**
 * Read the first 32 bytes.
 *
 * @param {Uint8Array} data
 * @returns {Header}
 */
export declare function unpackHeader(data: Uint8Array): Header;
/** @param {Uint8Array} data */
export declare const viewOf: (data: Uint8Array) => DataView<ArrayBufferLike>;
/**
 * The same bytes without what Node's Buffer overrides.
 *
 * @param {Uint8Array} data
 */
export declare const plain: (data: Uint8Array) => Uint8Array<ArrayBufferLike>;
/** @param {Uint8Array} data */
export declare const hex: (data: Uint8Array) => string;
