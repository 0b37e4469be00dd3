// Between real values and the elements of a tensor.
#pragma once

#include "types.h"

namespace [[ ns ]] {

// round(real / scale) + zero_point, half away from zero, clipped to the type, in double.
int32_t Quantize(float real, const TensorSpec& spec);

// (element - zero_point) * scale, in double, rounded to float.
float Dequantize(int32_t element, const TensorSpec& spec);

// Writes a real value as element `at` of a tensor. kNotWhole where it would lose its fraction,
// kNotANumber where it is none and the tensor is of integers.
Status StoreReal(const TensorSpec& spec, float real, size_t at, void* tensor);

// Writes a whole number, as it is, as element `at`. kNotWhole where the type cannot hold it.
Status StoreWhole(const TensorSpec& spec, int64_t value, size_t at, void* tensor);

// Returns element `at` as a real value.
float LoadReal(const TensorSpec& spec, const void* tensor, size_t at);

// Returns element `at` as it stands: quantization steps for a quantized tensor.
double LoadElement(Type type, const void* tensor, size_t at);

}  // namespace [[ ns ]]
