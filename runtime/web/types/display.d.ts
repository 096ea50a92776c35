export type CodePoints = {
    primaries: number;
    transfer: number;
    fullRange: boolean;
};
/**
 * The orientation, 1 … 8 as in Exif, from `eXIF`, or else from `xMPx`; 1 if neither says.
 *
 * @param {import('./container.js').Section[]} sections
 */
export declare function orientationOf(sections: import('./container.js').Section[]): number;
/**
 * The picture turned as an orientation says, so that it stands upright.
 *
 * @param {{ width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer> }} picture RGBA
 * @param {number} orientation 1 … 8
 */
export declare function upright({ width, height, pixels }: {
    width: number;
    height: number;
    pixels: Uint8ClampedArray<ArrayBuffer>;
}, orientation: number): {
    width: number;
    height: number;
    pixels: Uint8ClampedArray<ArrayBuffer>;
};
/**
 * The code points of a file, undefined if it has none.
 *
 * @param {import('./container.js').Section[]} sections
 * @returns {CodePoints | undefined} of H.273: FORMAT.md §1
 */
export declare function codePointsOf(sections: import('./container.js').Section[]): CodePoints | undefined;
/**
 * The canvas colour space that a profile is, or undefined if it is neither.
 *
 * @param {Uint8Array | ArrayBuffer | undefined} profile sRGB if there is none
 * @returns {'srgb' | 'display-p3' | undefined}
 */
export declare function colourSpaceOf(profile: Uint8Array | ArrayBuffer | undefined): 'srgb' | 'display-p3' | undefined;
/**
 * What a profile calls itself, for people.
 *
 * @param {Uint8Array | ArrayBuffer} profile
 */
export declare function profileName(profile: Uint8Array | ArrayBuffer): string;
