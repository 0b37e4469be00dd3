import Foundation

/// What went wrong, in words: what was got, and what was expected.
public struct ModelError: LocalizedError, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    public var errorDescription: String? { return description }
}

/// What the elements of a tensor are in the model's memory.
public enum TensorElement: String {
    case float32, uint8, int8, int16, int32, int64
}

/// How a quantized element stands for a real value: `(element - zeroPoint) * scale`.
public struct Affine {
    public let scale: Double
    public let zeroPoint: Int
}

/// One input or output of a model. A size of -1 is not fixed.
public struct TensorSpec {
    public let name: String
    public let type: TensorElement
    public let shape: [Int]
    public let affine: Affine?
}

/// An array on its way into or out of a model, row-major.
///
/// `values` hold the elements as `Double`, which every `Float` and every element up to 2^53 fits.
public struct ModelTensor {
    public let type: TensorElement
    public let shape: [Int]
    public let values: [Double]

    public init(type: TensorElement, shape: [Int], values: [Double]) {
        self.type = type
        self.shape = shape
        self.values = values
    }

    /// Return a tensor of 32-bit floats.
    public static func of(floats: [Float], shape: [Int]) -> ModelTensor {
        var values = [Double](repeating: 0.0, count: floats.count)
        for i in 0..<floats.count {
            values[i] = Double(floats[i])
        }
        return ModelTensor(type: .float32, shape: shape, values: values)
    }

    /// The elements as 32-bit floats.
    public var floats: [Float] {
        var result = [Float](repeating: Float(0.0), count: values.count)
        for i in 0..<values.count {
            result[i] = Float(values[i])
        }
        return result
    }
}

/// Return how many elements an array of this shape has.
func elementCount(_ shape: [Int]) -> Int {
    var product = 1
    for size in shape {
        product = product * size
    }
    return product
}

/// Return how many bytes an element takes.
func byteCount(_ type: TensorElement) -> Int {
    switch type {
    case .uint8, .int8: return 1
    case .int16: return 2
    case .float32, .int32: return 4
    case .int64: return 8
    }
}

func lowest(_ type: TensorElement) -> Double {
    switch type {
    case .uint8: return 0.0
    case .int8: return -128.0
    case .int16: return -32768.0
    case .int32: return -2147483648.0
    case .int64: return -9223372036854775808.0
    case .float32: return -Double.infinity
    }
}

func highest(_ type: TensorElement) -> Double {
    switch type {
    case .uint8: return 255.0
    case .int8: return 127.0
    case .int16: return 32767.0
    case .int32: return 2147483647.0
    // The largest Double that an Int64 holds: 2^63 - 1 itself would be rounded up.
    case .int64: return 9223372036854774784.0
    case .float32: return Double.infinity
    }
}

/// Return the element for a real value: half rounds away from zero, and what is too far is clipped.
func quantized(_ value: Double, _ affine: Affine, _ type: TensorElement) -> Double {
    let scaled = value / affine.scale
    let raised = abs(scaled) + 0.5
    let magnitude = raised.rounded(.down)
    let steps = scaled < 0.0 ? -magnitude : magnitude
    let element = steps + Double(affine.zeroPoint)
    return min(highest(type), max(lowest(type), element))
}

/// Turn real values into the elements of `spec`.
///
/// An integer tensor without a scale takes whole numbers only. Throws `ModelError` where a value is
/// none that the tensor can hold.
func elements(of values: [Double], for spec: TensorSpec) throws -> [Double] {
    if spec.type == .float32 { return values }
    var result = [Double](repeating: 0.0, count: values.count)
    for i in 0..<values.count {
        guard values[i].isFinite else {
            throw ModelError("got \(values[i]) for \(spec.name), expected a finite number")
        }
        if let affine = spec.affine {
            result[i] = quantized(values[i], affine, spec.type)
        } else {
            result[i] = try wholeNumber(values[i], spec)
        }
    }
    return result
}

func wholeNumber(_ value: Double, _ spec: TensorSpec) throws -> Double {
    let isWhole = value.rounded(.down) == value
    guard isWhole && value >= lowest(spec.type) && value <= highest(spec.type) else {
        throw ModelError(
            "got \(value) for \(spec.name), expected a whole number that \(spec.type.rawValue) holds")
    }
    return value
}

/// Return the real values, as 32-bit floats, that the elements of an output stand for.
func realValues(_ tensor: ModelTensor, _ spec: TensorSpec) -> ModelTensor {
    var values = [Double](repeating: 0.0, count: tensor.values.count)
    for i in 0..<tensor.values.count {
        var value = tensor.values[i]
        if let affine = spec.affine {
            value = (value - Double(affine.zeroPoint)) * affine.scale
        }
        values[i] = Double(Float(value))
    }
    return ModelTensor(type: .float32, shape: tensor.shape, values: values)
}

/// Return every output of a model file as real values.
func realTensors(_ outputs: [ModelTensor], _ specs: [TensorSpec]) throws -> [ModelTensor] {
    guard outputs.count == specs.count else {
        throw ModelError("got \(outputs.count) outputs, expected \(specs.count)")
    }
    var result: [ModelTensor] = []
    for i in 0..<outputs.count {
        result.append(realValues(outputs[i], specs[i]))
    }
    return result
}

/// Read `count` little-endian elements from byte `offset` on.
func readElements(_ bytes: [UInt8], at offset: Int, count: Int, as type: TensorElement) throws -> [Double] {
    let size = byteCount(type)
    guard offset >= 0 && offset + count * size <= bytes.count else {
        throw ModelError("got \(bytes.count) bytes, expected \(offset + count * size) or more")
    }
    var values = [Double](repeating: 0.0, count: count)
    for i in 0..<count {
        var bits = UInt64(0)
        for k in 0..<size {
            let byte = UInt64(bytes[offset + i * size + k])
            let shift = UInt64(8 * k)
            bits = bits | (byte << shift)
        }
        values[i] = number(bits, type)
    }
    return values
}

/// Return the number that the bits of one element stand for.
func number(_ bits: UInt64, _ type: TensorElement) -> Double {
    switch type {
    case .float32: return Double(Float(bitPattern: UInt32(bits)))
    case .uint8: return Double(bits)
    case .int8: return Double(Int8(bitPattern: UInt8(bits)))
    case .int16: return Double(Int16(bitPattern: UInt16(bits)))
    case .int32: return Double(Int32(bitPattern: UInt32(bits)))
    case .int64: return Double(Int64(bitPattern: bits))
    }
}

/// Return the little-endian bytes of a tensor's elements.
func writeElements(_ tensor: ModelTensor) -> [UInt8] {
    let size = byteCount(tensor.type)
    var bytes = [UInt8](repeating: UInt8(0), count: tensor.values.count * size)
    for i in 0..<tensor.values.count {
        let value = tensor.values[i]
        let bits = tensor.type == .float32
            ? UInt64(Float(value).bitPattern) : UInt64(bitPattern: Int64(value))
        for k in 0..<size {
            let shift = UInt64(8 * k)
            bytes[i * size + k] = UInt8(truncatingIfNeeded: bits >> shift)
        }
    }
    return bytes
}
