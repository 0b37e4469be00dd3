// The model files in this library, and what each takes and gives.
#pragma once

#include "preprocess.h"

namespace [[ ns ]] {

constexpr size_t kInputs = [[ inputs ]];
constexpr size_t kOutputs = [[ outputs ]];

// Bytes of tensor arena that every variant runs in. Found by running the model in TensorFlow Lite
// Micro [[ tflm ]] on x86-64, which needs more for its
// 64-bit pointers than a 32-bit device, with an eighth and 1 KiB to spare: optimized kernels such
// as CMSIS-NN's ask for scratch memory that could not be measured there.
#ifndef [[ macro ]]_ARENA_BYTES
#define [[ macro ]]_ARENA_BYTES [[ arena_bytes ]]
#endif
constexpr size_t kArenaBytes = [[ macro ]]_ARENA_BYTES;

struct Variant {
  const char* name;
  const unsigned char* model;  // a TensorFlow Lite file, aligned to 16 bytes
  size_t model_bytes;
  uint32_t model_crc32;
  size_t arena_bytes;
  const Spec* inputs;         // kInputs
  const TensorSpec* outputs;  // kOutputs
};

[% for each in variants %]
// [[ each.name ]]: [[ "{:,}".format(each.size) ]] bytes of model; used [[ "{:,}".format(each.arena.total) ]] bytes of arena when measured.
extern const Variant [[ each.constant ]];
[% endfor %]

// The variant that is used unless another is asked for.
inline constexpr const Variant& kDefaultVariant = [[ variants[0].constant ]];

// All of them. Whoever uses this table, or a function below, has every model in flash.
constexpr size_t kVariants = [[ variants|length ]];
extern const Variant* const kVariantTable[kVariants];

// Returns the variant called `name`, or nullptr.
const Variant* FindVariant(const char* name);

// Returns the best variant whose model is at most `most_bytes` large, else the smallest.
const Variant& PickVariant(size_t most_bytes);

}  // namespace [[ ns ]]
