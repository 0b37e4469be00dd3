/// An image as it is stored: row by row, 8 bits a channel.
///
/// `channels` is 1 for grey or 3 for red, green, blue. There is no alpha: it is dropped.
public struct Pixels {
    public let width: Int
    public let height: Int
    public let channels: Int
    public let bytes: [UInt8]

    public init(width: Int, height: Int, channels: Int, bytes: [UInt8]) {
        self.width = width
        self.height = height
        self.channels = channels
        self.bytes = bytes
    }

    /// Return the pixels of a buffer of red, green, blue, and a fourth byte that is dropped.
    public static func fromRGBA(_ buffer: [UInt8], width: Int, height: Int, bytesPerRow: Int) -> Pixels {
        return picked(buffer, width: width, height: height, bytesPerRow: bytesPerRow,
                      step: 4, offsets: [0, 1, 2])
    }

    /// Return the pixels of a buffer of blue, green, red, and a fourth byte that is dropped.
    public static func fromBGRA(_ buffer: [UInt8], width: Int, height: Int, bytesPerRow: Int) -> Pixels {
        return picked(buffer, width: width, height: height, bytesPerRow: bytesPerRow,
                      step: 4, offsets: [2, 1, 0])
    }

    /// Return the pixels of a buffer with one byte for each.
    public static func fromGrey(_ buffer: [UInt8], width: Int, height: Int, bytesPerRow: Int) -> Pixels {
        return picked(buffer, width: width, height: height, bytesPerRow: bytesPerRow,
                      step: 1, offsets: [0])
    }

    /// Take the bytes at `offsets` out of every `step` bytes of every row.
    static func picked(
        _ buffer: [UInt8], width: Int, height: Int, bytesPerRow: Int, step: Int, offsets: [Int]
    ) -> Pixels {
        let channels = offsets.count
        var bytes = [UInt8](repeating: UInt8(0), count: width * height * channels)
        for y in 0..<height {
            for x in 0..<width {
                for c in 0..<channels {
                    bytes[(y * width + x) * channels + c] = buffer[y * bytesPerRow + x * step + offsets[c]]
                }
            }
        }
        return Pixels(width: width, height: height, channels: channels, bytes: bytes)
    }

    /// Return the image upright, from how it lies: EXIF orientation 1 to 8, as
    /// `CGImagePropertyOrientation` counts them.
    func upright(orientation: Int) throws -> Pixels {
        guard orientation >= 1 && orientation <= 8 else {
            throw ModelError("got orientation \(orientation), expected 1 to 8")
        }
        if orientation == 1 { return self }
        let turned = orientation >= 5
        let newWidth = turned ? height : width
        let newHeight = turned ? width : height
        var result = [UInt8](repeating: UInt8(0), count: bytes.count)
        for y in 0..<newHeight {
            for x in 0..<newWidth {
                let source = sourceIndex(x: x, y: y, orientation: orientation)
                for c in 0..<channels {
                    result[(y * newWidth + x) * channels + c] = bytes[source * channels + c]
                }
            }
        }
        return Pixels(width: newWidth, height: newHeight, channels: channels, bytes: result)
    }

    /// Return which stored pixel comes to column `x`, row `y` of the upright image.
    func sourceIndex(x: Int, y: Int, orientation: Int) -> Int {
        let right = width - 1
        let bottom = height - 1
        switch orientation {
        case 2: return y * width + (right - x)
        case 3: return (bottom - y) * width + (right - x)
        case 4: return (bottom - y) * width + x
        case 5: return x * width + y
        case 6: return (bottom - x) * width + y
        case 7: return (bottom - x) * width + (right - y)
        default: return x * width + (right - y)
        }
    }
}
