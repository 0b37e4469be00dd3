// From a picture to classes.
#pragma once

[% if labelled %]
#include "labels.h"
[% endif %]
#include "runner.h"

namespace [[ ns ]] {

constexpr size_t kClasses = [[ classes ]];

// One class and its score: what the model itself gave, as a real value.
struct Score {
[% if labelled %]
  const char* label;  // UTF-8
[% else %]
  char label[12];  // the index as text: the classes have no names
[% endif %]
  size_t index;
  float score;
};

// Ranks the scores in an output, as elements of `spec`: writes the `*count` best classes to `best`,
// best first, ties by index, what is no number last; `*count` becomes how many there are.
void Rank(const TensorSpec& spec, const void* output, Score* best, size_t* count);

class Classifier : public Runner {
 public:
  Classifier(uint8_t* arena, size_t arena_bytes, const Variant& variant = kDefaultVariant)
      : Runner(variant, arena, arena_bytes) {}

  // Classifies a picture, and ranks as above. `*count` must be at least 1.
  Status Classify(const Frame& frame, Score* best, size_t* count);
};

}  // namespace [[ ns ]]
