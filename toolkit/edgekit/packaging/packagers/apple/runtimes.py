"""What a Swift package depends on, by the format of the model file.

Where the facts come from, each read on 2026-11-23:

LiteRT: `litert/swift/README.md` and `Package.swift` of google-ai-edge/LiteRT: an official Swift
package, taken by the branch of a release, product `LiteRT` for iOS 15 and macOS 12.
TensorFlowLiteSwift, the older way, is a CocoaPod and stands at 2.17.

ExecuTorch: `docs/source/using-executorch-ios.md` of pytorch/executorch: Swift packages on branches
`swiftpm-VERSION`, iOS 17 and macOS 14, libraries to be linked with `-all_load`. Public reports
agree that `swiftpm-1.5.0` exists; of 1.5.1 they contradict each other.

Core ML: a part of the system; the exporter's packages need iOS 16 or macOS 13.
"""

from typing import NamedTuple

from edgekit.packaging.nouns import Dependency


class SourcePackage(NamedTuple):
    """A Swift package elsewhere: its address, the branch to take, and its name."""

    url: str
    branch: str
    package: str


class Runtime(NamedTuple):
    """A runtime: the template that calls it, what it needs, and the oldest systems."""

    title: str
    source: str
    ios: int
    macos: int
    source_package: SourcePackage | None = None
    products: tuple[str, ...] = ()
    dependency: Dependency | None = None
    load_all: bool = False


LITERT = "2.3.0"
EXECUTORCH = "1.5.0"

_LITERT = Runtime(
    title=f"LiteRT {LITERT}",
    source="LiteRtRuntime",
    ios=15,
    macos=12,
    source_package=SourcePackage(
        "https://github.com/google-ai-edge/LiteRT", f"release/{LITERT}", "LiteRT"
    ),
    products=("LiteRT",),
    dependency=Dependency(
        name="LiteRT",
        version=LITERT,
        purl=f"pkg:swift/github.com/google-ai-edge/LiteRT@{LITERT}",
        licence="Apache-2.0",
    ),
)


def _executorch(*backends: str) -> Runtime:
    return Runtime(
        title=f"ExecuTorch {EXECUTORCH}",
        source="ExecuTorchRuntime",
        ios=17,
        macos=14,
        source_package=SourcePackage(
            "https://github.com/pytorch/executorch", f"swiftpm-{EXECUTORCH}", "executorch"
        ),
        # Quantizing at the inputs and outputs, and what a delegate leaves, is done by the kernels.
        products=("executorch", *backends, "kernels_optimized", "kernels_quantized"),
        dependency=Dependency(
            name="executorch",
            version=EXECUTORCH,
            purl=f"pkg:swift/github.com/pytorch/executorch@{EXECUTORCH}",
            licence="BSD-3-Clause",
        ),
        load_all=True,
    )


RUNTIMES: dict[str, Runtime] = {
    "tflite": _LITERT,
    "executorch": _executorch("backend_xnnpack"),
    "executorch_portable": _executorch(),
    "executorch_coreml": _executorch("backend_coreml"),
    "coreml": Runtime(title="Core ML", source="CoreMlRuntime", ios=16, macos=13),
}
