import CoreML
import Foundation

/// An `.mlpackage` in Core ML, on whatever part of the chip Core ML chooses.
final class Runtime {
    private let model: MLModel
    private let variant: Variant

    /// The package is compiled here: as a resource it is copied, so that the self-test can compare
    /// its bytes with what was made. Compiled files go to a temporary folder.
    init(url: URL, variant: Variant) throws {
        self.variant = variant
        model = try MLModel(contentsOf: try MLModel.compileModel(at: url))
    }

    func run(_ inputs: [ModelTensor]) throws -> [ModelTensor] {
        var features: [String: MLFeatureValue] = [:]
        for (input, spec) in zip(inputs, variant.inputs) {
            features[spec.tensor.name] = MLFeatureValue(multiArray: try array(input))
        }
        let provider = try MLDictionaryFeatureProvider(dictionary: features)
        let found = try model.prediction(from: provider)
        return try variant.outputs.map { spec in
            guard let array = found.featureValue(for: spec.name)?.multiArrayValue else {
                throw ModelError("got no output \(spec.name), expected one")
            }
            return tensor(array, spec)
        }
    }

    private func array(_ input: ModelTensor) throws -> MLMultiArray {
        guard input.type == .float32 || input.type == .int32 else {
            throw ModelError("got \(input.type.rawValue), expected float32 or int32 for Core ML")
        }
        let shape = input.shape.map { NSNumber(value: $0) }
        let array = try MLMultiArray(shape: shape, dataType: input.type == .float32 ? .float32 : .int32)
        // By linear index, which counts row by row whatever the strides are.
        for i in 0..<input.values.count {
            array[i] = NSNumber(value: input.values[i])
        }
        return array
    }

    private func tensor(_ array: MLMultiArray, _ spec: TensorSpec) -> ModelTensor {
        var values = [Double](repeating: 0, count: array.count)
        for i in 0..<array.count {
            values[i] = array[i].doubleValue
        }
        return ModelTensor(type: spec.type, shape: array.shape.map { $0.intValue }, values: values)
    }
}
