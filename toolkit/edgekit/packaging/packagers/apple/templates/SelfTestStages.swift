import Foundation

/// One thing that the self-test found wrong.
///
/// `stage` is `decode`, `preprocess`, `inference` or `result`; `sample` counts from 0, and is -1
/// where a file is at fault. `variant` is empty where the labels are, which all variants share.
public struct Finding {
    public let variant: String
    public let stage: String
    public let sample: Int
    public let text: String
}

/// What the self-test has to say.
public struct SelfTestReport {
    public let findings: [Finding]
    public let notes: [String]

    /// Whether nothing was found.
    public var passed: Bool { return findings.count == 0 }

    /// The report in words: a line for each finding and note, then `passed` or where it failed.
    public var text: String {
        var lines: [String] = []
        for finding in findings {
            let place = finding.variant == "" ? "" : " (variant \(finding.variant))"
            lines.append("\(finding.stage): \(finding.text)\(place)")
        }
        for note in notes {
            lines.append(note)
        }
        var failed: [String] = []
        for stage in ["decode", "preprocess", "inference", "result"] {
            for finding in findings {
                if finding.stage == stage && !failed.contains(stage) { failed.append(stage) }
            }
        }
        lines.append(passed ? "passed" : "FAILED in \(failed.joined(separator: ", "))")
        return lines.joined(separator: "\n")
    }
}

/// What the self-test asks of the device: the very functions that the API uses.
protocol TestedDevice {
    /// Decode a picture of the package.
    func pixels(of image: String) throws -> Pixels
    /// Return the sha256 of a file of the package, in lower-case hex.
    func sha256(of path: String) throws -> String
    /// Return the names of the classes, none where they have none.
    func labels() throws -> [String]
    /// Return the sha256 of a text in UTF-8, in lower-case hex.
    func sha256(ofText text: String) -> String
    /// Run a variant's model file.
    func run(_ variant: Variant, _ inputs: [ModelTensor]) throws -> [ModelTensor]
}

/// Return what is wrong with the names of the classes: a rotated list gives wrong answers.
func labelFindings(_ device: any TestedDevice) -> [Finding] {
    if !hasLabels { return [] }
    var text = ""
    do {
        let labels = try device.labels()
        let got = device.sha256(ofText: labels.joined(separator: "\n") + "\n")
        if got == labelsSha256 { return [] }
        text = "labels.txt is not the one that was validated"
    } catch {
        text = "labels.txt cannot be read: \(error)"
    }
    return [Finding(variant: "", stage: "result", sample: -1, text: text)]
}

/// The self-test of one variant: each stage starts from the golden result of the one before it.
struct Examination {
    let variant: Variant
    let vectors: [UInt8]
    let device: any TestedDevice

    /// Return what is wrong, in the order decode, preprocess, inference, result.
    func findings() -> [Finding] {
        var found: [Finding] = []
        for stage in ["decode", "preprocess"] {
            found += stageFindings(stage)
        }
        return found + inferenceFindings() + stageFindings("result")
    }

    func stageFindings(_ stage: String) -> [Finding] {
        var found: [Finding] = []
        for number in 0..<variant.golden.count {
            if let text = fault(in: stage, of: variant.golden[number]) {
                found.append(finding(stage, number, text))
            }
        }
        return found
    }

    /// Return what was not tested, or proves little.
    func notes() -> [String] {
        if variant.isAlike {
            return ["note: the golden outputs are all alike, another model could pass too "
                + "(variant \(variant.name))"]
        }
        for sample in variant.golden {
            if !sample.isProbe && sample.outputs.count == 0 {
                return ["inference: not compared, this file was not run where it was made "
                    + "(variant \(variant.name))"]
            }
        }
        return []
    }

    func finding(_ stage: String, _ number: Int, _ text: String) -> Finding {
        let words = number < 0 ? text : "sample \(number) \(text)"
        return Finding(variant: variant.name, stage: stage, sample: number, text: words)
    }

    /// Return what is wrong with one sample in one stage, or nil.
    func fault(in stage: String, of sample: GoldenSample) -> String? {
        do {
            if stage == "decode" { return try decodeFault(sample) }
            if stage == "preprocess" { return try preprocessFault(sample) }
            if stage == "inference" { return try inferenceFault(sample) }
            return try resultFault(sample)
        } catch {
            return "cannot be computed: \(error)"
        }
    }

    /// A file that is not the validated one is not run.
    func inferenceFindings() -> [Finding] {
        var found: [Finding] = []
        for file in variant.files {
            if let text = fileFault(file) {
                found.append(finding("inference", -1, text))
            }
        }
        if found.count > 0 { return found }
        for number in 0..<variant.golden.count {
            let sample = variant.golden[number]
            if sample.isProbe { continue }
            if let text = fault(in: "inference", of: sample) {
                found.append(finding("inference", number, text))
            }
        }
        return found
    }

    func fileFault(_ file: ModelFile) -> String? {
        do {
            let got = try device.sha256(of: file.path)
            if got == file.sha256 { return nil }
            return "\(file.path) has sha256 \(got), validated was \(file.sha256)"
        } catch {
            return "\(file.path) cannot be read: \(error)"
        }
    }

