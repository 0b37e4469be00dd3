"""Files that Keras 2 wrote and Keras 3 has no way to read, loaded by tf_keras: Keras 2 kept alive.

The model becomes a frozen graph, as a SavedModel does. Nothing of a file is run but layers and
functions on a list: tf_keras imports whatever module a file names, and calls whatever of TensorFlow
a lambda layer names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit.core import layout as layouts
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.errors import EdgekitError, MissingExtraError, ModelLoadError
from edgekit.formats import graph
from edgekit.formats.keras import building, tracing
from edgekit.formats.keras import file as keras_file
from edgekit.system import packages

PACKAGE = "tf_keras"

# Where built-in classes of Keras 2 come from, by the first parts of their modules.
MODULES = (
    "keras.layers", "keras.initializers", "keras.regularizers", "keras.constraints", "keras.models",
    "keras.mixed_precision", "keras.src.engine", "keras.src.layers", "keras.engine",
)  # fmt: skip
# Layers and models that only compute, whatever their configs hold.
LAYERS = {
    "Activation", "ActivityRegularization", "Add", "AddLoss", "AddMetric", "AdditiveAttention",
    "AlphaDropout", "Attention", "Average", "AveragePooling1D", "AveragePooling2D",
    "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D", "BatchNormalization",
    "BatchNormalizationV1", "BatchNormalizationV2", "Bidirectional", "CategoryEncoding",
    "CenterCrop", "Concatenate", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D",
    "Conv3DTranspose", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Convolution1D",
    "Convolution1DTranspose", "Convolution2D", "Convolution2DTranspose", "Convolution3D",
    "Convolution3DTranspose", "Cropping1D", "Cropping2D", "Cropping3D", "CuDNNGRU", "CuDNNLSTM",
    "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Discretization", "Dot", "Dropout", "ELU",
    "EinsumDense", "Embedding", "Flatten", "Functional", "GRU", "GRUCell", "GRUCellV1", "GRUCellV2",
    "GRUV1", "GRUV2", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D", "GlobalAvgPool2D",
    "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GroupNormalization",
    "HashedCrossing", "Hashing", "Identity", "InputLayer", "IntegerLookup", "LSTM", "LSTMCell",
    "LSTMCellV1", "LSTMCellV2", "LSTMV1", "LSTMV2", "Layer", "LayerNormalization", "LeakyReLU",
    "LocallyConnected1D", "LocallyConnected2D", "Masking", "MaxPool1D", "MaxPool2D", "MaxPool3D",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "Minimum", "Model",
    "MultiHeadAttention", "Multiply", "Normalization", "PReLU", "Permute", "RNN",
    "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomFourierFeatures",
    "RandomHeight", "RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom", "ReLU",
    "RepeatVector", "Rescaling", "Reshape", "Resizing", "SeparableConv1D", "SeparableConv2D",
    "SeparableConvolution1D", "SeparableConvolution2D", "Sequential", "SimpleRNN", "SimpleRNNCell",
    "Softmax", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "SpectralNormalization",
    "StackedRNNCells", "StringLookup", "Subtract", "SyncBatchNormalization", "TextVectorization",
    "ThresholdedReLU", "TimeDistributed", "UnitNormalization", "UpSampling1D", "UpSampling2D",
    "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
}  # fmt: skip
# What configs of layers hold besides: initializers, regularizers, constraints, policies.
PARTS = {
    "Constant", "ConstantV2", "GlorotNormal", "GlorotNormalV2", "GlorotUniform", "GlorotUniformV2",
    "HeNormal", "HeNormalV2", "HeUniform", "HeUniformV2", "Identity", "IdentityV2", "L1", "L1L2",
    "L2", "LecunNormal", "LecunNormalV2", "LecunUniform", "LecunUniformV2", "MaxNorm", "MinMaxNorm",
    "NonNeg", "Ones", "OnesV2", "Orthogonal", "OrthogonalRegularizer", "OrthogonalV2", "Policy",
    "PolicyV1", "RadialConstraint", "RandomNormal", "RandomNormalV2", "RandomUniform",
    "RandomUniformV2", "TruncatedNormal", "TruncatedNormalV2", "UnitNorm", "VarianceScaling",
    "VarianceScalingV2", "Zeros", "ZerosV2",
}  # fmt: skip
# How values that are no numbers are written. What a function is, is looked at by itself.
VALUES = {
    "TensorShape", "__bytes__", "__ellipsis__", "__numpy__", "__tensor__", "__tuple__", "function",
}  # fmt: skip
# Layers that hold a function, by the argument that names it.
CALLING = {"TFOpLambda": "function", "SlicingOpLambda": "function"}
# What tf_keras has, and what may hold anything: a method, a class, a node of a graph, bytecode.
OPAQUE = {
    "ClassMethod", "CompositeTensor", "DenseFeatures", "DeviceWrapper", "DropoutWrapper",
    "InstanceMethod", "InstanceProperty", "Lambda", "LinearModel", "ResidualWrapper",
    "SequenceFeatures", "TensorFlowOpLayer", "TypeSpec", "WideDeepModel", "__lambda__",
    "__typespec__",
}  # fmt: skip
KNOWN = LAYERS | PARTS | VALUES
# Parts of TensorFlow in which every function only computes.
COMPUTING = ("math.", "nn.", "linalg.", "__operators__.")
FUNCTIONS = {
    "abs", "add", "argmax", "argmin", "argsort", "batch_to_space", "boolean_mask", "broadcast_to",
    "cast", "clip_by_value", "concat", "constant", "cos", "cumsum", "divide", "einsum",
    "ensure_shape", "equal", "exp", "expand_dims", "eye", "fill", "floor", "gather", "gather_nd",
    "greater", "greater_equal", "identity", "image.adjust_brightness", "image.adjust_contrast",
    "image.central_crop", "image.convert_image_dtype", "image.crop_and_resize",
    "image.crop_to_bounding_box", "image.extract_patches", "image.flip_left_right",
    "image.flip_up_down", "image.grayscale_to_rgb", "image.pad_to_bounding_box",
    "image.per_image_standardization", "image.resize", "image.resize_with_crop_or_pad",
    "image.resize_with_pad", "image.rgb_to_grayscale", "image.rgb_to_hsv", "image.rot90",
    "image.transpose", "less", "less_equal", "linspace", "logical_and", "logical_not", "logical_or",
    "matmul", "maximum", "meshgrid", "minimum", "multiply", "negative", "norm", "not_equal",
    "one_hot", "ones", "ones_like", "pad", "pow", "range", "rank", "realdiv", "reduce_all",
    "reduce_any", "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod",
    "reduce_sum", "repeat", "reshape", "reverse", "roll", "round", "shape", "sigmoid", "sign",
    "sin", "size", "slice", "sort", "space_to_batch_nd", "split", "sqrt", "square", "squeeze",
    "stack", "stop_gradient", "strided_slice", "subtract", "tanh", "tensordot", "tile", "transpose",
    "truediv", "unstack", "where", "zeros", "zeros_like",
}  # fmt: skip
ACTIVATIONS = {
    "elu", "exponential", "gelu", "hard_sigmoid", "leaky_relu", "linear", "mish", "relu", "relu6",
    "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "swish", "tanh",
}  # fmt: skip


def check(config: Any, path: Path) -> None:
    """Refuse a file that names more than layers and functions on a list. Raises `ModelLoadError`.

    `config` is the whole one, as `file.read_config` returns it.
    """
    config = _of_model(config)
    for module, kind, inner in _imports(config):
        if not _is_built_in(module, kind, inner):
            raise ModelLoadError(
                f"got {kind} of module {module} in {path}, expected layers of Keras: loading it "
                "would import code",
                "name the code that builds the model, file.py:factory, or give --trust",
            )
    for kind, name, inner in keras_file.objects(config):
        refused = _refused(kind, inner)
        if refused:
            raise ModelLoadError(
                f"got {refused} in layer {name} of {path}, expected one of the layers and "
                "functions that only compute",
                "rewrite it with layers, or give --trust if you know where the file is from",
            )


def _of_model(config: Any) -> Any:
    """Return a config without how the model is trained, which tf_keras is told to leave."""
    return {key: value for key, value in config.items() if key != "compile_config"}


def _refused(kind: str, inner: keras_file.Config) -> str | None:
    """Return what of an object could do more than compute, or None."""
    if kind in CALLING:
        function = str(inner.get(CALLING[kind]))
        return None if _computes(function) else function
    if kind not in KNOWN:
        return kind
    for key, value in inner.items():
        if key.endswith(("_fn_type", "function_type")) and value == "lambda":
            return f"{key}={value}"
        if key == "vocabulary" and isinstance(value, str):
            return f"a vocabulary in another file, {value},"
    return None


def _computes(function: str) -> bool:
    plain = function.removeprefix("compat.v1.")
    if plain.startswith("keras.activations."):
        return plain.removeprefix("keras.activations.") in ACTIVATIONS
    return plain in FUNCTIONS or plain.startswith(COMPUTING)


def _imports(node: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield module, class and config of all that a config would import."""
    if isinstance(node, dict):
        module = node.get("module")
        if isinstance(module, str) and "class_name" in node:
            yield module, str(node["class_name"]), node.get("config")
        for value in node.values():
            yield from _imports(value)
    elif isinstance(node, list):
        for value in node:
            yield from _imports(value)


