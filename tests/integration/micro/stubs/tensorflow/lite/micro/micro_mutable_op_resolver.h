// A stub for tests: the methods of MicroMutableOpResolver as the true header of 2025 has them, which
// note what was added. A method that is not in that header must not be added to this list.
#pragma once

#include "tensorflow/lite/micro/micro_common.h"

STUB_BEGIN

class MicroOpResolver {
 public:
  virtual ~MicroOpResolver() = default;
  virtual const char* const* Names() const = 0;
  virtual unsigned Count() const = 0;
};

inline const TFLMRegistration& StubRegistration() {
  static const TFLMRegistration registration;
  return registration;
}

#define STUB_ADD(name)                                                               \
  TfLiteStatus Add##name(const TFLMRegistration& registration = StubRegistration()) { \
    return Note("Add" #name, registration);                                          \
  }

template <unsigned int tOpCount>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  explicit MicroMutableOpResolver() {}

  const char* const* Names() const override { return names_; }
  unsigned Count() const override { return count_; }

  STUB_ADD(Abs)
  STUB_ADD(Add)
  STUB_ADD(AddN)
  STUB_ADD(ArgMax)
  STUB_ADD(ArgMin)
  STUB_ADD(AveragePool2D)
  STUB_ADD(BatchMatMul)
  STUB_ADD(BatchToSpaceNd)
  STUB_ADD(BroadcastArgs)
  STUB_ADD(BroadcastTo)
  STUB_ADD(Cast)
  STUB_ADD(Ceil)
  STUB_ADD(Concatenation)
  STUB_ADD(Conv2D)
  STUB_ADD(Cos)
  STUB_ADD(CumSum)
  STUB_ADD(DepthToSpace)
  STUB_ADD(DepthwiseConv2D)
  STUB_ADD(Dequantize)
  STUB_ADD(Div)
  STUB_ADD(Elu)
  STUB_ADD(EmbeddingLookup)
  STUB_ADD(Equal)
  STUB_ADD(Exp)
  STUB_ADD(ExpandDims)
  STUB_ADD(Fill)
  STUB_ADD(Floor)
  STUB_ADD(FloorDiv)
  STUB_ADD(FloorMod)
  STUB_ADD(FullyConnected)
  STUB_ADD(Gather)
  STUB_ADD(GatherNd)
  STUB_ADD(Greater)
  STUB_ADD(GreaterEqual)
  STUB_ADD(HardSwish)
  STUB_ADD(If)
  STUB_ADD(L2Normalization)
  STUB_ADD(L2Pool2D)
  STUB_ADD(LeakyRelu)
  STUB_ADD(Less)
  STUB_ADD(LessEqual)
  STUB_ADD(Log)
  STUB_ADD(LogSoftmax)
  STUB_ADD(LogicalAnd)
  STUB_ADD(LogicalNot)
  STUB_ADD(LogicalOr)
  STUB_ADD(Logistic)
  STUB_ADD(MaxPool2D)
  STUB_ADD(Maximum)
  STUB_ADD(Mean)
  STUB_ADD(Minimum)
  STUB_ADD(MirrorPad)
  STUB_ADD(Mul)
  STUB_ADD(Neg)
  STUB_ADD(NotEqual)
  STUB_ADD(Pack)
  STUB_ADD(Pad)
  STUB_ADD(PadV2)
  STUB_ADD(Prelu)
  STUB_ADD(Quantize)
  STUB_ADD(ReduceMax)
  STUB_ADD(ReduceMin)
  STUB_ADD(Relu)
  STUB_ADD(Relu6)
  STUB_ADD(Reshape)
  STUB_ADD(ResizeBilinear)
  STUB_ADD(ResizeNearestNeighbor)
  STUB_ADD(ReverseV2)
  STUB_ADD(Round)
  STUB_ADD(Rsqrt)
  STUB_ADD(SelectV2)
  STUB_ADD(Shape)
  STUB_ADD(Sin)
  STUB_ADD(Slice)
  STUB_ADD(Softmax)
  STUB_ADD(SpaceToBatchNd)
  STUB_ADD(SpaceToDepth)
  STUB_ADD(Split)
  STUB_ADD(SplitV)
  STUB_ADD(Sqrt)
  STUB_ADD(Square)
  STUB_ADD(SquaredDifference)
  STUB_ADD(Squeeze)
  STUB_ADD(StridedSlice)
  STUB_ADD(Sub)
  STUB_ADD(Sum)
  STUB_ADD(Svdf)
  STUB_ADD(Tanh)
  STUB_ADD(Transpose)
  STUB_ADD(TransposeConv)
  STUB_ADD(UnidirectionalSequenceLSTM)
  STUB_ADD(Unpack)
  STUB_ADD(While)
  STUB_ADD(ZerosLike)

 private:
  // Refuses what is given twice or is one too many, as the true one does.
  TfLiteStatus Note(const char* name, const TFLMRegistration&) {
    for (unsigned i = 0; i < count_; ++i) {
      if (names_[i] == name) return kTfLiteError;
    }
    if (count_ >= tOpCount) return kTfLiteError;
    names_[count_++] = name;
    return kTfLiteOk;
  }

  const char* names_[tOpCount];
  unsigned count_ = 0;
};

STUB_END
