"""Sessions of ONNX Runtime, as every module of `formats` opens them.

`runtimes/onnxruntime.py` opens its own: it goes to boards, and a board has no edgekit.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

SILENT = 4


class Optimized(NamedTuple):
    """A file that ONNX Runtime writes a model to, as its optimizers of a level leave the graph.

    `without` names optimizers that are left out; `entries` are settings of the session by key.
    """

    path: Path
    level: Literal["BASIC", "EXTENDED"]
    without: tuple[str, ...] = ()
    entries: Mapping[str, str] = {}


def open_session(model: bytes | Path, written: Optimized | None = None) -> Any:
    """Return an `InferenceSession` of a model on the CPU: all threads, all optimizers.

    With `written` it has only the optimizers that the file is to have. The runtime prints nothing
    and reports nothing; it raises its own exceptions, which share no class.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    if written is not None:
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = getattr(levels, f"ORT_ENABLE_{written.level}")
        options.optimized_model_filepath = str(written.path)
        for key, value in written.entries.items():
            options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=list(written.without) if written else None,
    )
