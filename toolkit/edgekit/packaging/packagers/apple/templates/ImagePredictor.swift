import CoreGraphics
import CoreVideo
import Foundation
import ImageIO

/// Runs the model on an image. Make one and keep it; use it from one thread at a time.
public final class Predictor {
    private let model: LoadedModel

    /// Load the default variant, or the one of this name (see `Variants`).
    public init(variant name: String? = nil) throws {
        let variant = try name.map { try Variants.named($0) } ?? Variants.all()[0]
        model = try LoadedModel(variant)
    }

    /// Return the model's outputs for an image, as 32-bit floats.
    ///
    /// `orientation` says how the image lies, as EXIF or a `UIImage` has it; the model sees it
    /// upright.
    public func predict(
        _ image: CGImage, orientation: CGImagePropertyOrientation = .up
    ) throws -> [ModelTensor] {
        return try model.realOutputs([try preprocess(image, orientation: orientation)])
    }

    /// The same for a frame of a camera or video, in 32BGRA.
    public func predict(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up
    ) throws -> [ModelTensor] {
        return try model.realOutputs([try preprocess(buffer, orientation: orientation)])
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

    private func preprocess(
        _ pixels: Pixels, _ orientation: CGImagePropertyOrientation
    ) throws -> ModelTensor {
        return try modelInput(
            image: pixels, orientation: Int(orientation.rawValue), model.variant.inputs[0])
    }
}
