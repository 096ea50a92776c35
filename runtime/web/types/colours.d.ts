export type CodePoints = import('./display.js').CodePoints;
export type Point = [x: number, y: number];
export type Matrix = number[][];
/** In words, as `aezip info`. @param {CodePoints} points */
export declare function namesOf({ primaries, transfer, fullRange }: CodePoints): string;
/**
 * Pixels as a canvas shows them.
 *
 * @param {Uint8ClampedArray<ArrayBuffer>} pixels RGBA, in the colours of the code points
 * @param {CodePoints} points
 * @param {import('./container.js').Section[]} sections whose content light level says the peak
 * @returns {{ pixels: Uint8ClampedArray<ArrayBuffer>, colourSpace: 'srgb' | 'display-p3', mapped: boolean }} mapped: what is
 *   brighter than white was compressed
 */
export declare function forCanvas(pixels: Uint8ClampedArray<ArrayBuffer>, points: CodePoints, sections: import('./container.js').Section[]): {
    pixels: Uint8ClampedArray<ArrayBuffer>;
    colourSpace: 'srgb' | 'display-p3';
    mapped: boolean;
};
