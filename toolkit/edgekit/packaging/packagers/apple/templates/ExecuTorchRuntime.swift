import ExecuTorch
import Foundation

/// A `.pte` file in ExecuTorch.
final class Runtime {
    private let module: Module
    private let outputs: [TensorSpec]

    init(url: URL, variant: Variant) throws {
        module = Module(filePath: url.path)
        outputs = variant.outputs
        try module.load("forward")
    }

    func run(_ inputs: [ModelTensor]) throws -> [ModelTensor] {
        // The types are spelt out: `forward` has many forms, and this one gives all values.
        let tensors: [ValueConvertible] = inputs.map { input in
            AnyTensor(
                data: Data(writeElements(input)), shape: input.shape, dataType: dataType(input.type))
        }
        let values: [Value] = try module.forward(tensors)
        guard values.count == outputs.count else {
            throw ModelError("got \(values.count) outputs, expected \(outputs.count)")
        }
        return try zip(values, outputs).map { value, spec in try tensor(value, spec) }
    }

    private func tensor(_ value: Value, _ spec: TensorSpec) throws -> ModelTensor {
        guard let found = value.anyTensor, found.dataType == dataType(spec.type) else {
            throw ModelError("got no tensor of \(spec.type.rawValue) for \(spec.name), expected one")
        }
        var bytes: [UInt8] = []
        found.bytes { pointer, count, _ in
            bytes = [UInt8](UnsafeRawBufferPointer(start: pointer, count: count * byteCount(spec.type)))
        }
        let values = try readElements(bytes, at: 0, count: found.count, as: spec.type)
        return ModelTensor(type: spec.type, shape: found.shape, values: values)
    }

    private func dataType(_ type: TensorElement) -> DataType {
        switch type {
        case .float32: return .float
        case .uint8: return .byte
        case .int8: return .char
        case .int16: return .short
        case .int32: return .int
        case .int64: return .long
        }
    }
}
