#include "labels.h"

namespace [[ ns ]] {

// What is not plain ASCII is written as octal escapes of its UTF-8.
const char* const kLabels[kLabelCount] = {
[% for label in labels %]
    "[[ label ]]",
[% endfor %]
};

}  // namespace [[ ns ]]
