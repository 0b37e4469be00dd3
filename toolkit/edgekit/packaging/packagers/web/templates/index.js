/**
 * [[ title ]]
 *
 * Everything that decides what the model sees stands in spec.js; see README.md.
 */
import {Model[% if classifies %], ranked[% endif %]} from './model.js';

export {listVariants, pick} from './model.js';
export {selfTest} from './selftest.js';

[% if classifies %]
/** Says which class a picture shows. */
export class Classifier extends Model {
  static needsLabelPerOutput = true;

  /** Returns the `topK` best classes, best first; the score is the model's own output. */
  async classify(image, topK = 5) {
    if (!(topK >= 1)) throw new RangeError(`got topK ${topK}, expected 1 or more`);
    const [{data}] = await this.outputsOf(image);
    return ranked(data, this.labels).slice(0, topK);
  }
}
[% else %]
/** Computes the model's outputs. */
export class Predictor extends Model {
  /** Returns `{name, shape, data}` of each output, as real numbers (float32). */
  async predict(given) {
    return this.outputsOf(given);
  }
}
[% endif %]
