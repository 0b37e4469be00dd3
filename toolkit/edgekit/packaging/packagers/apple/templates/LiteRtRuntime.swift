import Foundation
import LiteRT

/// A `.tflite` file in LiteRT, on the CPU: the kernels that it was validated with.
final class Runtime {
    private let model: CompiledModel
    private let outputs: [TensorSpec]

    init(url: URL, variant: Variant) throws {
        let options = try Options()
        try options.setHardwareAccelerators([.cpu])
        model = try CompiledModel(filePath: url.path, environment: try Environment(), options: options)
        outputs = variant.outputs
    }

    func run(_ inputs: [ModelTensor]) throws -> [ModelTensor] {
        let inputBuffers = try model.createInputBuffers()
        let outputBuffers = try model.createOutputBuffers()
        for (buffer, input) in zip(inputBuffers, inputs) {
            try buffer.write(writeElements(input))
        }
        try model.run(inputs: inputBuffers, outputs: outputBuffers)
        return try zip(outputBuffers, outputs).map { buffer, spec in
            let bytes: [UInt8] = try buffer.read()
            return try tensor(bytes, spec)
        }
    }

    /// A size that is not fixed can only be the batch, which is 1.
    private func tensor(_ bytes: [UInt8], _ spec: TensorSpec) throws -> ModelTensor {
        let shape = spec.shape.map { $0 == -1 ? 1 : $0 }
        let values = try readElements(bytes, at: 0, count: elementCount(shape), as: spec.type)
        return ModelTensor(type: spec.type, shape: shape, values: values)
    }
}
