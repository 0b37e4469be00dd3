// A stub for tests: MicroInterpreter's interface. Its body, in bridge.cpp, hands the work to the
// true library's kernels in a process of Python.
#pragma once

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

STUB_BEGIN

class MicroResourceVariables;
class MicroProfilerInterface;
struct Bridge;

class MicroInterpreter {
 public:
  MicroInterpreter(const ::tflite::Model* model, const MicroOpResolver& op_resolver,
                   uint8_t* tensor_arena, size_t tensor_arena_size,
                   MicroResourceVariables* resource_variables = nullptr,
                   MicroProfilerInterface* profiler = nullptr,
                   bool preserve_all_tensors = false);
  ~MicroInterpreter();

  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor* input(size_t index);
  size_t inputs_size() const;
  TfLiteTensor* output(size_t index);
  size_t outputs_size() const;
  size_t arena_used_bytes() const;

 private:
  Bridge* bridge_;
};

STUB_END
