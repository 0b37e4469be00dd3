/// What channels the model takes.
public enum Colour: String {
    case grey, rgb, bgr
}

/// How an image of another size comes to the model's size.
public enum Fit: String {
    /// Not at all: such an image is refused.
    case exact
    /// Both sides by themselves.
    case stretch
    /// Scaled until both sides are covered, then the centre is taken.
    case crop
}

/// In what order an image's values lie: rows of pixels, or one plane for each channel.
public enum PixelLayout: String {
    case nhwc, nchw
}

/// What happens to an image before the model sees it.
public struct ImageSpec {
    public let colour: Colour
    /// The size that the model takes; 0 where it takes any.
    public let width: Int
    public let height: Int
    public let fit: Fit
    public let interpolation: Interpolation
    public let layout: PixelLayout
}

/// Everything that happens to one input: `(x * scale - mean) / std` in 32-bit floats, after an
/// image was brought to its colour and size, and before the result becomes the tensor's elements.
///
/// `mean` and `std` hold one value, or one for each channel (of a tensor: for each element of its
/// last axis). `isCast` says that the input holds whole numbers that are not touched.
public struct InputSpec {
    public let tensor: TensorSpec
    public let image: ImageSpec?
    public let scale: Double
    public let mean: [Double]
    public let std: [Double]
    public let isCast: Bool
}

/// Return the model's input for an image that lies as `orientation` says (EXIF, 1 to 8).
///
/// Throws `ModelError` where the image does not fit and may not be resized.
func modelInput(image stored: Pixels, orientation: Int, _ spec: InputSpec) throws -> ModelTensor {
    guard let how = spec.image else {
        throw ModelError("got an image for \(spec.tensor.name), expected a tensor")
    }
    let expected = stored.width * stored.height * stored.channels
    let isKnown = stored.channels == 1 || stored.channels == 3
    guard isKnown && expected > 0 && stored.bytes.count == expected else {
        throw ModelError(
            "got \(stored.bytes.count) bytes for \(stored.width) x \(stored.height) pixels of "
                + "\(stored.channels) channels, expected 1 or 3 channels")
    }
    let upright = try stored.upright(orientation: orientation)
    let sized = try fitted(coloured(upright, how.colour), how)
    let values = normalized(levels(sized.bytes), spec, lastAxis: sized.channels)
    let isPlanes = how.layout == .nchw
    let shape = isPlanes
        ? [1, sized.channels, sized.height, sized.width] : [1, sized.height, sized.width, sized.channels]
    let laid = isPlanes ? planes(values, channels: sized.channels) : values
    return ModelTensor(
        type: spec.tensor.type, shape: shape, values: try elements(of: laid, for: spec.tensor))
}

/// Return the model's input for a tensor of one sample, without its batch dimension.
///
/// Throws `ModelError` where its shape is not the model's or a value is none that the model takes.
func modelInput(tensor sample: ModelTensor, _ spec: InputSpec) throws -> ModelTensor {
    let shape = [1] + sample.shape
    guard sample.values.count == elementCount(shape) && fits(shape, spec.tensor.shape) else {
        throw ModelError(
            "got \(sample.values.count) values of shape \(sample.shape) for \(spec.tensor.name), "
                + "expected \(spec.tensor.shape) without the first size")
    }
    var values = sample.values
    if !spec.isCast {
        let lastAxis = sample.shape.count > 0 ? sample.shape[sample.shape.count - 1] : 1
        guard spec.mean.count == 1 || spec.mean.count == lastAxis else {
            throw ModelError("got \(lastAxis) values in the last axis, expected \(spec.mean.count)")
        }
        values = normalized(values, spec, lastAxis: lastAxis)
    }
    return ModelTensor(
        type: spec.tensor.type, shape: shape, values: try elements(of: values, for: spec.tensor))
}

/// Whether a shape is the wanted one, where -1 takes any size.
func fits(_ shape: [Int], _ wanted: [Int]) -> Bool {
    if shape.count != wanted.count { return false }
    for i in 0..<shape.count {
        if wanted[i] != -1 && wanted[i] != shape[i] { return false }
    }
    return true
}

