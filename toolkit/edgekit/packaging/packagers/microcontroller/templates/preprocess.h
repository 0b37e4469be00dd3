// From a picture, or numbers, to the model's input: exactly what the model was validated with.
#pragma once

#include "frame.h"
#include "tensor.h"

namespace [[ ns ]] {

enum class Colour : uint8_t { kNone, kGrey, kRgb, kBgr };
enum class Fit : uint8_t { kExact, kStretch, kCrop };
enum class Interpolation : uint8_t { kNearest, kBilinear, kAntialias };
enum class Layout : uint8_t { kNhwc, kNchw };

// How one input is made: upright, colour, resize, crop, (x * scale - mean) / std in float,
// layout, quantization. Without a colour only the arithmetic applies, with mean and std along
// the last axis. `whole` says that the input takes whole numbers as they are.
struct Spec {
  Colour colour;
  uint32_t width;
  uint32_t height;
  Fit fit;
  Interpolation interpolation;
  Layout layout;
  bool whole;
  float scale;
  const float* mean;
  uint32_t means;
  const float* std;
  uint32_t stds;
  TensorSpec tensor;

  constexpr uint32_t channels() const { return colour == Colour::kGrey ? 1 : 3; }
};

// Memory that resizing works in: the weights of one output pixel, and one column of pixels.
struct Workspace {
  double* weights;
  size_t most_weights;
  uint8_t* column;
  size_t most_column_bytes;
};

// How many weights it takes to make one pixel of `to` pixels out of `from`.
constexpr size_t WeightsFor(uint32_t from, uint32_t to) {
  return from > to ? 2 * static_cast<size_t>((from + to - 1) / to) + 1 : 3;
}

// Makes the input of a picture, `spec.tensor.bytes()` long, at `tensor`.
Status PreprocessFrame(const Spec& spec, const Frame& frame, const Workspace& work, void* tensor);

// Makes the input of numbers; `count` must be `spec.tensor.elements`.
Status PreprocessValues(const Spec& spec, const float* values, size_t count, void* tensor);

// Makes the input of whole numbers, such as the ids of words.
Status PreprocessWhole(const Spec& spec, const int32_t* values, size_t count, void* tensor);
Status PreprocessWhole(const Spec& spec, const int64_t* values, size_t count, void* tensor);

}  // namespace [[ ns ]]
