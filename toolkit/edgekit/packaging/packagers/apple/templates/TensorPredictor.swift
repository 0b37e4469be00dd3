import Foundation

/// Runs the model on tensors. Make one and keep it; use it from one thread at a time.
public final class Predictor {
    /// The names of the classes in the model's order; empty where they have none.
    public let labels: [String]
    private let model: LoadedModel

    /// Load the default variant, or the one of this name (see `Variants`).
    public init(variant name: String? = nil) throws {
        let variant = try name.map { try Variants.named($0) } ?? Variants.all()[0]
        labels = try Assets.labels()
        model = try LoadedModel(variant)
    }

    /// Return the model's outputs, as 32-bit floats, for one sample: a tensor for each input, without
    /// the batch dimension, as it was before any preprocessing.
    public func predict(_ samples: [ModelTensor]) throws -> [ModelTensor] {
        return try model.realOutputs(try preprocess(samples))
    }

    /// Return what the model gets for one sample.
    public func preprocess(_ samples: [ModelTensor]) throws -> [ModelTensor] {
        let specs = model.variant.inputs
        guard samples.count == specs.count else {
            throw ModelError("got \(samples.count) tensors, expected \(specs.count)")
        }
        return try zip(samples, specs).map { try modelInput(tensor: $0, $1) }
    }

    /// Run the model file on the elements that it takes; return the elements that it gives.
    public func run(_ inputs: [ModelTensor]) throws -> [ModelTensor] {
        return try model.run(inputs)
    }
}
