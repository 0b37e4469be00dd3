"""What TensorFlow Lite Micro's C++ calls the operators of a file."""

# What follows `Add` in the methods of MicroMutableOpResolver, as of its header in 2025, for each
# operator of TensorFlow Lite. Not those of variables, which want memory of their own.
METHODS = {
    name: "Add" + method
    for name, method in (
        line.split()
        for line in """
        ABS Abs
        ADD Add
        ADD_N AddN
        ARG_MAX ArgMax
        ARG_MIN ArgMin
        AVERAGE_POOL_2D AveragePool2D
        BATCH_MATMUL BatchMatMul
        BATCH_TO_SPACE_ND BatchToSpaceNd
        BROADCAST_ARGS BroadcastArgs
        BROADCAST_TO BroadcastTo
        CAST Cast
        CEIL Ceil
        CONCATENATION Concatenation
        CONV_2D Conv2D
        COS Cos
        CUMSUM CumSum
        DEPTH_TO_SPACE DepthToSpace
        DEPTHWISE_CONV_2D DepthwiseConv2D
        DEQUANTIZE Dequantize
        DIV Div
        ELU Elu
        EMBEDDING_LOOKUP EmbeddingLookup
        EQUAL Equal
        EXP Exp
        EXPAND_DIMS ExpandDims
        FILL Fill
        FLOOR Floor
        FLOOR_DIV FloorDiv
        FLOOR_MOD FloorMod
        FULLY_CONNECTED FullyConnected
        GATHER Gather
        GATHER_ND GatherNd
        GREATER Greater
        GREATER_EQUAL GreaterEqual
        HARD_SWISH HardSwish
        IF If
        L2_NORMALIZATION L2Normalization
        L2_POOL_2D L2Pool2D
        LEAKY_RELU LeakyRelu
        LESS Less
        LESS_EQUAL LessEqual
        LOG Log
        LOG_SOFTMAX LogSoftmax
        LOGICAL_AND LogicalAnd
        LOGICAL_NOT LogicalNot
        LOGICAL_OR LogicalOr
        LOGISTIC Logistic
        MAX_POOL_2D MaxPool2D
        MAXIMUM Maximum
        MEAN Mean
        MINIMUM Minimum
        MIRROR_PAD MirrorPad
        MUL Mul
        NEG Neg
        NOT_EQUAL NotEqual
        PACK Pack
        PAD Pad
        PADV2 PadV2
        PRELU Prelu
        QUANTIZE Quantize
        REDUCE_MAX ReduceMax
        REDUCE_MIN ReduceMin
        RELU Relu
        RELU6 Relu6
        RESHAPE Reshape
        RESIZE_BILINEAR ResizeBilinear
        RESIZE_NEAREST_NEIGHBOR ResizeNearestNeighbor
        REVERSE_V2 ReverseV2
        ROUND Round
        RSQRT Rsqrt
        SELECT_V2 SelectV2
        SHAPE Shape
        SIN Sin
        SLICE Slice
        SOFTMAX Softmax
        SPACE_TO_BATCH_ND SpaceToBatchNd
        SPACE_TO_DEPTH SpaceToDepth
        SPLIT Split
        SPLIT_V SplitV
        SQRT Sqrt
        SQUARE Square
        SQUARED_DIFFERENCE SquaredDifference
        SQUEEZE Squeeze
        STRIDED_SLICE StridedSlice
        SUB Sub
        SUM Sum
        SVDF Svdf
        TANH Tanh
        TRANSPOSE Transpose
        TRANSPOSE_CONV TransposeConv
        UNIDIRECTIONAL_SEQUENCE_LSTM UnidirectionalSequenceLSTM
        UNPACK Unpack
        WHILE While
        ZEROS_LIKE ZerosLike
        """.strip().splitlines()
    )
}
