import CoreGraphics
import CoreVideo
import Foundation
import ImageIO

/// Says what an image shows. Make one and keep it; use it from one thread at a time.
public final class Classifier {
    /// The names of the classes in the model's order; empty where they have none.
    public let labels: [String]
    private let model: LoadedModel

    /// Load the default variant, or the one of this name (see `Variants`).
    public init(variant name: String? = nil) throws {
        let variant = try name.map { try Variants.named($0) } ?? Variants.all()[0]
        labels = try Assets.labels()
        model = try LoadedModel(variant)
    }

    /// Return the `topK` likeliest classes of an image, likeliest first.
    ///
    /// `orientation` says how the image lies, as EXIF or a `UIImage` has it; the model sees it
    /// upright. A score is the model's own output. Throws `ModelError` where `topK` is less than 1.
    public func classify(
        _ image: CGImage, orientation: CGImagePropertyOrientation = .up, topK: Int = 5
    ) throws -> [Classification] {
        return try classify([try preprocess(image, orientation: orientation)], topK: topK)
    }

    /// The same for a frame of a camera or video, in 32BGRA.
    public func classify(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up, topK: Int = 5
    ) throws -> [Classification] {
        return try classify([try preprocess(buffer, orientation: orientation)], topK: topK)
    }

    /// Return what the model gets for an image.
    public func preprocess(
        _ image: CGImage, orientation: CGImagePropertyOrientation = .up
    ) throws -> ModelTensor {
        return try preprocess(try Pixels(image), orientation)
    }

    /// Return what the model gets for a frame.
    public func preprocess(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up
    ) throws -> ModelTensor {
        return try preprocess(try Pixels(buffer), orientation)
    }

    /// Run the model file on the elements that it takes; return the elements that it gives.
    public func run(_ inputs: [ModelTensor]) throws -> [ModelTensor] {
        return try model.run(inputs)
    }

    private func classify(_ inputs: [ModelTensor], topK: Int) throws -> [Classification] {
        return try classes(
            topK, of: try model.run(inputs), model.variant.outputs, labels: labels)
    }

    private func preprocess(
        _ pixels: Pixels, _ orientation: CGImagePropertyOrientation
    ) throws -> ModelTensor {
        return try modelInput(
            image: pixels, orientation: Int(orientation.rawValue), model.variant.inputs[0])
    }
}
