// Does this device compute what was validated? Each stage starts from the golden result of the
// stage before it, so that the stage at fault is the stage that is named.
#pragma once

#include "variants.h"

namespace [[ ns ]] {

enum class Stage : uint8_t { kDecode, kPreprocess, kInference, kResult };

// One thing that is wrong. `difference` is the largest, in units of the elements; it is no number
// where there was nothing to compare, or where it is the class that is another.
struct Finding {
  Stage stage;
  const char* variant;
  const char* sample;
  double difference;
  double tolerance;
};

struct SelfTestResult {
  static constexpr size_t kMost = 16;
  Finding findings[kMost];
  size_t kept;   // in `findings`
  size_t total;  // findings, kept or not

  bool passed() const { return total == 0; }
};

// Receives the report piece by piece.
using Print = void (*)(const char* text);

// Runs all stages for every variant, and reports them by `print`. The last line is `passed`, or
// for example `FAILED in preprocess`. Uses kArenaBytes of RAM of its own.
SelfTestResult RunSelfTest(Print print);

}  // namespace [[ ns ]]
