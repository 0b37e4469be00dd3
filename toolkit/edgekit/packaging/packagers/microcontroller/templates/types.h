// What the parts of this library hand to each other. No heap, no exceptions, no TensorFlow.
#pragma once

#include <cstddef>
#include <cstdint>

namespace [[ ns ]] {

enum class Status : uint8_t {
  kOk,
  kArenaTooSmall,  // less than the variant wants: TensorFlow Lite Micro might crash in it
  kRefused,        // TensorFlow Lite Micro refuses the model or lacks an operator
  kOtherModel,     // the model's inputs or outputs are not those this library was made for
  kNotReady,       // Begin() has not been called, or failed
  kWrongSize,      // a frame or an array has not the size that the model takes
  kFrameTooLarge,  // a side of the frame is over kMostFrameSide
  kNotWhole,       // a value that is no whole number, for an input of whole numbers
  kNotANumber,     // a value that is no number (NaN), for an input of integers
  kNoneAsked,      // room for not even one class
  kInvokeFailed,   // TensorFlow Lite Micro failed while running
};

// Says a status in words.
const char* StatusText(Status status);

enum class Type : uint8_t { kFloat32, kInt8, kUint8, kInt16, kInt32, kInt64 };

// Bytes of one element.
constexpr size_t SizeOf(Type type) {
  return type == Type::kInt64                                ? 8
         : type == Type::kFloat32 || type == Type::kInt32    ? 4
         : type == Type::kInt16                              ? 2
                                                             : 1;
}

// One input or output of the model. real = (element - zero_point) * scale, where quantized.
struct TensorSpec {
  Type type;
  size_t elements;
  bool quantized;
  double scale;
  int32_t zero_point;

  constexpr size_t bytes() const { return elements * SizeOf(type); }
};

}  // namespace [[ ns ]]
