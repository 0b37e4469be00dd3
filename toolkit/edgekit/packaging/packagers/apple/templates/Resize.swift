/// How a new pixel is made of old ones.
public enum Interpolation: String {
    case nearest, bilinear, antialias
}

/// Which pixels each output pixel is made of along one axis, `perOutput` for each, and how much of each.
struct Taps {
    let perOutput: Int
    let index: [Int]
    let weight: [Double]
}

/// Return the taps of a resize from `sizeIn` to `sizeOut` pixels, at half-pixel centres.
///
/// The sums go in one order, so that every language gets the same bits.
func taps(from sizeIn: Int, to sizeOut: Int, _ interpolation: Interpolation) -> Taps {
    let ratio = Double(sizeIn) / Double(sizeOut)
    if interpolation == .nearest {
        return nearestTaps(from: sizeIn, to: sizeOut, ratio: ratio)
    }
    let isAntialias = interpolation == .antialias
    let halfWidth = isAntialias ? max(1.0, ratio) : 1.0
    let perOutput = 2 * Int(halfWidth.rounded(.up)) + 1
    var index = [Int](repeating: 0, count: sizeOut * perOutput)
    var weight = [Double](repeating: 0.0, count: sizeOut * perOutput)
    for i in 0..<sizeOut {
        let centre = (Double(i) + 0.5) * ratio - 0.5
        let first = Int((centre - halfWidth).rounded(.up))
        var sum = 0.0
        for k in 0..<perOutput {
            let at = first + k
            let isInside = at >= 0 && at < sizeIn
            let distance = abs(Double(at) - centre)
            let raw = max(0.0, 1.0 - distance / halfWidth)
            let used = isInside || !isAntialias ? raw : 0.0
            sum = sum + used
            weight[i * perOutput + k] = used
            index[i * perOutput + k] = min(sizeIn - 1, max(0, at))
        }
        for k in 0..<perOutput {
            weight[i * perOutput + k] = weight[i * perOutput + k] / sum
        }
    }
    return Taps(perOutput: perOutput, index: index, weight: weight)
}

func nearestTaps(from sizeIn: Int, to sizeOut: Int, ratio: Double) -> Taps {
    var index = [Int](repeating: 0, count: sizeOut)
    for i in 0..<sizeOut {
        let centre = (Double(i) + 0.5) * ratio - 0.5
        let under = centre + 0.5
        index[i] = min(sizeIn - 1, max(0, Int(under.rounded(.down))))
    }
    return Taps(perOutput: 1, index: index, weight: [Double](repeating: 1.0, count: sizeOut))
}

/// Resize an image, width first; each axis is rounded by itself, half up.
func resized(_ image: Pixels, width: Int, height: Int, _ interpolation: Interpolation) -> Pixels {
    var result = image
    if image.width != width {
        result = resizedAcross(image, to: width, interpolation)
    }
    if image.height != height {
        result = resizedDown(result, to: height, interpolation)
    }
    return result
}

func resizedAcross(_ image: Pixels, to width: Int, _ interpolation: Interpolation) -> Pixels {
    let made = taps(from: image.width, to: width, interpolation)
    let channels = image.channels
    var bytes = [UInt8](repeating: UInt8(0), count: image.height * width * channels)
    for y in 0..<image.height {
        for x in 0..<width {
            for c in 0..<channels {
                var total = 0.0
                for k in 0..<made.perOutput {
                    let tap = x * made.perOutput + k
                    let source = (y * image.width + made.index[tap]) * channels + c
                    total = total + Double(image.bytes[source]) * made.weight[tap]
                }
                bytes[(y * width + x) * channels + c] = pixelLevel(total)
            }
        }
    }
    return Pixels(width: width, height: image.height, channels: channels, bytes: bytes)
}

func resizedDown(_ image: Pixels, to height: Int, _ interpolation: Interpolation) -> Pixels {
    let made = taps(from: image.height, to: height, interpolation)
    let row = image.width * image.channels
    var bytes = [UInt8](repeating: UInt8(0), count: height * row)
    for y in 0..<height {
        for i in 0..<row {
            var total = 0.0
            for k in 0..<made.perOutput {
                let tap = y * made.perOutput + k
                total = total + Double(image.bytes[made.index[tap] * row + i]) * made.weight[tap]
            }
            bytes[y * row + i] = pixelLevel(total)
        }
    }
    return Pixels(width: image.width, height: height, channels: image.channels, bytes: bytes)
}

func pixelLevel(_ value: Double) -> UInt8 {
    let raised = value + 0.5
    return UInt8(min(255.0, max(0.0, raised.rounded(.down))))
}
