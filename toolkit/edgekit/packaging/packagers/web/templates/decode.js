/**
 * Pictures of the browser → ImageData: upright, no colour management, alpha not multiplied in.
 *
 * A canvas keeps colours multiplied by alpha, so where a picture is transparent its colours come
 * back rounded, and black where nothing shows. The model was validated with the colours as stored.
 * `transparency` says what then happens: 'warn' (console.warn, the default), 'refuse' (throws) or
 * 'accept'.
 */
const AS_STORED = {
  imageOrientation: 'from-image',
  premultiplyAlpha: 'none',
  colorSpaceConversion: 'none',
};
const WAYS = ['warn', 'refuse', 'accept'];

/** Returns the pixels of a Blob, an element, a canvas, an ImageBitmap or ImageData. */
export async function decode(source, transparency = 'warn') {
  if (!WAYS.includes(transparency)) {
    throw new RangeError(`got transparency '${transparency}', expected ${WAYS.join(', ')}`);
  }
  const pixels = isPixels(source) ? source : await draw(source);
  const transparent = transparency === 'accept' ? 0 : countTransparent(pixels);
  if (transparent > 0) {
    const message =
      `got a picture with ${transparent} transparent pixels, whose colours a browser cannot ` +
      'give back exactly: the result may differ from what was validated';
    if (transparency === 'refuse') throw new TypeError(message);
    console.warn(message);
  }
  return pixels;
}

function isPixels(source) {
  return source?.data?.length !== undefined && source.width > 0 && source.height > 0;
}

function countTransparent({data, channels = 4}) {
  if (channels !== 4) return 0;
  let count = 0;
  for (let i = 3; i < data.length; i += 4) count += data[i] < 255 ? 1 : 0;
  return count;
}

async function draw(source) {
  const bitmap = await bitmapOf(source);
  try {
    const {width, height} = bitmap;
    const context = canvasOf(width, height).getContext('2d', {willReadFrequently: true});
    if (!context) throw new RangeError(`got no canvas of ${width}x${height} pixels`);
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  } finally {
    bitmap.close();
  }
}

async function bitmapOf(source) {
  // An <img> that is still loading has no pixels yet.
  if (typeof source?.decode === 'function') await source.decode();
  try {
    return await createImageBitmap(source, AS_STORED);
  } catch (error) {
    throw new TypeError(`got no picture that this browser can decode: ${error.message}`, {
      cause: error,
    });
  }
}

function canvasOf(width, height) {
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), {width, height});
}
