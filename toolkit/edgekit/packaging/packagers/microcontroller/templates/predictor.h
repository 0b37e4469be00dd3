// From [% if takes_image %]a picture[% else %]numbers[% endif %] to the model's outputs.
#pragma once

#include "runner.h"

namespace [[ ns ]] {

class Predictor : public Runner {
 public:
  Predictor(uint8_t* arena, size_t arena_bytes, const Variant& variant = kDefaultVariant)
      : Runner(variant, arena, arena_bytes) {}

[% if takes_image %]
  // Runs the model on a picture; then Output(i, at) gives the results.
  Status Predict(const Frame& frame);
[% elif whole %]
  // Runs the model on whole numbers, one array for each input, each as long as its input has
  // elements; then Output(i, at) gives the results.
  Status Predict(const [[ whole ]]* const (&values)[kInputs]);
[% else %]
  // Runs the model on numbers, one array for each input, each as long as its input has elements;
  // then Output(i, at) gives the results.
  Status Predict(const float* const (&values)[kInputs]);
[% endif %]
};

}  // namespace [[ ns ]]