def _is_built_in(module: str, kind: str, inner: Any) -> bool:
    if kind == "function":
        return module == "builtins" and inner in ACTIVATIONS
    plain = module.removeprefix("tf_")
    is_ours = plain == "keras" or any(f"{plain}.".startswith(f"{each}.") for each in MODULES)
    return is_ours and kind.isidentifier() and kind[0].isupper()


def load(source: ModelSource, card: ModelCard, *, trust: bool, first: ModelLoadError) -> FloatModel:
    """Load the file by tf_keras; `first` is what the loading by Keras 3 ended with.

    Raises `first` for a file of classes that are its author's own, `MissingExtraError` where
    tf_keras is not installed, `ModelLoadError` for a file that is unsafe, or that it cannot load
    either.
    """
    path, why = Path(source.path), first.__cause__ or first
    config = keras_file.read_config(path)
    if keras_file.lacks_class(why) and _has_own(config, trust=trust):
        raise first
    if not trust:
        check(config, path)
    if packages.installed(PACKAGE) is None:
        hint = packages.missing(PACKAGE).hint
        raise MissingExtraError(
            f"got a file of Keras 2 that Keras 3 cannot load, and no {PACKAGE} to try it with: "
            f"{source.ref}: {reason(why)}",
            hint,
        )
    import tf_keras

    try:
        model = tf_keras.models.load_model(path, compile=False, safe_mode=not trust)
        building.refuse_text(model, source.ref)
        note = f"loaded by tf_keras {tf_keras.__version__}, for Keras 3 cannot: {_short(why)}"
        return graph.model_of(source, _graph(model, card, tf_keras), card, (note,))
    except EdgekitError:
        raise
    except Exception as error:
        if keras_file.lacks_class(error) and keras_file.lacks_class(why):
            raise first from error
        raise ModelLoadError(
            f"got a file that neither Keras 3 nor Keras 2 can load: {source.ref}: {reason(error)}",
            "load it where it was trained, and save it as a SavedModel: "
            "tf.saved_model.save(model, folder)",
        ) from error


