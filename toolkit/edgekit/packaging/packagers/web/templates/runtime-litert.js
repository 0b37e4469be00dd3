/** Model files run by LiteRT.js: XNNPACK in WebAssembly, the same kernels as on other CPUs. */
import {Tensor, getGlobalLiteRtPromise, loadAndCompile, loadLiteRt} from '@litertjs/core';

/** Loads the page's one LiteRT.js, or waits for it where the app has loaded it already. */
async function ready(wasm, threads) {
  await (getGlobalLiteRtPromise() ?? loadLiteRt(wasm, {threads}));
}

/**
 * Compiles a model file.
 *
 * Returns `run(tensors)`, which takes one typed array per input and gives `{shape, data}` for each
 * output, and `close()`.
 */
export async function openSession(bytes, variant, {wasm, threads}) {
  await ready(wasm, threads);
  const model = await loadAndCompile(bytes, {accelerator: 'wasm'});
  return {run: (tensors) => run(model, variant.inputs, tensors), close: () => model.delete()};
}

async function run(model, inputs, tensors) {
  const given = [];
  let outputs = [];
  try {
    tensors.forEach((data, i) => given.push(new Tensor(data, inputs[i].shape)));
    outputs = await model.run(given);
    return outputs.map((output) => ({
      shape: Array.from(output.type.layout.dimensions),
      // A copy: the tensor's own memory is freed below.
      data: output.toTypedArray().slice(),
    }));
  } finally {
    // Memory of WebAssembly is not garbage collected.
    for (const tensor of [...given, ...outputs]) tensor.delete();
  }
}
