// A stub for tests: the part of TensorFlow Lite's schema that a package uses.
#pragma once

namespace tflite {

class Model;

inline const Model* GetModel(const void* buffer) { return static_cast<const Model*>(buffer); }

}  // namespace tflite
