"""A package's own Swift logic, run without Apple's systems: its pure sources, translated.

What they ask of the device is bridged: a PNG is decoded by Pillow into the buffer that Core
Graphics would hand to the shipped code, SHA-256 is hashlib's, and inference is the real LiteRT or
ExecuTorch.
"""

import hashlib
import io

import numpy as np
import swift_runtime
from PIL import Image
from swift_expressions import mangled
from swift_translate import translated

PURE = (
    "ModelTensor", "Pixels", "Preprocess", "Resize", "Scores", "SelfTestStages", "Variant",
    "Variants",
)  # fmt: skip


class SwiftPackage:
    """An unpacked package: `files` maps its paths to bytes."""

    def __init__(self, files: dict[str, bytes], *, strict: bool = False):
        self.files, self.strict = files, strict
        found = {path.split("/")[-1].removesuffix(".swift"): path for path in self.sources()}
        self.names = translated(
            {file: files[found[file]].decode() for file in PURE if file in found}, strict=strict
        )

    def sources(self) -> list[str]:
        return [path for path in self.files if "/Sources/" in path and path.endswith(".swift")]

    def __getattr__(self, name):
        return self.names[name]

    def function(self, name: str, *labels: str):
        return self.names[mangled(name, list(labels))]

    def resource(self, path: str) -> bytes:
        found = [data for name, data in self.files.items() if name.endswith(f"/Resources/{path}")]
        if len(found) != 1:
            raise swift_runtime.SwiftError(f"got no file {path}")
        return found[0]

    def octets(self, data: bytes) -> list:
        return list(map(swift_runtime.SIZED["UInt8"], data)) if self.strict else list(data)

    def pixels(self, array: np.ndarray):
        """Hand stored pixels over as Core Graphics would: grey, or with a fourth byte."""
        height, width, channels = array.shape
        if channels == 3:
            array = np.dstack([array, np.full((height, width), 255, np.uint8)])
        kind = "fromGrey" if channels == 1 else "fromRGBA"
        make = getattr(self.Pixels, mangled(kind, ["", "width", "height", "bytesPerRow"]))
        step = 1 if channels == 1 else 4
        # Rows are padded, as buffers of images often are.
        padded = np.pad(array.reshape(height, width * step), ((0, 0), (0, 5)), constant_values=77)
        return make(self.octets(padded.tobytes()), width, height, width * step + 5)

    def tensor(self, array: np.ndarray):
        return self.ModelTensor(
            type=array.dtype.name, shape=list(array.shape),
            values=[float(value) for value in array.reshape(-1)],
        )  # fmt: skip

    def self_test(self):
        """Return the shipped report of the shipped self-test, as `SelfTest.run()` puts it."""
        findings, notes = [], []
        for variant in getattr(self.Variants, mangled("all", []))():
            examination = self.Examination(
                variant=variant,
                vectors=self.octets(self.resource("golden/vectors.bin")),
                device=Bridge(self),
            )
            findings += examination.findings()
            notes += examination.notes()
        findings += self.function("labelFindings", "")(Bridge(self))
        return self.SelfTestReport(findings=findings, notes=notes)


class Bridge:
    """What the shipped self-test asks of a device."""

    def __init__(self, package: SwiftPackage):
        self.package = package
        setattr(self, mangled("pixels", ["of"]), self.decode)
        setattr(self, mangled("sha256", ["of"]), self.digest)
        setattr(self, mangled("labels", []), self.labels)
        setattr(self, mangled("sha256", ["ofText"]), self.text_digest)
        setattr(self, mangled("run", ["", ""]), self.run)

    def decode(self, image: str):
        with Image.open(io.BytesIO(self.package.resource(image))) as opened:
            stored = np.asarray(opened if opened.mode == "L" else opened.convert("RGB"))
        return self.package.pixels(stored[..., None] if stored.ndim == 2 else stored)

    def digest(self, path: str) -> str:
        return hashlib.sha256(self.package.resource(path)).hexdigest()

    def labels(self) -> list[str]:
        if not self.package.hasLabels:
            return []
        return self.package.function("labelLines", "")(self.package.resource("labels.txt").decode())

    def text_digest(self, text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    def run(self, variant, inputs: list) -> list:
        arrays = [np.array(each.values).reshape(each.shape).astype(each.type) for each in inputs]
        if variant.file.endswith(".mlpackage"):
            raise swift_runtime.SwiftError("Core ML runs on Apple's systems only")
        run = executorch if variant.file.endswith(".pte") else litert
        return [self.package.tensor(a) for a in run(self.package.resource(variant.file), arrays)]


def litert(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    for border, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.resize_tensor_input(border["index"], array.shape)
    interpreter.allocate_tensors()
    for border, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(border["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(border["index"]) for border in interpreter.get_output_details()]


def executorch(model: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    import torch
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(model).load_method("forward")
    outputs = method.execute([torch.from_numpy(np.ascontiguousarray(each)) for each in inputs])
    return [output.numpy().copy() for output in outputs]
