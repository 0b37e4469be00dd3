import Foundation

/// A variant's model file in its runtime. Not for several threads at once.
final class LoadedModel {
    let variant: Variant
    private let runtime: Runtime

    init(_ variant: Variant) throws {
        self.variant = variant
        runtime = try Runtime(url: try Assets.url(variant.file), variant: variant)
    }

    /// Run the file on the elements that it takes; return the elements that it gives.
    func run(_ inputs: [ModelTensor]) throws -> [ModelTensor] {
        guard inputs.count == variant.inputs.count else {
            throw ModelError("got \(inputs.count) inputs, expected \(variant.inputs.count)")
        }
        for (input, spec) in zip(inputs, variant.inputs) {
            guard input.type == spec.tensor.type, fits(input.shape, spec.tensor.shape),
                input.values.count == elementCount(input.shape)
            else {
                throw ModelError(
                    "got \(input.type.rawValue) of shape \(input.shape) for \(spec.tensor.name), "
                        + "expected \(spec.tensor.type.rawValue) of shape \(spec.tensor.shape)")
            }
        }
        return try runtime.run(inputs)
    }

    /// Return outputs as real values, 32-bit floats.
    func realOutputs(_ inputs: [ModelTensor]) throws -> [ModelTensor] {
        return try realTensors(try run(inputs), variant.outputs)
    }
}
