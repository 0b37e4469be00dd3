import Foundation

/// One array in `golden/vectors.bin`: row-major, little-endian, from byte `offset` on.
///
/// `tolerance` is the largest difference of any element that still counts as the same.
struct GoldenTensor {
    let type: TensorElement
    let shape: [Int]
    let offset: Int
    let tolerance: Double
}

/// One sample on its way: picture, samples, the model's inputs, its outputs, what an app gets.
///
/// `image` is empty where the model takes no pictures; `orientation` says how it lies. The probe is
/// a drawn picture that tells colours and sides apart: no model was asked about it. `values` are
/// quantized outputs as real values; `top` is the class that a classifier gives.
struct GoldenSample {
    let image: String
    let orientation: Int
    let isProbe: Bool
    let samples: [GoldenTensor]
    let inputs: [GoldenTensor]
    let outputs: [GoldenTensor]
    let values: [GoldenTensor]
    let top: Int?
}

/// A file of the package and the sha256 that it was validated with.
struct ModelFile {
    let path: String
    let sha256: String
}

/// One model file in the package, with how it is fed and what is known of it.
public struct Variant {
    public let name: String
    public let file: String
    public let sizeBytes: Int
    public let inputs: [InputSpec]
    public let outputs: [TensorSpec]
    let files: [ModelFile]
    let golden: [GoldenSample]
    /// Whether one answer, whatever the input, would pass for all golden samples.
    let isAlike: Bool
}

/// The model files of this package: the first is what an app gets unless it asks for another.
public struct Variants {
    /// Return every variant, the default first.
    public static func all() -> [Variant] {
        return packagedVariants()
    }

    /// Return the variant of this name. Throws `ModelError` where there is none.
    public static func named(_ name: String) throws -> Variant {
        var names: [String] = []
        for variant in packagedVariants() {
            if variant.name == name { return variant }
            names.append(variant.name)
        }
        throw ModelError("got variant \(name), expected one of \(names.joined(separator: ", "))")
    }

    /// Return the best variant of at most `maxSizeBytes`, or the smallest where none is so small.
    public static func pick(maxSizeBytes: Int) throws -> Variant {
        var chosen = packagedVariants()[0]
        for name in namesByQuality {
            let variant = try named(name)
            if variant.sizeBytes <= maxSizeBytes { return variant }
            if variant.sizeBytes < chosen.sizeBytes { chosen = variant }
        }
        return chosen
    }
}

/// Return the lines of `labels.txt`, one for each class.
func labelLines(_ text: String) -> [String] {
    var lines = text.components(separatedBy: "\n")
    if lines[lines.count - 1] == "" { lines.removeLast() }
    return lines
}
