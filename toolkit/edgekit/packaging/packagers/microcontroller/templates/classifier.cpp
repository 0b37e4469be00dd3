#include "classifier.h"

#include <cmath>

namespace [[ ns ]] {
namespace {

[% if not labelled %]
void WriteIndex(size_t index, char* text) {
  size_t digits = 1;
  for (size_t rest = index; rest >= 10; rest /= 10) ++digits;
  text[digits] = '\0';
  for (; digits > 0; index /= 10) text[--digits] = static_cast<char>('0' + index % 10);
}

[% endif %]
bool IsLess(float a, float b) { return a < b || (std::isnan(a) && !std::isnan(b)); }

// Puts a score into its place among the `held` best ones, of which there may be `most`.
size_t Insert(size_t index, float value, Score* best, size_t held, size_t most) {
  size_t at = held;
  while (at > 0 && IsLess(best[at - 1].score, value)) --at;
  if (at == most) return held;
  const size_t now = held < most ? held + 1 : most;
  for (size_t i = now - 1; i > at; --i) best[i] = best[i - 1];
[% if labelled %]
  best[at].label = kLabels[index];
[% else %]
  WriteIndex(index, best[at].label);
[% endif %]
  best[at].index = index;
  best[at].score = value;
  return now;
}

}  // namespace

void Rank(const TensorSpec& spec, const void* output, Score* best, size_t* count) {
  const size_t most = *count;
  *count = 0;
  for (size_t i = 0; i < spec.elements; ++i) {
    *count = Insert(i, LoadReal(spec, output, i), best, *count, most);
  }
}

Status Classifier::Classify(const Frame& frame, Score* best, size_t* count) {
  const size_t most = *count;
  *count = 0;
  if (most < 1) return Status::kNoneAsked;
  Status status = Preprocess(frame);
  if (status == Status::kOk) status = Run();
  if (status != Status::kOk) return status;
  *count = most;
  Rank(variant().outputs[0], OutputData(0), best, count);
  return Status::kOk;
}

}  // namespace [[ ns ]]
