// The names of the classes, UTF-8.
#pragma once

#include <cstddef>

namespace [[ ns ]] {

constexpr size_t kLabelCount = [[ labels|length ]];
extern const char* const kLabels[kLabelCount];

}  // namespace [[ ns ]]
