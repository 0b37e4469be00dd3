/** Model files run by ONNX Runtime in WebAssembly. */
import * as ort from 'onnxruntime-web/wasm';

const TYPES = {float32: 'float32', int32: 'int32', int64: 'int64', int8: 'int8', uint8: 'uint8'};

/**
 * Loads a model file.
 *
 * Returns `run(tensors)`, which takes one typed array per input and gives `{shape, data}` for each
 * output, and `close()`.
 */
export async function openSession(bytes, variant, {wasm, threads}) {
  ort.env.wasm.wasmPaths = wasm;
  // 0 lets the runtime choose by the number of cores.
  ort.env.wasm.numThreads = threads ? 0 : 1;
  const session = await ort.InferenceSession.create(bytes, {executionProviders: ['wasm']});
  return {
    run: (tensors) => run(session, variant, tensors),
    close: () => session.release(),
  };
}

async function run(session, {inputs, outputs}, tensors) {
  const feeds = {};
  tensors.forEach((data, i) => {
    const {name, dtype, shape} = inputs[i];
    feeds[name] = new ort.Tensor(TYPES[dtype], data, shape.map(Math.abs));
  });
  const results = await session.run(feeds);
  return outputs.map(({name}) => {
    const {dims, data} = results[name];
    return {shape: Array.from(dims), data: data.slice()};
  });
}
