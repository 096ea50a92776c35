/**
 * Any size: the decoder graph sees the latents through windows with a margin around them, as far as it looks
 * (FORMAT.md §6), so that memory is that of the picture and of one window.
 *
 * @typedef {{ top: number, left: number, bottom: number, right: number }} Area of positions
 * @typedef {Area & { around: Area }} Window and what the graph has to see for it
 */

/** Side of a window in positions. Smaller ones need less memory, and more work for their margins. */
export const SIDE = 128;

/**
 * The windows of a picture, of nearly equal sizes, row by row.
 *
 * @param {number} height in positions
 * @param {number} width
 * @param {number} margin in positions
 * @param {number} side of a window in positions
 * @returns {Window[]}
 */
export function windows(height, width, margin, side) {
  const whole = height * width <= side * side;
  /** @param {number} size */
  const cuts = (size) => {
    const count = whole ? 1 : Math.ceil(size / side);
    return Array.from({ length: count }, (_, i) => [i, i + 1].map((n) => Math.floor((n * size) / count)));
  };
  return cuts(height).flatMap(([top, bottom]) => {
    return cuts(width).map(([left, right]) => ({
      top,
      left,
      bottom,
      right,
      around: {
        top: Math.max(0, top - margin),
        left: Math.max(0, left - margin),
        bottom: Math.min(height, bottom + margin),
        right: Math.min(width, right + margin),
      },
    }));
  });
}

/**
 * The latents of an area [1, h, w, C].
 *
 * @param {Int16Array} latent [height, width, C]
 * @param {number} width
 * @param {number} channels
 * @param {Area} area
 */
export function windowOf(latent, width, channels, { top, left, bottom, right }) {
  const row = (right - left) * channels;
  const data = new Int16Array((bottom - top) * row);
  for (let y = top; y < bottom; y++) {
    const from = (y * width + left) * channels;
    data.set(latent.subarray(from, from + row), (y - top) * row);
  }
  return { data, dims: [1, bottom - top, right - left, channels] };
}

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
export function toRgba({ data, dims }, area, { width, height, pixels }, channels, alpha, side = 16, by) {
  const opaque = by ? by[by.length - 1] : 255;
  const [bottom, right] = [Math.min(side * area.bottom, height), Math.min(side * area.right, width)];
  for (let y = side * area.top; y < bottom; y++) {
    let from = dims[3] * ((y - side * area.around.top) * dims[2] + side * (area.left - area.around.left));
    for (let at = y * width + side * area.left, end = y * width + right; at < end; at++, from += dims[3]) {
      let [red, green, blue] = [data[from], data[from + 1], data[from + 2]];
      if (dims[3] === 1) green = blue = red;
      else if (channels === 1) red = green = blue = Math.floor((red + green + blue + 1) / 3);
      pixels[4 * at] = by ? by[red] : red;
      pixels[4 * at + 1] = by ? by[green] : green;
      pixels[4 * at + 2] = by ? by[blue] : blue;
      pixels[4 * at + 3] = alpha ? alpha[at] : opaque;
    }
  }
}
