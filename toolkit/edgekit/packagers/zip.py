"""A plain archive: the model file, its manifest, and golden vectors. The same bytes every time."""

import io
import zipfile
from pathlib import Path

from edgekit import store
from edgekit.core.artifact import Artifact
from edgekit.core.package import Package
from edgekit.core.run import Run
from edgekit.core.target import Target
from edgekit.manifest import GOLDEN_FILE, golden_path, manifest


def package(
    run: Run, artifact: Artifact, target: Target | None, run_folder: Path, output: Path
) -> Package:
    """Write `output/<artifact>-<target>.zip` from what the run recorded."""
    kernels = target.kernels if target else "optimized"
    files = {Path(artifact.path).name: (run_folder / artifact.path).read_bytes()}
    golden = golden_path(run.measurement(artifact.sha256, kernels), run_folder)
    if golden is not None:
        files[GOLDEN_FILE] = golden.read_bytes()
    described = manifest(run, artifact, target, files)
    data = _archive({**files, "manifest.json": described.to_json().encode()})
    stem = f"{described.name}-{described.recipe}-{target.id if target else described.format}"
    path = output / f"{stem}.zip"
    store.write_bytes(path, data)
    return Package(
        kind="zip",
        path=str(path),
        sha256=store.sha256_bytes(data),
        size_bytes=len(data),
        manifest=described,
    )


def _archive(files: dict[str, bytes]) -> bytes:
    """Return a zip whose bytes depend on names and contents alone: no times, no host."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()
