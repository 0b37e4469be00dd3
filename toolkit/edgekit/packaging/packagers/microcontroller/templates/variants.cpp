#include "variants.h"

#include <cstring>

namespace [[ ns ]] {
namespace {

// The one that lost least against the float model first.
const Variant* const kByQuality[kVariants] = {
[% for each in by_quality %]
    &[[ each.constant ]],
[% endfor %]
};

}  // namespace

const Variant* const kVariantTable[kVariants] = {
[% for each in variants %]
    &[[ each.constant ]],
[% endfor %]
};

const Variant* FindVariant(const char* name) {
  for (const Variant* each : kVariantTable) {
    if (std::strcmp(each->name, name) == 0) return each;
  }
  return nullptr;
}

const Variant& PickVariant(size_t most_bytes) {
  const Variant* smallest = kByQuality[0];
  for (const Variant* each : kByQuality) {
    if (each->model_bytes <= most_bytes) return *each;
    if (each->model_bytes < smallest->model_bytes) smallest = each;
  }
  return *smallest;
}

}  // namespace [[ ns ]]
