import CoreGraphics
import CoreVideo
import Foundation
import ImageIO

extension Pixels {
    /// Return the pixels of an image as they are stored, not turned.
    ///
    /// The numbers are taken as they are: no colour profile is applied, as none was when the model
    /// was validated. Alpha is blended with black, which leaves opaque images as they are.
    init(_ image: CGImage) throws {
        let isGrey = image.colorSpace?.model == .monochrome && image.alphaInfo == .none
        self = try isGrey ? Pixels.grey(image) : Pixels.colour(image)
    }

    private static func grey(_ image: CGImage) throws -> Pixels {
        let space = image.colorSpace ?? CGColorSpaceCreateDeviceGray()
        let buffer = try drawn(image, space: space, bytesPerPixel: 1, info: CGImageAlphaInfo.none.rawValue)
        return fromGrey(buffer, width: image.width, height: image.height, bytesPerRow: image.width)
    }

    private static func colour(_ image: CGImage) throws -> Pixels {
        // Drawing into the image's own space converts nothing. A palette's base is such a space;
        // what is neither (CMYK, Lab, grey with alpha) is converted to sRGB.
        let own = image.colorSpace?.model == .indexed ? image.colorSpace?.baseColorSpace : image.colorSpace
        let isRGB = own?.model == .rgb
        guard let space = isRGB ? own : CGColorSpace(name: CGColorSpace.sRGB) else {
            throw ModelError("got no colour space to draw the image in, expected sRGB")
        }
        let info = CGImageAlphaInfo.noneSkipLast.rawValue | CGBitmapInfo.byteOrder32Big.rawValue
        let buffer = try drawn(image, space: space, bytesPerPixel: 4, info: info)
        return fromRGBA(buffer, width: image.width, height: image.height, bytesPerRow: image.width * 4)
    }

    private static func drawn(
        _ image: CGImage, space: CGColorSpace, bytesPerPixel: Int, info: UInt32
    ) throws -> [UInt8] {
        let row = image.width * bytesPerPixel
        var buffer = [UInt8](repeating: 0, count: row * image.height)
        try buffer.withUnsafeMutableBytes { memory in
            guard let context = CGContext(
                data: memory.baseAddress, width: image.width, height: image.height,
                bitsPerComponent: 8, bytesPerRow: row, space: space, bitmapInfo: info)
            else {
                throw ModelError("got an image that cannot be drawn with 8 bits a channel")
            }
            context.interpolationQuality = .none
            context.draw(image, in: CGRect(x: 0, y: 0, width: image.width, height: image.height))
        }
        return buffer
    }

    /// Return the pixels of a camera's or video's buffer.
    ///
    /// Throws `ModelError` for other formats than 32BGRA, 32RGBA and one 8-bit component: how YCbCr
    /// becomes colour is the app's choice.
    init(_ buffer: CVPixelBuffer) throws {
        let format = CVPixelBufferGetPixelFormatType(buffer)
        let known = [
            kCVPixelFormatType_32BGRA, kCVPixelFormatType_32RGBA, kCVPixelFormatType_OneComponent8,
        ]
        guard known.contains(format) else {
            throw ModelError(
                "got pixel format \(format), expected kCVPixelFormatType_32BGRA, 32RGBA or OneComponent8")
        }
        let width = CVPixelBufferGetWidth(buffer)
        let height = CVPixelBufferGetHeight(buffer)
        let row = CVPixelBufferGetBytesPerRow(buffer)
        let bytes = try Pixels.copied(buffer, count: row * height)
        if format == kCVPixelFormatType_32BGRA {
            self = Pixels.fromBGRA(bytes, width: width, height: height, bytesPerRow: row)
        } else if format == kCVPixelFormatType_32RGBA {
            self = Pixels.fromRGBA(bytes, width: width, height: height, bytesPerRow: row)
        } else {
            self = Pixels.fromGrey(bytes, width: width, height: height, bytesPerRow: row)
        }
    }

    private static func copied(_ buffer: CVPixelBuffer, count: Int) throws -> [UInt8] {
        guard CVPixelBufferLockBaseAddress(buffer, .readOnly) == kCVReturnSuccess else {
            throw ModelError("got a pixel buffer that cannot be locked, expected one that can be read")
        }
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        guard let address = CVPixelBufferGetBaseAddress(buffer) else {
            throw ModelError("got a pixel buffer without memory, expected packed pixels")
        }
        return [UInt8](UnsafeRawBufferPointer(start: address, count: count))
    }

    /// Decode a file such as a PNG, not turned.
    init(contentsOf url: URL) throws {
        guard let source = CGImageSourceCreateWithURL(url as CFURL, nil),
            let image = CGImageSourceCreateImageAtIndex(source, 0, nil)
        else {
            throw ModelError("got \(url.lastPathComponent), expected an image that can be decoded")
        }
        self = try Pixels(image)
    }
}
