/**
 * Where pictures are shown: two panes, decoded and original, over each other or side by side, with one view of
 * both: `scale`, CSS pixels a pixel of the picture, and where its upper left corner lies in a pane.
 *
 * @typedef {{ width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer>, colourSpace: PredefinedColorSpace }} Pixels
 * @typedef {'one' | 'slider' | 'panes' | 'blink'} Mode
 */
const MAX_ZOOM = 64; // screen pixels a pixel
const STEP = 1.25;
const GAP = 16; // CSS pixels around a picture that fits
const SHARP = 2; // from this zoom on, pixels are squares

export class Stage {
  /** @type {HTMLElement} */
  #element;
  /** @type {Record<string, HTMLCanvasElement>} */
  #canvases = {};
  /** @type {HTMLElement} */
  #divider;
  #size = { width: 0, height: 0 };
  /** @type {PredefinedColorSpace} */
  #colourSpace = 'srgb';
  #view = { scale: 1, x: 0, y: 0 };
  #fitted = true;
  /** @type {Map<number, { x: number, y: number }>} by pointer, in the stage */
  #held = new Map();

  /**
   * @param {HTMLElement} element
   * @param {(percent: number) => void} zoomed called with each change
   */
  constructor(element, zoomed) {
    this.#element = element;
    this.zoomed = zoomed;
    for (const pane of /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll('.pane'))) {
      this.#canvases[String(pane.dataset.of)] = /** @type {HTMLCanvasElement} */ (pane.querySelector('canvas'));
    }
    this.#divider = /** @type {HTMLElement} */ (element.querySelector('[role=slider]'));
    new ResizeObserver(() => (this.#fitted ? this.fit() : this.#place())).observe(element);
    element.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    element.addEventListener('pointerdown', (event) => this.#down(event));
    element.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel']) {
      element.addEventListener(end, (event) => this.#up(/** @type {PointerEvent} */ (event)));
    }
    element.addEventListener('dblclick', () => (this.#fitted ? this.actual() : this.fit()));
    this.#divider.addEventListener('keydown', (event) => this.#slide(event));
  }

  /** @param {Pixels} picture the decoded one */
  show({ width, height, pixels, colourSpace }) {
    const context = this.#sized('decoded', width, height, colourSpace);
    context.putImageData(new ImageData(pixels, width, height, { colorSpace: colourSpace }), 0, 0);
    this.#canvases.decoded.classList.toggle('clear', isClear(pixels));
    this.#colourSpace = colourSpace;
    const same = width === this.#size.width && height === this.#size.height;
    this.#size = { width, height };
    if (same && !this.#fitted) this.#place();
    else this.fit();
  }

  /**
   * A first look: a small picture in the place of the whole.
   *
   * @param {Pixels} small
   * @param {{ width: number, height: number }} size of the whole
   */
  look({ width, height, pixels, colourSpace }, size) {
    const own = new OffscreenCanvas(width, height);
    const context = own.getContext('2d', { colorSpace: colourSpace });
    if (!context) return;
    context.putImageData(new ImageData(pixels, width, height, { colorSpace: colourSpace }), 0, 0);
    const canvas = this.#sized('decoded', size.width, size.height, colourSpace);
    canvas.imageSmoothingQuality = 'high';
    canvas.drawImage(own, 0, 0, size.width, size.height);
    this.#canvases.decoded.classList.toggle('clear', isClear(pixels));
    const same = size.width === this.#size.width && size.height === this.#size.height;
    this.#size = size;
    if (same && !this.#fitted) this.#place();
    else this.fit();
  }

  /** @param {ImageBitmap} image the original, of the decoded one's size; in its colour space, to be shown as that is */
  compare(image) {
    this.#sized('original', image.width, image.height, this.#colourSpace).drawImage(image, 0, 0);
    this.#canvases.original.classList.add('clear');
    this.#place();
  }

  /**
   * The decoded picture as a PNG file, in the colour space of its canvas.
   *
   * @returns {Promise<Blob | null>} null if the browser cannot
   */
  picture() {
    return new Promise((done) => this.#canvases.decoded.toBlob(done, 'image/png'));
  }

  /** @returns {Mode} */
  get mode() {
    return /** @type {Mode} */ (this.#element.dataset.mode);
  }

  set mode(mode) {
    this.#element.dataset.mode = mode;
    if (this.#fitted) this.fit();
    else this.#place();
  }

  /** The whole picture, but no larger than it is. */
  fit() {
    const { width, height } = this.#pane();
    const { width: w, height: h } = this.#size;
    if (!w || !width) return;
    const scale = Math.min((width - 2 * GAP) / w, (height - 2 * GAP) / h, 1 / devicePixelRatio);
    this.#fitted = true;
    this.#view = { scale, x: (width - w * scale) / 2, y: (height - h * scale) / 2 };
    this.#place();
  }

  /** A pixel of the screen for each pixel. */
  actual() {
    this.zoom(1 / devicePixelRatio / this.#view.scale);
  }

  /**
   * @param {number} factor more than 1: larger
   * @param {{ x: number, y: number }} [point] of the pane, that stays; its middle by default
   */
  zoom(factor, point) {
    const { width, height } = this.#pane();
    const at = point ?? { x: width / 2, y: height / 2 };
    const { width: w, height: h } = this.#size;
    const least = Math.min(1 / devicePixelRatio, 0.5 * Math.min(width / w, height / h));
    const scale = Math.min(Math.max(this.#view.scale * factor, least), MAX_ZOOM / devicePixelRatio);
    const grown = scale / this.#view.scale;
    this.#view = { scale, x: at.x - (at.x - this.#view.x) * grown, y: at.y - (at.y - this.#view.y) * grown };
    this.#fitted = false;
    this.#place();
  }

  larger() {
    this.zoom(STEP);
  }

  smaller() {
    this.zoom(1 / STEP);
  }

  /**
   * @param {number} x CSS pixels
   * @param {number} y
   */
  pan(x, y) {
    this.#view.x += x;
    this.#view.y += y;
    this.#fitted = false;
    this.#place();
  }

  /** The size of a pane in CSS pixels. */
  #pane() {
    const { clientWidth, clientHeight } = this.#element;
    return { width: this.mode === 'panes' ? clientWidth / 2 : clientWidth, height: clientHeight };
  }

  /** Keeps the picture in sight and puts it there. */
  #place() {
    const pane = this.#pane();
    const view = this.#view;
    for (const [axis, side] of /** @type {const} */ ([['x', 'width'], ['y', 'height']])) {
      const [room, length] = [pane[side], this.#size[side] * view.scale];
      if (length <= room) view[axis] = (room - length) / 2;
      else view[axis] = Math.min(room / 2, Math.max(room / 2 - length, view[axis]));
    }
    const zoom = view.scale * devicePixelRatio;
    const round = zoom >= 1 ? Math.round : (/** @type {number} */ x) => x;
    for (const canvas of Object.values(this.#canvases)) {
      canvas.style.transform = `translate(${round(view.x)}px, ${round(view.y)}px) scale(${view.scale})`;
      canvas.classList.toggle('sharp', zoom >= SHARP);
    }
    this.zoomed(100 * zoom);
  }

  /**
   * @param {string} name
   * @param {number} width
   * @param {number} height
   * @param {PredefinedColorSpace} colorSpace
   */
  #sized(name, width, height, colorSpace) {
    const fresh = document.createElement('canvas'); // for its colour space cannot be changed
    [fresh.width, fresh.height] = [width, height];
    const context = fresh.getContext('2d', { colorSpace });
    if (!context) throw new Error('no canvas');
    this.#canvases[name].replaceWith(fresh);
    this.#canvases[name] = fresh;
    return context;
  }

  /**
   * A place in the pane under it.
   *
   * @param {MouseEvent} event
   */
  #point(event) {
    const { left, top } = this.#element.getBoundingClientRect();
    const { width } = this.#pane();
    return { x: (event.clientX - left) % width, y: event.clientY - top };
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (!this.#size.width) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.zoom(Math.exp((-event.deltaY * lines) / 400), this.#point(event));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button || !(event.target instanceof Element) || event.target.closest('button')) return;
    if (event.target === this.#divider) {
      this.#divider.setPointerCapture(event.pointerId);
      return;
    }
    this.#element.setPointerCapture(event.pointerId);
    this.#held.set(event.pointerId, this.#point(event));
    this.#element.classList.add('moving');
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.#divider.hasPointerCapture(event.pointerId)) {
      const { left, width } = this.#element.getBoundingClientRect();
      this.#split((100 * (event.clientX - left)) / width);
      return;
    }
    const before = this.#held.get(event.pointerId);
    if (!before) return;
    const now = this.#point(event);
    const other = [...this.#held].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const [far, near] = [now, before].map((p) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y)));
      this.zoom(far / near, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    }
    const part = other ? 2 : 1;
    this.pan((now.x - before.x) / part, (now.y - before.y) / part);
    this.#held.set(event.pointerId, now);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.#held.delete(event.pointerId);
    if (!this.#held.size) this.#element.classList.remove('moving');
  }

  /** @param {KeyboardEvent} event */
  #slide(event) {
    const step = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10 }[event.key];
    const value = Number(this.#divider.getAttribute('aria-valuenow'));
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? 100 : step && value + step;
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#split(to);
  }

  /** @param {number} percent of the stage that shows the original */
  #split(percent) {
    const value = Math.min(100, Math.max(0, percent));
    this.#element.style.setProperty('--split', `${value}%`);
    this.#divider.setAttribute('aria-valuenow', String(Math.round(value)));
  }
}

/** @param {Uint8ClampedArray} pixels RGBA */
function isClear(pixels) {
  for (let at = 3; at < pixels.length; at += 4) if (pixels[at] < 255) return true;
  return false;
}
