/**
 * Any size: the decoder graph sees the latents through windows with a margin around them, as far as it looks
 * (FORMAT.md §6), so that memory is that of the picture and of one window.
 *
 * @typedef {{ top: number, left: number, bottom: number, right: number }} Area of positions
 * @typedef {Area & { around: Area }} Window and what the graph has to see for it
 */
export type Area = {
    top: number;
    left: number;
    bottom: number;
    right: number;
};
export type Window = Area & {
    around: Area;
};
/** Side of a window in positions. Smaller ones need less memory, and more work for their margins. */
export declare const SIDE = 128;
/**
 * The windows of a picture, of nearly equal sizes, row by row.
 *
 * @param {number} height in positions
 * @param {number} width
 * @param {number} margin in positions
 * @param {number} side of a window in positions
 * @returns {Window[]}
 */
export declare function windows(height: number, width: number, margin: number, side: number): Window[];
/**
 * The latents of an area [1, h, w, C].
 *
 * @param {Int16Array} latent [height, width, C]
 * @param {number} width
 * @param {number} channels
 * @param {Area} area
 */
export declare function windowOf(latent: Int16Array, width: number, channels: number, { top, left, bottom, right }: Area): {
    data: Int16Array<ArrayBuffer>;
    dims: number[];
};
/**
 * Put the window's part of what the graph made into the picture.
 *
 * @param {{ data: ArrayLike<number>, dims: readonly number[] }} image [1, side · h, side · w, 3], of `area.around`
 * @param {Window} area
 * @param {{ width: number, height: number, pixels: import('./depth.js').Samples }} picture RGBA
 * @param {number} channels 1: grey
 * @param {ArrayLike<number>} [alpha] of the whole picture
 * @param {number} [side] of a position in the picture's pixels
 * @param {Uint16Array} [by] what each number of the image becomes
 */
export declare function toRgba({ data, dims }: {
    data: ArrayLike<number>;
    dims: readonly number[];
}, area: Window, { width, height, pixels }: {
    width: number;
    height: number;
    pixels: import('./depth.js').Samples;
}, channels: number, alpha?: ArrayLike<number>, side?: number, by?: Uint16Array): void;
