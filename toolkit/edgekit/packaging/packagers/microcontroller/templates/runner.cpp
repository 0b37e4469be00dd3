#include "runner.h"

namespace [[ ns ]] {
namespace {

// Zero is kTfLiteOk, whichever namespace it is in.
template <class TfLiteStatus>
bool Succeeded(TfLiteStatus status) {
  return static_cast<int>(status) == 0;
}

}  // namespace

Runner::Runner(const Variant& variant, uint8_t* arena, size_t arena_bytes)
    : variant_(variant),
      arena_bytes_(arena_bytes),
      interpreter_(::tflite::GetModel(variant.model), resolver_, arena, arena_bytes) {}

// Exactly the operators of the models in this library: each takes flash.
bool Runner::AddOps() {
  return [% for op in ops %]Succeeded(resolver_.[[ op ]]())[% if not loop.last %] &&
         [% endif %][% endfor %];
}

bool Runner::HasItsTensors() {
  if (interpreter_.inputs_size() != kInputs || interpreter_.outputs_size() != kOutputs) {
    return false;
  }
  for (size_t i = 0; i < kInputs; ++i) {
    if (interpreter_.input(i)->bytes != variant_.inputs[i].tensor.bytes()) return false;
  }
  for (size_t i = 0; i < kOutputs; ++i) {
    if (interpreter_.output(i)->bytes != variant_.outputs[i].bytes()) return false;
  }
  return true;
}

Status Runner::Begin() {
  if (ready_) return Status::kOk;
  // Who builds with a smaller kArenaBytes has tried it on the device.
  const size_t least = kArenaBytes < variant_.arena_bytes ? kArenaBytes : variant_.arena_bytes;
  if (arena_bytes_ < least) return Status::kArenaTooSmall;
  if (!AddOps() || !Succeeded(interpreter_.AllocateTensors())) return Status::kRefused;
  if (!HasItsTensors()) return Status::kOtherModel;
  ready_ = true;
  return Status::kOk;
}

[% if takes_image %]
Workspace Runner::Work() {
  return {weights_, sizeof(weights_) / sizeof(weights_[0]), column_, sizeof(column_)};
}

Status Runner::Preprocess(const Frame& frame) {
  if (!ready_) return Status::kNotReady;
  return PreprocessFrame(variant_.inputs[0], frame, Work(), InputData(0));
}
[% else %]
Status Runner::Preprocess(size_t i, const float* values, size_t count) {
  if (!ready_ || i >= kInputs) return Status::kNotReady;
  return PreprocessValues(variant_.inputs[i], values, count, InputData(i));
}

Status Runner::Preprocess(size_t i, const int32_t* values, size_t count) {
  if (!ready_ || i >= kInputs) return Status::kNotReady;
  return PreprocessWhole(variant_.inputs[i], values, count, InputData(i));
}

Status Runner::Preprocess(size_t i, const int64_t* values, size_t count) {
  if (!ready_ || i >= kInputs) return Status::kNotReady;
  return PreprocessWhole(variant_.inputs[i], values, count, InputData(i));
}
[% endif %]

Status Runner::Run() {
  if (!ready_) return Status::kNotReady;
  return Succeeded(interpreter_.Invoke()) ? Status::kOk : Status::kInvokeFailed;
}

float Runner::Output(size_t i, size_t at) {
  return LoadReal(variant_.outputs[i], OutputData(i), at);
}

void* Runner::InputData(size_t i) { return interpreter_.input(i)->data.data; }

const void* Runner::OutputData(size_t i) { return interpreter_.output(i)->data.data; }

}  // namespace [[ ns ]]
