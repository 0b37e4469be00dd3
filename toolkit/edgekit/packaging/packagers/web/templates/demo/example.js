/** The first golden sample, as something to begin with. */
import {fetchBytes} from '../fetch.js';
import {GOLDEN} from '../golden.js';
import {ARRAYS, sizeOf} from '../preprocess.js';
import {VARIANTS} from '../spec.js';

/** Returns one array of numbers for each input. */
export async function exampleInputs(assets) {
  const {buffer} = await fetchBytes('golden/vectors.bin', assets);
  const [{samples}] = GOLDEN[VARIANTS[0].name];
  return samples.map(({dtype, offset, shape}) => {
    return new ARRAYS[dtype](buffer, offset, sizeOf(shape));
  });
}
