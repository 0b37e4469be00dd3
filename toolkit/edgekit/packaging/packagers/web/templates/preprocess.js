/**
 * What happens to a picture, or to plain numbers, before the model sees them.
 *
 * Pure: no browser class is used. A picture is `{data, width, height}` as ImageData is (RGBA; alpha
 * is dropped), or with `channels` 1 (grey) or 3 (RGB), and with `orientation` 1 to 8 (EXIF) where
 * it is not upright. `preprocess` and `input` are those of a variant in spec.js.
 */
import {resize} from './resize.js';

export const ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  int64: BigInt64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};
const LIMITS = {int8: [-128, 127], uint8: [0, 255], int32: [-(2 ** 31), 2 ** 31 - 1]};

/** Returns the elements of the model's input for a picture. */
export function preprocessImage(image, preprocess, input) {
  const coloured = toColour(upright(withChannels(image)), preprocess.colour);
  const sized = toSize(coloured, preprocess);
  const values = normalize(sized.data, sized.channels, preprocess);
  const isPlanar = preprocess.layout === 'NCHW';
  return quantize(isPlanar ? planes(values, sized.channels) : values, input);
}

/** Returns the elements of one input of the model for plain numbers, row-major. */
export function preprocessTensor(values, preprocess, input) {
  const expected = sizeOf(input.shape);
  if (values.length !== expected) {
    throw new RangeError(
      `got ${values.length} numbers for input ${input.name}, expected ${expected}`,
    );
  }
  if (preprocess.dtype !== 'float32') return cast(values, input);
  // A size that is left open counts as one, as in `sizeOf`.
  const last = Math.abs(input.shape.at(-1) ?? 1);
  return quantize(normalize(values, last, preprocess), input);
}

/** Returns how many elements a tensor of `shape` has; a batch that is not fixed counts as one. */
export function sizeOf(shape) {
  return shape.reduce((product, size) => product * Math.abs(size), 1);
}

/** Turns real values into elements of `tensor`: half rounds away from zero, then clipped. */
export function quantize(values, tensor) {
  if (tensor.scale === null) return cast(values, tensor);
  const [least, most] = LIMITS[tensor.dtype];
  const result = new ARRAYS[tensor.dtype](values.length);
  for (let i = 0; i < values.length; i += 1) {
    if (Number.isNaN(values[i])) {
      throw new RangeError(`got NaN for input ${tensor.name}, expected numbers`);
    }
    const scaled = values[i] / tensor.scale;
    const rounded = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5) + tensor.zeroPoint;
    result[i] = Math.min(Math.max(rounded, least), most);
  }
  return result;
}

/** Turns elements of `tensor` into real values, float32. */
export function dequantize(values, tensor) {
  if (tensor.scale === null) return Float32Array.from(values, Number);
  return Float32Array.from(values, (value) => (value - tensor.zeroPoint) * tensor.scale);
}

/** Only changes the type; throws where that would lose anything. */
function cast(values, {dtype, name}) {
  if (dtype === 'float32') return Float32Array.from(values);
  const whole = dtype === 'int64' ? BigInt : Number;
  const one = new ARRAYS[dtype](1);
  return ARRAYS[dtype].from(values, (value) => {
    // BigInt takes nothing but whole numbers, and says no name.
    if (Number.isInteger(Number(value))) {
      one[0] = whole(value);
      if (Number(one[0]) === Number(value)) return one[0];
    }
    throw new RangeError(`got ${value} for input ${name}, expected a value of ${dtype}`);
  });
}

function withChannels(image) {
  const {data, width, height, channels = 4, orientation = 1} = image;
  if (data.length !== width * height * channels || data.length === 0) {
    throw new RangeError(
      `got ${data.length} bytes, expected ${width} x ${height} pixels of ${channels} channels`,
    );
  }
  if (!Number.isInteger(orientation) || orientation < 1 || orientation > 8) {
    throw new RangeError(`got orientation ${orientation}, expected 1 to 8`);
  }
  return {data, width, height, channels, orientation};
}

