/// One class with the model's own score for it.
public struct Classification {
    public let label: String
    public let index: Int
    public let score: Float
}

/// Return the `count` likeliest classes by the elements that a classifier's file gives.
func classes(
    _ count: Int, of outputs: [ModelTensor], _ specs: [TensorSpec], labels: [String]
) throws -> [Classification] {
    let real = try realTensors(outputs, specs)
    return try top(count, of: real[0], labels: labels)
}

/// Return the `count` largest scores, largest first; of equal ones the lower index first, NaN last.
///
/// Without labels a class is called by its index. Throws `ModelError` where labels and scores differ
/// in number, or where no class is asked for.
func top(_ count: Int, of scores: ModelTensor, labels: [String]) throws -> [Classification] {
    guard count >= 1 else {
        throw ModelError("got \(count) for topK, expected 1 or more")
    }
    let values = scores.values
    guard labels.count == 0 || labels.count == values.count else {
        throw ModelError("got \(values.count) scores, expected one for each of \(labels.count) labels")
    }
    var isTaken = [Bool](repeating: false, count: values.count)
    var found: [Classification] = []
    for _ in 0..<min(count, values.count) {
        var best = -1
        for i in 0..<values.count {
            if !isTaken[i] && (best < 0 || isAbove(values[i], values[best])) { best = i }
        }
        isTaken[best] = true
        let label = labels.count == 0 ? String(best) : labels[best]
        found.append(Classification(label: label, index: best, score: Float(values[best])))
    }
    return found
}

/// Whether a score ranks before another; any number ranks before NaN.
func isAbove(_ score: Double, _ other: Double) -> Bool {
    return score > other || (other.isNaN && !score.isNaN)
}
