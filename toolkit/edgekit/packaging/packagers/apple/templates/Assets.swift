import CryptoKit
import Foundation

/// The files that the package carries: model files, labels and golden vectors.
enum Assets {
    /// Return where a file of the package lies.
    static func url(_ path: String) throws -> URL {
        guard let folder = Bundle.module.resourceURL else {
            throw ModelError("got a bundle without resources, expected one with \(path)")
        }
        let url = folder.appendingPathComponent(path)
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw ModelError("got no file \(path) in the package's bundle, expected one")
        }
        return url
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        return [UInt8](try Data(contentsOf: try url(path)))
    }

    /// Return the names of the classes, none where they have none.
    static func labels() throws -> [String] {
        guard hasLabels else { return [] }
        return labelLines(
            String(decoding: try Data(contentsOf: try url("labels.txt")), as: UTF8.self))
    }

    /// Return the sha256 of a file in lower-case hex.
    static func sha256(_ path: String) throws -> String {
        return sha256(data: try Data(contentsOf: try url(path), options: .mappedIfSafe))
    }

    /// Return the sha256 of bytes in lower-case hex.
    static func sha256(data: Data) -> String {
        return SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
    }
}
