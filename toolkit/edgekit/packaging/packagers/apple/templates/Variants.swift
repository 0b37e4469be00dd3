/// Whether the classes have names, in `labels.txt`.
let hasLabels: Bool = [[ has_labels ]]

/// The sha256 of the names, each with a line feed after it, as they were validated.
let labelsSha256: String = [[ labels_sha256 ]]

/// The variants' names, the one that lost least against the float model first.
let namesByQuality: [String] = [ [[- by_quality -]] ]

/// The model files of this package, the default first.
func packagedVariants() -> [Variant] {
    return [
[% for variant in variants %]
        packagedVariant[[ loop.index0 ]]()[[ "" if loop.last else "," ]]
[% endfor %]
    ]
}
[% for variant in variants %]

func packagedVariant[[ loop.index0 ]]() -> Variant {
    return Variant(
        name: [[ variant.name ]],
        file: [[ variant.file ]],
        sizeBytes: [[ variant.size_bytes ]],
        inputs: packagedInputs[[ loop.index0 ]](),
        outputs: [
[% for output in variant.outputs %]
            [[ output ]][[ "" if loop.last else "," ]]
[% endfor %]
        ],
        files: [
[% for file in variant.files %]
            [[ file ]][[ "" if loop.last else "," ]]
[% endfor %]
        ],
        golden: packagedGolden[[ loop.index0 ]](),
        isAlike: [[ variant.is_alike ]]
    )
}

func packagedInputs[[ loop.index0 ]]() -> [InputSpec] {
    var inputs: [InputSpec] = []
[% for input in variant.inputs %]
    inputs.append(
        InputSpec(
            tensor: [[ input.tensor ]],
            image: [[ input.image ]],
            scale: [[ input.scale ]],
            mean: [[ input.mean ]],
            std: [[ input.std ]],
            isCast: [[ input.is_cast ]]
        )
    )
[% endfor %]
    return inputs
}

func packagedGolden[[ loop.index0 ]]() -> [GoldenSample] {
    var samples: [GoldenSample] = []
[% for sample in variant.golden %]
    samples.append(
        GoldenSample(
            image: [[ sample.image ]],
            orientation: [[ sample.orientation ]],
            isProbe: [[ sample.is_probe ]],
            samples: [ [[- sample.samples -]] ],
            inputs: [ [[- sample.inputs -]] ],
            outputs: [ [[- sample.outputs -]] ],
            values: [ [[- sample.values -]] ],
            top: [[ sample.top ]]
        )
    )
[% endfor %]
    return samples
}
[% endfor %]
