"""Model files of Hugging Face, at one fixed commit, from the local cache or downloaded."""

import contextlib
import re
from pathlib import Path

from edgekit import formats
from edgekit.core.reason import reason
from edgekit.errors import ModelLoadError, UsageError
from edgekit.system import packages

PREFIX = "hf:"
PART = r"[A-Za-z0-9][\w.-]*"
REF = re.compile(rf"hf:(?P<repo>{PART}/{PART})(?:/(?P<file>[^@]+))?(?:@(?P<revision>.*))?")
# A branch or a tag can point elsewhere tomorrow; a commit cannot.
COMMIT = re.compile(r"[0-9a-f]{40}")
# What exporters call the weights beside an `.onnx` file of more than 2 GB, or by choice.
WEIGHTS = ("*.onnx_data*", "*.onnx.data*")
BESIDE = ("_data", ".data")


def fetch(ref: str, *, download: bool) -> Path:
    """Return the model file behind `hf:owner/name@commit` or `hf:owner/name/path/file@commit`.

    Only the local cache is looked at unless `download` is given. The path lies in the cache's
    snapshot, with the name it has in the repository. Raises `UsageError` for a reference that is
    not pinned, `ModelLoadError` where the file is not there or not the only one.
    """
    repo, file, revision = parse(ref)
    if file is not None:
        return _one_file(ref, repo, file, revision, download=download)
    folder = _snapshot(ref, repo, revision, download=download)
    known = formats.loaded_suffixes()
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in known and path.is_file()
    )
    if not found:
        raise ModelLoadError(f"got no model file in {ref}", f"expected one of {' '.join(known)}")
    if len(found) > 1:
        names = [path.relative_to(folder).as_posix() for path in found]
        raise ModelLoadError(
            f"got {len(found)} model files in {ref}: {', '.join(names[:8])}",
            f"name one: {PREFIX}{repo}/{names[0]}@{revision}",
        )
    return found[0]


def parse(ref: str) -> tuple[str, str | None, str]:
    """Return the repository, the file in it or None, and the commit. Raises `UsageError`."""
    match = REF.fullmatch(ref)
    if match is None:
        raise UsageError(
            f"got '{ref}', expected hf:owner/name@commit or hf:owner/name/path/file@commit",
            "owner and name are those in the address of the model's page",
        )
    repo, file, revision = match["repo"], match["file"], match["revision"]
    if file is not None and any(part in {"", ".", ".."} for part in re.split(r"[/\\]", file)):
        raise UsageError(
            f"got '{ref}', expected a path inside the repository",
            f"name the file as the repository lists it: {PREFIX}{repo}/path/file@commit",
        )
    if revision is None or not COMMIT.fullmatch(revision):
        what = "no revision" if revision is None else f"revision '{revision}', which can move"
        raise UsageError(f"got {what} in '{ref}', expected a commit", _how_to_pin(ref, repo))
    return repo, file, revision


def _how_to_pin(ref: str, repo: str) -> str:
    name, _, revision = ref.partition("@")
    known = _cached_commit(repo, revision or "main")
    if known:
        return f"pin the one in your cache: {name}@{known}"
    return f"give its 40 digits, from the commits page of {repo}: {name}@..."


def _cached_commit(repo: str, revision: str) -> str | None:
    try:
        from huggingface_hub import constants
    except ModuleNotFoundError:
        return None
    path = Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}" / "refs" / revision
    try:
        text = path.read_text().strip()
    except (OSError, ValueError):
        return None
    return text if COMMIT.fullmatch(text) else None


def _one_file(ref: str, repo: str, file: str, revision: str, *, download: bool) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ModuleNotFoundError as error:
        raise packages.missing("huggingface_hub") from error
    try:
        path = hf_hub_download(repo, file, revision=revision, local_files_only=not download)
        for end in BESIDE if file.endswith(".onnx") else ():
            with contextlib.suppress(Exception):  # most files have none
                hf_hub_download(repo, file + end, revision=revision, local_files_only=not download)
    except Exception as error:
        raise _absent(ref, error, download=download) from error
    return Path(path)


def _snapshot(ref: str, repo: str, revision: str, *, download: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise packages.missing("huggingface_hub") from error
    try:
        path = snapshot_download(
            repo,
            revision=revision,
            local_files_only=not download,
            allow_patterns=[*(f"*{suffix}" for suffix in formats.loaded_suffixes()), *WEIGHTS],
        )
    except Exception as error:
        raise _absent(ref, error, download=download) from error
    return Path(path)


def _absent(ref: str, error: Exception, *, download: bool) -> ModelLoadError:
    if not download:
        return ModelLoadError(
            f"got {ref}, which is not in the local cache",
            "give --download, or download = true in edgekit.toml, to fetch it",
        )
    return ModelLoadError(
        f"got no {ref} from Hugging Face: {type(error).__name__}: {reason(error)}",
        "check the name, the commit and the network; a gated model needs huggingface-cli login",
    )
