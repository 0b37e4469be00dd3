// A stub for tests: types of TensorFlow Lite Micro's C interface, in the namespace of its 2026
// headers where STUB_IN_MICRO is set, else as before.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef STUB_IN_MICRO
#define STUB_BEGIN namespace tflite { namespace micro {
#define STUB_END } }
#define STUB_C_BEGIN STUB_BEGIN
#define STUB_C_END STUB_END
#else
#define STUB_BEGIN namespace tflite {
#define STUB_END }
#define STUB_C_BEGIN
#define STUB_C_END
#endif

STUB_C_BEGIN

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

union TfLitePtrUnion {
  float* f;
  int8_t* int8;
  void* data;
};

struct TfLiteTensor {
  TfLitePtrUnion data;
  size_t bytes;
};

struct TFLMRegistration {};

STUB_C_END

#ifdef STUB_IN_MICRO
namespace tflite {
using micro::TfLiteStatus;
using micro::TfLiteTensor;
}  // namespace tflite
#endif
