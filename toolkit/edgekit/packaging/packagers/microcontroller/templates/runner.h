// The model in TensorFlow Lite Micro, with its preprocessing.
#pragma once

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "variants.h"

namespace tflite {
namespace micro {}
}  // namespace tflite

namespace [[ ns ]] {

// TensorFlow Lite Micro's classes were in `tflite` until 2026, then in `tflite::micro`: both do.
namespace tflm {
using namespace ::tflite;
using namespace ::tflite::micro;
}  // namespace tflm

[% if takes_image %]
// The longest side of a frame. It decides the working memory in each object: one column of pixels.
#ifndef [[ macro ]]_MOST_FRAME_SIDE
#define [[ macro ]]_MOST_FRAME_SIDE [[ most_side ]]
#endif
constexpr uint32_t kMostFrameSide = [[ macro ]]_MOST_FRAME_SIDE;

[% endif %]
// One model, ready to run. Uses no heap: `arena` must be aligned to 16 bytes, at least
// `variant.arena_bytes` large, and live as long as this object.
class Runner {
 public:
  Runner(const Variant& variant, uint8_t* arena, size_t arena_bytes);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Prepares the model. Call it once, before anything else.
  Status Begin();

[% if takes_image %]
  // Makes the model's input of a picture.
  Status Preprocess(const Frame& frame);
[% else %]
  // Makes input `i` of the model of numbers, row by row.
  Status Preprocess(size_t i, const float* values, size_t count);
  Status Preprocess(size_t i, const int32_t* values, size_t count);
  Status Preprocess(size_t i, const int64_t* values, size_t count);
[% endif %]

  // Runs the model on the inputs as they stand.
  Status Run();

  // Element `at` of output `i` as a real value, after Run().
  float Output(size_t i, size_t at);

  // The tensors themselves, `bytes()` of their specs long. After Run() the inputs are no longer
  // what they were: their memory is used again.
  void* InputData(size_t i);
  const void* OutputData(size_t i);

  const Variant& variant() const { return variant_; }

  // Bytes of the arena in use, after Begin().
  size_t ArenaUsed() const { return interpreter_.arena_used_bytes(); }

 private:
  static constexpr unsigned kOps = [[ ops|length ]];

  bool AddOps();
  bool HasItsTensors();
[% if takes_image %]
  Workspace Work();
[% endif %]

  const Variant& variant_;
  const size_t arena_bytes_;
  tflm::MicroMutableOpResolver<kOps> resolver_;
  tflm::MicroInterpreter interpreter_;
  bool ready_ = false;
[% if takes_image %]
  double weights_[WeightsFor(kMostFrameSide, [[ least_side ]])];
  uint8_t column_[kMostFrameSide * [[ channels ]]];
[% endif %]
};

}  // namespace [[ ns ]]
