#include "tensor.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace [[ ns ]] {
namespace {

struct Range {
  int64_t least;
  int64_t most;
};

template <class T>
constexpr Range RangeOf() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

constexpr Range RangeOf(Type type) {
  return type == Type::kInt8    ? RangeOf<int8_t>()
         : type == Type::kUint8 ? RangeOf<uint8_t>()
         : type == Type::kInt16 ? RangeOf<int16_t>()
         : type == Type::kInt32 ? RangeOf<int32_t>()
                                : RangeOf<int64_t>();
}

template <class T>
void Put(T value, size_t at, void* tensor) {
  std::memcpy(static_cast<unsigned char*>(tensor) + at * sizeof(T), &value, sizeof(T));
}

template <class T>
T Get(const void* tensor, size_t at) {
  T value;
  std::memcpy(&value, static_cast<const unsigned char*>(tensor) + at * sizeof(T), sizeof(T));
  return value;
}

void PutWhole(Type type, int64_t value, size_t at, void* tensor) {
  switch (type) {
    case Type::kFloat32: return Put(static_cast<float>(value), at, tensor);
    case Type::kInt8: return Put(static_cast<int8_t>(value), at, tensor);
    case Type::kUint8: return Put(static_cast<uint8_t>(value), at, tensor);
    case Type::kInt16: return Put(static_cast<int16_t>(value), at, tensor);
    case Type::kInt32: return Put(static_cast<int32_t>(value), at, tensor);
    case Type::kInt64: return Put(value, at, tensor);
  }
}

}  // namespace

int32_t Quantize(float real, const TensorSpec& spec) {
  const Range range = RangeOf(spec.type);
  const double scaled = static_cast<double>(real) / spec.scale;
  const double away = std::floor(std::fabs(scaled) + 0.5);
  const double shifted = (scaled < 0 ? -away : away) + spec.zero_point;
  // Written so that what is no number becomes the least.
  if (!(shifted > static_cast<double>(range.least))) return static_cast<int32_t>(range.least);
  if (shifted > static_cast<double>(range.most)) return static_cast<int32_t>(range.most);
  return static_cast<int32_t>(shifted);
}

float Dequantize(int32_t element, const TensorSpec& spec) {
  const double centred = static_cast<double>(element) - spec.zero_point;
  return static_cast<float>(centred * spec.scale);
}

Status StoreReal(const TensorSpec& spec, float real, size_t at, void* tensor) {
  if (spec.type == Type::kFloat32) {
    Put(real, at, tensor);
  } else if (std::isnan(real)) {
    return Status::kNotANumber;
  } else if (spec.quantized) {
    PutWhole(spec.type, Quantize(real, spec), at, tensor);
  } else {
    const float bound = 9.2e18F;  // below 2^63: the conversion is defined
    if (!(std::fabs(real) < bound) || std::floor(real) < real) return Status::kNotWhole;
    return StoreWhole(spec, static_cast<int64_t>(real), at, tensor);
  }
  return Status::kOk;
}

Status StoreWhole(const TensorSpec& spec, int64_t value, size_t at, void* tensor) {
  const Range range = RangeOf(spec.type);
  if (value < range.least || value > range.most) return Status::kNotWhole;
  PutWhole(spec.type, value, at, tensor);
  return Status::kOk;
}

double LoadElement(Type type, const void* tensor, size_t at) {
  switch (type) {
    case Type::kFloat32: return static_cast<double>(Get<float>(tensor, at));
    case Type::kInt8: return Get<int8_t>(tensor, at);
    case Type::kUint8: return Get<uint8_t>(tensor, at);
    case Type::kInt16: return Get<int16_t>(tensor, at);
    case Type::kInt32: return Get<int32_t>(tensor, at);
    case Type::kInt64: return static_cast<double>(Get<int64_t>(tensor, at));
  }
  return 0;
}

float LoadReal(const TensorSpec& spec, const void* tensor, size_t at) {
  const double element = LoadElement(spec.type, tensor, at);
  return spec.quantized ? Dequantize(static_cast<int32_t>(element), spec)
                        : static_cast<float>(element);
}

}  // namespace [[ ns ]]
