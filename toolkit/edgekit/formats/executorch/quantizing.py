"""Which operators PT2E quantizes for XNNPACK and the portable kernels, and which stay float."""

from typing import Any

from edgekit.core.recipe import Recipe

# What joins two tensors. Each side gets one range for the whole tensor.
JOINS = {"add", "add_", "cat", "mul", "mul_"}
# Where these are, sums and products carry scores, variances and residuals whose ranges lie far
# apart: quantized, such nets lose most of their answers, and they are hardly smaller or faster.
ATTENDING = {
    "baddbmm", "bmm", "layer_norm", "matmul", "native_layer_norm", "rsqrt",
    "scaled_dot_product_attention",
}  # fmt: skip
JOINS_NOTE = (
    "sums, products and concatenations stay float: the net has attention or LayerNorm, which lose "
    "too much in int8; its linear layers and convolutions are int8"
)


def quantizer(recipe: Recipe) -> Any:
    """Return XNNPACK's quantizer, per channel, for what its kernels compute well."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

    class Sparing(XNNPACKQuantizer):  # type: ignore[misc]
        def _annotate_for_quantization_config(self, model: Any) -> Any:
            annotated = super()._annotate_for_quantization_config(model)
            for node in model.graph.nodes:
                # The one for `cat` does not ask the filter.
                if not _is_quantized(node):
                    node.meta.pop(Q_ANNOTATION_KEY, None)
            return annotated

    config = get_symmetric_quantization_config(
        is_per_channel=True, is_dynamic=recipe.method == "dynamic"
    )
    return Sparing().set_global(config).set_filter_function(_is_quantized)


def remarks(graph: Any, recipe: Recipe) -> tuple[str, ...]:
    """Return what to say of the operators of `graph` that stay float."""
    joins = any(_name(node) in JOINS for node in graph.nodes)
    said = recipe.method == "static" and joins and _attends(graph)
    return (JOINS_NOTE,) if said else ()


def _is_quantized(node: Any) -> bool:
    return not (_name(node) in JOINS and _attends(node.graph))


def _attends(graph: Any) -> bool:
    return any(_name(node) in ATTENDING for node in graph.nodes)


def _name(node: Any) -> str:
    return str(node.target).removeprefix("aten.").split(".")[0]