    /// Compare every channel: a grey picture may be decoded to red, green and blue.
    func decodeFault(_ sample: GoldenSample) throws -> String? {
        if sample.image == "" { return nil }
        let golden = sample.samples[0]
        let expected = try tensor(golden)
        let got = try device.pixels(of: sample.image)
        guard got.height == golden.shape[0] && got.width == golden.shape[1] else {
            return "is \(got.width) x \(got.height) pixels, expected \(golden.shape[1]) x \(golden.shape[0])"
        }
        let wanted = golden.shape.count == 2 ? 1 : golden.shape[2]
        let channels = max(got.channels, wanted)
        let count = got.height * got.width * channels
        var here = [Double](repeating: 0.0, count: count)
        var there = [Double](repeating: 0.0, count: count)
        for i in 0..<count {
            let pixel = i / channels
            let c = i % channels
            let mine = pixel * got.channels + c % got.channels
            here[i] = Double(got.bytes[mine])
            there[i] = expected.values[pixel * wanted + c % wanted]
        }
        return difference(here, there, golden.tolerance)
    }

    func preprocessFault(_ sample: GoldenSample) throws -> String? {
        var got: [ModelTensor] = []
        for i in 0..<sample.samples.count {
            let before = try tensor(sample.samples[i])
            let spec = variant.inputs[i]
            if sample.image == "" {
                got.append(try modelInput(tensor: before, spec))
            } else {
                got.append(try modelInput(image: pixels(before), orientation: sample.orientation, spec))
            }
        }
        return try fault(got, sample.inputs)
    }

    func inferenceFault(_ sample: GoldenSample) throws -> String? {
        var inputs: [ModelTensor] = []
        for golden in sample.inputs {
            inputs.append(try tensor(golden))
        }
        let got = try device.run(variant, inputs)
        if sample.outputs.count == 0 { return outputFault(got) }
        return try fault(got, sample.outputs)
    }

    /// What the API makes of the golden outputs: real values[% if is_classifier %], and the likeliest class[% endif %].
    func resultFault(_ sample: GoldenSample) throws -> String? {
        if sample.outputs.count == 0 { return nil }
        var outputs: [ModelTensor] = []
        for golden in sample.outputs {
            outputs.append(try tensor(golden))
        }
        if sample.values.count > 0 {
            let real = try realTensors(outputs, variant.outputs)
            if let text = try fault(real, sample.values) { return text }
        }
[% if is_classifier %]
        guard let expected = sample.top else { return nil }
        let labels = try device.labels()
        let first = try classes(1, of: outputs, variant.outputs, labels: labels)[0]
        if first.index != expected { return "is class \(first.index), expected \(expected)" }
        let name = labels.count == 0 ? String(expected) : labels[expected]
        if first.label != name { return "is called \(first.label), expected \(name)" }
[% endif %]
        return nil
    }

    /// Return what can be said against outputs that there is nothing to compare with.
    func outputFault(_ got: [ModelTensor]) -> String? {
        if got.count != variant.outputs.count {
            return "gives \(got.count) outputs, expected \(variant.outputs.count)"
        }
        for i in 0..<got.count {
            if !fits(got[i].shape, variant.outputs[i].shape) {
                return "gives shape \(got[i].shape), expected \(variant.outputs[i].shape)"
            }
            for value in got[i].values {
                if !value.isFinite { return "gives \(value), expected finite numbers" }
            }
        }
        return nil
    }

    /// Compare arrays with their golden ones.
    func fault(_ got: [ModelTensor], _ golden: [GoldenTensor]) throws -> String? {
        if got.count != golden.count { return "gives \(got.count) arrays, expected \(golden.count)" }
        for i in 0..<got.count {
            if got[i].shape != golden[i].shape {
                return "has shape \(got[i].shape), expected \(golden[i].shape)"
            }
            let expected = try tensor(golden[i])
            if let text = difference(got[i].values, expected.values, golden[i].tolerance) {
                return text
            }
        }
        return nil
    }

    /// Return the largest difference in words where it is more than allowed. NaN always is.
    func difference(_ got: [Double], _ expected: [Double], _ tolerance: Double) -> String? {
        if got.count != expected.count {
            return "has \(got.count) elements, expected \(expected.count)"
        }
        var largest = 0.0
        for i in 0..<got.count {
            let gap = abs(got[i] - expected[i])
            if gap.isNaN { return "differs by NaN, allowed \(short(tolerance))" }
            largest = max(largest, gap)
        }
        if largest <= tolerance { return nil }
        return "differs by \(short(largest)), allowed \(short(tolerance))"
    }

    func tensor(_ golden: GoldenTensor) throws -> ModelTensor {
        let count = elementCount(golden.shape)
        let values = try readElements(vectors, at: golden.offset, count: count, as: golden.type)
        return ModelTensor(type: golden.type, shape: golden.shape, values: values)
    }

    func pixels(_ sample: ModelTensor) -> Pixels {
        var bytes = [UInt8](repeating: UInt8(0), count: sample.values.count)
        for i in 0..<bytes.count {
            bytes[i] = UInt8(sample.values[i])
        }
        let channels = sample.shape.count == 2 ? 1 : sample.shape[2]
        return Pixels(width: sample.shape[1], height: sample.shape[0], channels: channels, bytes: bytes)
    }

    func short(_ value: Double) -> String {
        return String(format: "%.3g", value)
    }
}
