import Foundation

/// Whether this device computes what was validated.
public enum SelfTest {
    /// Test every variant. It loads each model file, so call it off the main thread.
    ///
    ///     print(SelfTest.run().text)
    public static func run() -> SelfTestReport {
        var findings: [Finding] = []
        var notes: [String] = []
        for variant in Variants.all() {
            do {
                let vectors = try Assets.bytes("golden/vectors.bin")
                let examination = Examination(variant: variant, vectors: vectors, device: ThisDevice())
                findings += examination.findings()
                notes += examination.notes()
            } catch {
                let text = "the golden vectors cannot be read: \(error)"
                findings.append(Finding(variant: variant.name, stage: "decode", sample: -1, text: text))
            }
        }
        findings += labelFindings(ThisDevice())
        return SelfTestReport(findings: findings, notes: notes)
    }
}

/// The device by way of the functions that the API uses.
private final class ThisDevice: TestedDevice {
    private var loaded: LoadedModel?

    func pixels(of image: String) throws -> Pixels {
[% if takes_image %]
        return try Pixels(contentsOf: try Assets.url(image))
[% else %]
        throw ModelError("got the picture \(image), expected none: the model takes tensors")
[% endif %]
    }

    func sha256(of path: String) throws -> String {
        return try Assets.sha256(path)
    }

    func labels() throws -> [String] {
        return try Assets.labels()
    }

    func sha256(ofText text: String) -> String {
        return Assets.sha256(data: Data(text.utf8))
    }

    func run(_ variant: Variant, _ inputs: [ModelTensor]) throws -> [ModelTensor] {
        let model = try loaded ?? LoadedModel(variant)
        loaded = model
        return try model.run(inputs)
    }
}