func levels(_ bytes: [UInt8]) -> [Double] {
    var values = [Double](repeating: 0.0, count: bytes.count)
    for i in 0..<bytes.count {
        values[i] = Double(bytes[i])
    }
    return values
}

/// Every step is rounded to 32 bits, as on the machine that the model was validated on.
func normalized(_ values: [Double], _ spec: InputSpec, lastAxis: Int) -> [Double] {
    let scale = Float(spec.scale)
    var mean = [Float](repeating: Float(spec.mean[0]), count: lastAxis)
    var std = [Float](repeating: Float(spec.std[0]), count: lastAxis)
    for c in 0..<lastAxis {
        if spec.mean.count > 1 { mean[c] = Float(spec.mean[c]) }
        if spec.std.count > 1 { std[c] = Float(spec.std[c]) }
    }
    var result = [Double](repeating: 0.0, count: values.count)
    for i in 0..<values.count {
        let c = i % lastAxis
        result[i] = Double((Float(values[i]) * scale - mean[c]) / std[c])
    }
    return result
}

/// Return the values with each channel in a plane of its own.
func planes(_ values: [Double], channels: Int) -> [Double] {
    let area = values.count / channels
    var result = [Double](repeating: 0.0, count: values.count)
    for i in 0..<area {
        for c in 0..<channels {
            result[c * area + i] = values[i * channels + c]
        }
    }
    return result
}

/// Return ITU-R BT.601 luma, in 16-bit fixed point.
func luma(_ red: Int, _ green: Int, _ blue: Int) -> UInt8 {
    let sum = 19595 * red + 38470 * green + 7471 * blue
    return UInt8((sum + 32768) >> 16)
}

/// Return the image in the model's channels.
func coloured(_ image: Pixels, _ colour: Colour) -> Pixels {
    if colour == .grey && image.channels == 1 { return image }
    let area = image.width * image.height
    let channels = colour == .grey ? 1 : 3
    var bytes = [UInt8](repeating: UInt8(0), count: area * channels)
    for i in 0..<area {
        let red = image.bytes[i * image.channels]
        let green = image.channels == 3 ? image.bytes[i * 3 + 1] : red
        let blue = image.channels == 3 ? image.bytes[i * 3 + 2] : red
        if colour == .grey {
            bytes[i] = luma(Int(red), Int(green), Int(blue))
        } else {
            bytes[i * 3] = colour == .bgr ? blue : red
            bytes[i * 3 + 1] = green
            bytes[i * 3 + 2] = colour == .bgr ? red : blue
        }
    }
    return Pixels(width: image.width, height: image.height, channels: channels, bytes: bytes)
}

/// Return the image in the model's size.
func fitted(_ image: Pixels, _ spec: ImageSpec) throws -> Pixels {
    let isAnySize = spec.width == 0 || spec.height == 0
    if isAnySize || (image.width == spec.width && image.height == spec.height) { return image }
    if spec.fit == .exact {
        throw ModelError(
            "got an image of \(image.width) x \(image.height) pixels, expected "
                + "\(spec.width) x \(spec.height)")
    }
    if spec.fit == .stretch {
        return resized(image, width: spec.width, height: spec.height, spec.interpolation)
    }
    return covered(image, spec)
}

/// Scale until both sides are covered, then take the centre.
func covered(_ image: Pixels, _ spec: ImageSpec) -> Pixels {
    let down = Double(spec.height) / Double(image.height)
    let across = Double(spec.width) / Double(image.width)
    let ratio = max(down, across)
    let scaledHeight = Double(image.height) * ratio
    let scaledWidth = Double(image.width) * ratio
    let height = max(spec.height, Int(scaledHeight.rounded(.toNearestOrEven)))
    let width = max(spec.width, Int(scaledWidth.rounded(.toNearestOrEven)))
    let large = resized(image, width: width, height: height, spec.interpolation)
    let top = (height - spec.height) / 2
    let left = (width - spec.width) / 2
    let row = spec.width * image.channels
    var bytes = [UInt8](repeating: UInt8(0), count: spec.height * row)
    for y in 0..<spec.height {
        for i in 0..<row {
            bytes[y * row + i] = large.bytes[((y + top) * width + left) * image.channels + i]
        }
    }
    return Pixels(width: spec.width, height: spec.height, channels: image.channels, bytes: bytes)
}