/** Turns stored pixels as EXIF's tag 274 says. */
function upright({data, width, height, channels, orientation}) {
  if (orientation === 1) return {data, width, height, channels};
  const isTurned = orientation >= 5;
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const [newWidth, newHeight] = isTurned ? [height, width] : [width, height];
  const result = new Uint8Array(data.length);
  let target = 0;
  for (let y = 0; y < newHeight; y += 1) {
    for (let x = 0; x < newWidth; x += 1) {
      const row = isTurned ? x : y;
      const column = isTurned ? y : x;
      const storedRow = fromBottom ? height - 1 - row : row;
      const storedColumn = fromRight ? width - 1 - column : column;
      const source = (storedRow * width + storedColumn) * channels;
      for (let c = 0; c < channels; c += 1) result[target + c] = data[source + c];
      target += channels;
    }
  }
  return {data: result, width: newWidth, height: newHeight, channels};
}

/** Returns the picture with 1 channel (L) or 3 (RGB, BGR). */
function toColour({data, width, height, channels}, colour) {
  const pixels = width * height;
  const made = colour === 'L' ? 1 : 3;
  const result = new Uint8Array(pixels * made);
  const [red, green, blue] = channels === 1 ? [0, 0, 0] : [0, 1, 2];
  const order = colour === 'BGR' ? [blue, green, red] : [red, green, blue];
  for (let i = 0; i < pixels; i += 1) {
    const source = i * channels;
    if (made === 1) {
      result[i] = channels === 1 ? data[source] : luma(data, source);
      continue;
    }
    for (let c = 0; c < 3; c += 1) result[i * 3 + c] = data[source + order[c]];
  }
  return {data: result, width, height, channels: made};
}

/** ITU-R BT.601 luma in 16-bit fixed point. */
function luma(data, at) {
  return (19595 * data[at] + 38470 * data[at + 1] + 7471 * data[at + 2] + 0x8000) >> 16;
}

function toSize(image, {width, height, fit, interpolation}) {
  if (width === null || height === null) return image;
  if (image.width === width && image.height === height) return image;
  if (fit === 'exact') {
    throw new RangeError(
      `got an image of ${image.width}x${image.height} pixels, expected ${width}x${height}`,
    );
  }
  if (fit === 'stretch') return resize(image, width, height, interpolation);
  return cover(image, width, height, interpolation);
}

/** Scales until both sides are covered, then takes the centre. */
function cover(image, width, height, interpolation) {
  const ratio = Math.max(height / image.height, width / image.width);
  const newHeight = Math.max(height, roundHalfToEven(image.height * ratio));
  const newWidth = Math.max(width, roundHalfToEven(image.width * ratio));
  const large = resize(image, newWidth, newHeight, interpolation);
  const top = Math.floor((newHeight - height) / 2);
  const left = Math.floor((newWidth - width) / 2);
  const {channels} = image;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y += 1) {
    const start = ((top + y) * newWidth + left) * channels;
    data.set(large.data.subarray(start, start + width * channels), y * width * channels);
  }
  return {data, width, height, channels};
}

function roundHalfToEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** Returns `(x * scale - mean) / std` in float32, each operation rounded, over the last axis. */
function normalize(values, last, {scale, mean, std}) {
  for (const each of [mean, std]) {
    if (each.length !== 1 && each.length !== last) {
      throw new RangeError(`got ${each.length} values of mean or std, expected 1 or ${last}`);
    }
  }
  const {fround} = Math;
  const factor = fround(scale);
  const means = Float32Array.from({length: last}, (_, i) => mean[mean.length === 1 ? 0 : i]);
  const stds = Float32Array.from({length: last}, (_, i) => std[std.length === 1 ? 0 : i]);
  const result = new Float32Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const scaled = fround(fround(Number(values[i])) * factor);
    result[i] = fround(scaled - means[i % last]) / stds[i % last];
  }
  return result;
}

/** Returns height × width × channels as channels × height × width. */
function planes(values, channels) {
  const result = new Float32Array(values.length);
  const pixels = values.length / channels;
  for (let i = 0; i < pixels; i += 1) {
    for (let c = 0; c < channels; c += 1) result[c * pixels + i] = values[i * channels + c];
  }
  return result;
}
