"""What stays float in an int8 file: all but weights' operators, where a net has attention.

LayerNorm's variance, and scores with the -inf of a mask, have ranges that no 8 bits hold.
"""

from typing import Any

from edgekit.formats.tflite import file as tflite_file

WEIGHTED = ("CONV_2D", "CONV_2D_TRANSPOSE", "DEPTHWISE_CONV_2D", "EMBEDDING_LOOKUP",
            "FULLY_CONNECTED")  # fmt: skip
BORDERS = ("INPUT", "OUTPUT", "ALL_SUPPORTED", "CUSTOM_OP")
NOTE = (
    "only linear layers and convolutions are int8: the net has attention or LayerNorm, which lose "
    "too much in int8, and run faster so"
)


def spare(work: Any, model: bytes) -> tuple[str, ...]:
    """Tell ai-edge-quantizer to leave in float what loses too much; return what to say of it."""
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    found = set(tflite_file.described(model).op_histogram)
    if not {"BATCH_MATMUL", "SOFTMAX"} <= found and "RSQRT" not in found:
        return ()
    for name in qtyping.TFLOperationName:
        if name.name not in (*WEIGHTED, *BORDERS):
            work.update_quantization_recipe(
                regex=".*", operation_name=name, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
    return (NOTE,)