def _has_own(config: Any, *, trust: bool) -> bool:
    """Return whether a file names classes that tf_keras has not, and may not import either."""
    known = KNOWN | OPAQUE | CALLING.keys()
    model = _of_model(config)
    imported = {kind for _, kind, _ in _imports(model)} if trust else set()
    return any(kind not in known | imported for kind, _, _ in keras_file.objects(model))


def _short(why: BaseException) -> str:
    """Return what was wrong, which Keras says last, in one sentence."""
    lines = [line for line in str(why).splitlines() if line.strip()]
    last = lines[-1] if lines else type(why).__name__
    return last.removeprefix("Exception encountered: ").split(". ")[0]


def _graph(model: Any, card: ModelCard, keras: Any) -> graph.Graph:
    """Return the model's graph, its recurrent layers unrolled, its open sizes the card's."""
    import tensorflow as tf

    specs = tuple(building.spec_of(each) for each in model.inputs)
    fixed, _ = layouts.fixed(specs, card.sample_shapes("keras"))

    def call(tensors: list[Any]) -> Any:
        packed = tf.nest.pack_sequence_as(model._nested_inputs, tensors)  # noqa: SLF001
        return tf.nest.flatten(model(packed, training=False))

    layers = model._flatten_layers()  # noqa: SLF001 - the public way misses nested ones
    tracing.unroll_layers(
        [layer for layer in layers if isinstance(layer, keras.layers.RNN)],
        lambda: tracing.traced(call, fixed, batch=1),
    )
    traced = tracing.traced(call, fixed, batch=None)
    return graph.from_function(traced, model.input_names, _unique(model.output_names))


def _unique(names: list[str]) -> list[str]:
    """Return names with a number behind those that were there before."""
    return [f"{n}_{names[:i].count(n)}" if n in names[:i] else n for i, n in enumerate(names)]
