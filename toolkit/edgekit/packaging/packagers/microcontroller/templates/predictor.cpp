#include "predictor.h"

namespace [[ ns ]] {

[% if takes_image %]
Status Predictor::Predict(const Frame& frame) {
  const Status status = Preprocess(frame);
  return status == Status::kOk ? Run() : status;
}
[% else %]
Status Predictor::Predict(const [[ whole or "float" ]]* const (&values)[kInputs]) {
  for (size_t i = 0; i < kInputs; ++i) {
    const Status status = Preprocess(i, values[i], variant().inputs[i].tensor.elements);
    if (status != Status::kOk) return status;
  }
  return Run();
}
[% endif %]

}  // namespace [[ ns ]]
