#include "types.h"

namespace [[ ns ]] {

const char* StatusText(Status status) {
  switch (status) {
    case Status::kOk: return "ok";
    case Status::kArenaTooSmall: return "the arena is too small";
    case Status::kRefused: return "TensorFlow Lite Micro refuses the model";
    case Status::kOtherModel: return "the model's tensors are not those of this library";
    case Status::kNotReady: return "Begin() has not succeeded";
    case Status::kWrongSize: return "the input has not the size that the model takes";
    case Status::kFrameTooLarge: return "the frame is larger than this library was built for";
    case Status::kNotWhole: return "a value is no whole number";
    case Status::kNotANumber: return "a value is no number (NaN), and the input is of integers";
    case Status::kNoneAsked: return "there must be room for at least one class";
    case Status::kInvokeFailed: return "TensorFlow Lite Micro failed while running";
  }
  return "unknown";
}

}  // namespace [[ ns ]]
