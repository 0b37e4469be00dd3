/** A model file, opened: preprocessing, inference and what both need. */
import {decode} from './decode.js';
import {absolute, fetchBytes, fetchLabels} from './fetch.js';
import {dequantize, preprocessImage, preprocessTensor, sizeOf} from './preprocess.js';
import {openSession} from './runtime.js';
import {BY_QUALITY, HAS_LABELS, TAKES_IMAGE, VARIANTS} from './spec.js';

/** Returns a variant by name; the default one without a name. */
export function variantOf(name) {
  const found = VARIANTS.find((variant) => variant.name === (name ?? VARIANTS[0].name));
  if (found) return found;
  const known = VARIANTS.map((variant) => variant.name).join(', ');
  throw new RangeError(`got variant '${name}', expected one of: ${known}`);
}

/** Returns what an app may know of each variant; the first is the default. */
export function listVariants() {
  return VARIANTS.map(({name, file, sizeBytes}) => ({name, file, sizeBytes}));
}

/** Returns the best variant of at most `maxSizeBytes`, or the smallest where none fits. */
export function pick(maxSizeBytes) {
  const listed = listVariants();
  const ranked = BY_QUALITY.map((name) => listed.find((variant) => variant.name === name));
  const smallest = ranked.reduce((a, b) => (b.sizeBytes < a.sizeBytes ? b : a));
  return ranked.find((variant) => variant.sizeBytes <= maxSizeBytes) ?? smallest;
}

/** Returns the options with their defaults. Throws where one is missing or cannot be had. */
export function checked({wasm, threads = false, assets, transparency = 'warn'} = {}) {
  if (typeof wasm !== 'string' || wasm === '') {
    throw new TypeError(
      "got no option `wasm`, expected the address of the folder with the runtime's WebAssembly",
    );
  }
  if (threads && !globalThis.crossOriginIsolated) {
    throw new Error(
      'got threads: true on a page that is not cross-origin isolated: send the headers ' +
        'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
    );
  }
  const folder = wasm.endsWith('/') ? wasm : `${wasm}/`;
  return {wasm: absolute(folder), threads, assets, transparency};
}

/** Returns outputs as a session gives them as real numbers, float32, under their names. */
export function realOutputs(results, {outputs}) {
  return results.map(({shape, data}, i) => {
    return {name: outputs[i].name, shape, data: dequantize(data, outputs[i])};
  });
}

/** Returns the classes, best first: equals by their index, what is no number last. */
export function ranked(scores, labels) {
  const classes = Array.from(scores, (score, index) => {
    return {label: labels ? labels[index] : String(index), index, score};
  });
  const isNone = ({score}) => Number(Number.isNaN(score));
  return classes.sort((a, b) => isNone(a) - isNone(b) || b.score - a.score || a.index - b.index);
}

/** What `Classifier` and `Predictor` share. Open one by their `create`. */
export class Model {
  /** Fetches and opens a variant. */
  static async create(options = {}) {
    const variant = variantOf(options.variant);
    const known = checked(options);
    const labels = HAS_LABELS ? await fetchLabels(known.assets) : null;
    const classes = variant.outputs[0].shape.at(-1);
    if (labels && this.needsLabelPerOutput && classes > 0 && labels.length !== classes) {
      throw new Error(`got ${labels.length} labels, expected ${classes}: is it labels.txt?`);
    }
    const bytes = await fetchBytes(variant.file, known.assets);
    return new this(variant, await openSession(bytes, variant, known), labels, known);
  }

  static needsLabelPerOutput = false;

  static get variants() {
    return listVariants();
  }

  static pick(maxSizeBytes) {
    return pick(maxSizeBytes);
  }

  #session;
  #transparency;
  // Runs wait for each other: a session computes one at a time.
  #last = Promise.resolve();

  constructor(variant, session, labels, {transparency = 'warn'} = {}) {
    this.variant = variant;
    this.labels = labels;
    this.#session = session;
    this.#transparency = transparency;
  }

  /** Returns the model's inputs for a picture, or for one array of numbers per input. */
  async preprocess(given) {
    const {preprocesses, inputs} = this.variant;
    if (TAKES_IMAGE) {
      const pixels = await decode(given, this.#transparency);
      return [preprocessImage(pixels, preprocesses[0], inputs[0])];
    }
    const arrays = inputs.length === 1 && !isListOfArrays(given) ? [given] : given;
    if (arrays.length !== inputs.length) {
      throw new RangeError(`got ${arrays.length} arrays, expected ${inputs.length}`);
    }
    return inputs.map((input, i) => preprocessTensor(arrays[i], preprocesses[i], input));
  }

  /** Runs the model on its own inputs: returns `{name, shape, data}` of each output, as it is. */
  async run(tensors) {
    const {inputs, outputs} = this.variant;
    if (!this.#session) throw new Error('got a call after close()');
    if (tensors.length !== inputs.length) {
      throw new RangeError(`got ${tensors.length} tensors, expected ${inputs.length}`);
    }
    tensors.forEach((tensor, i) => checkSize(tensor, inputs[i]));
    const session = this.#session;
    const turn = this.#last.then(() => session.run(tensors));
    this.#last = turn.catch(() => {});
    const results = await turn;
    return results.map((result, i) => ({name: outputs[i].name, ...result}));
  }

  /** Returns each output as real numbers, float32. */
  async outputsOf(given) {
    return realOutputs(await this.run(await this.preprocess(given)), this.variant);
  }

  /** Frees the memory that the model holds, after what still runs. */
  async close() {
    const session = this.#session;
    this.#session = null;
    await this.#last;
    await session?.close();
  }
}

function isListOfArrays(given) {
  return Array.isArray(given) && given.length > 0 && given[0]?.length !== undefined;
}

function checkSize(tensor, {name, shape}) {
  if (tensor.length === sizeOf(shape)) return;
  throw new RangeError(`got ${tensor.length} elements for ${name}, expected ${sizeOf(shape)}`);
}
