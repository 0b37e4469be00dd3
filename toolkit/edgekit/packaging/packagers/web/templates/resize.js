/**
 * Separable resizing of 8-bit pixels: the formulas of edgekit's reference, in the same order of
 * operations, so that every bit comes out the same. Pure: no browser class is used.
 */

/** Source pixels and their weights for each pixel of a resized axis. */
function taps(from, to, interpolation) {
  const ratio = from / to;
  const halfWidth = interpolation === 'antialias' ? Math.max(1, ratio) : 1;
  const count = interpolation === 'nearest' ? 1 : 2 * Math.ceil(halfWidth) + 1;
  const index = new Int32Array(to * count);
  const weight = new Float64Array(to * count);
  const clip = (i) => Math.min(Math.max(i, 0), from - 1);
  for (let out = 0; out < to; out += 1) {
    const centre = (out + 0.5) * ratio - 0.5;
    if (interpolation === 'nearest') {
      index[out] = clip(Math.floor(centre + 0.5));
      weight[out] = 1;
      continue;
    }
    const first = Math.ceil(centre - halfWidth);
    let sum = 0;
    for (let k = 0; k < count; k += 1) {
      const source = first + k;
      const isOutside = source < 0 || source >= from;
      const isLeftOut = interpolation === 'antialias' && isOutside;
      const value = Math.max(0, 1 - Math.abs(source - centre) / halfWidth);
      weight[out * count + k] = isLeftOut ? 0 : value;
      index[out * count + k] = clip(source);
      sum += weight[out * count + k];
    }
    for (let k = 0; k < count; k += 1) weight[out * count + k] /= sum;
  }
  return {index, weight, count};
}

/**
 * Resizes the middle axis of `outer × from × inner` bytes; each result is rounded half up.
 *
 * Width is the middle axis of rows × width × channels, height that of 1 × height × (width ×
 * channels): one loop serves both.
 */
function along(data, outer, from, inner, to, interpolation) {
  if (from === to) return data;
  const {index, weight, count} = taps(from, to, interpolation);
  const result = new Uint8Array(outer * to * inner);
  for (let block = 0; block < outer; block += 1) {
    for (let out = 0; out < to; out += 1) {
      const target = (block * to + out) * inner;
      for (let i = 0; i < inner; i += 1) {
        let total = 0;
        for (let k = out * count; k < (out + 1) * count; k += 1) {
          total += data[(block * from + index[k]) * inner + i] * weight[k];
        }
        result[target + i] = Math.min(Math.max(Math.floor(total + 0.5), 0), 255);
      }
    }
  }
  return result;
}

/** Returns `image` ({data, width, height, channels}) as `width` × `height`: width first. */
export function resize(image, width, height, interpolation) {
  const {channels} = image;
  const wide = along(image.data, image.height, image.width, channels, width, interpolation);
  const data = along(wide, 1, image.height, width * channels, height, interpolation);
  return {data, width, height, channels};
}
