// The body of the stub MicroInterpreter: a pipe to bridge.py, named in EDGEKIT_BRIDGE, where the true
// TensorFlow Lite Micro runs the model that the program holds. A model in memory does not say its own
// length: that is taken from the file in the folder EDGEKIT_EXTRAS that has the same bytes.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tensorflow/lite/micro/micro_interpreter.h"

namespace {

// Compares byte by byte, so that nothing behind a shorter model is read.
bool StartsWith(const char* memory, const std::string& file) {
  for (size_t i = 0; i < file.size(); ++i) {
    if (memory[i] != file[i]) return false;
  }
  return true;
}

std::string ModelBytes(const void* model) {
  const char* memory = reinterpret_cast<const char*>(model);
  for (const auto& entry : std::filesystem::directory_iterator(std::getenv("EDGEKIT_EXTRAS"))) {
    if (entry.path().extension() != ".tflite") continue;
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string file{std::istreambuf_iterator<char>(stream), {}};
    if (StartsWith(memory, file)) return {memory, file.size()};
  }
  std::abort();
}

}  // namespace

STUB_BEGIN

struct Bridge {
  std::string model;
  const MicroOpResolver* resolver;
  uint8_t* arena;
  size_t arena_size;
  int to_child = -1;
  int from_child = -1;
  pid_t child = -1;
  uint32_t used = 0;
  std::vector<std::vector<char>> data[2] = {};
  std::vector<TfLiteTensor> tensors[2] = {};

  void Start() {
    int down[2];
    int up[2];
    if (pipe(down) != 0 || pipe(up) != 0) std::abort();
    child = fork();
    if (child == 0) {
      dup2(down[0], 0);
      dup2(up[1], 1);
      close(down[1]);
      close(up[0]);
      // By its own path, for that is how Python finds its environment.
      const char* python = std::getenv("EDGEKIT_PYTHON");
      execl(python, python, std::getenv("EDGEKIT_BRIDGE"), nullptr);
      _exit(127);
    }
    close(down[0]);
    close(up[1]);
    to_child = down[1];
    from_child = up[0];
  }

  void Stop() {
    if (child < 0) return;
    close(to_child);
    close(from_child);
    waitpid(child, nullptr, 0);
  }

  void Send(const void* bytes, size_t count) {
    const char* at = static_cast<const char*>(bytes);
    while (count > 0) {
      const ssize_t done = write(to_child, at, count);
      if (done <= 0) std::abort();
      at += done;
      count -= static_cast<size_t>(done);
    }
  }

  void SendText(const std::string& text) {
    const uint32_t length = static_cast<uint32_t>(text.size());
    Send(&length, sizeof(length));
    Send(text.data(), text.size());
  }

  void Receive(void* bytes, size_t count) {
    char* at = static_cast<char*>(bytes);
    while (count > 0) {
      const ssize_t done = read(from_child, at, count);
      if (done <= 0) std::abort();
      at += done;
      count -= static_cast<size_t>(done);
    }
  }

  uint32_t Number() {
    uint32_t number = 0;
    Receive(&number, sizeof(number));
    return number;
  }

  bool Allocate() {
    if (reinterpret_cast<uintptr_t>(arena) % 16 != 0) return false;
    std::memset(arena, 0xA5, arena_size);
    Start();
    std::string names;
    for (unsigned i = 0; i < resolver->Count(); ++i) names += std::string(resolver->Names()[i]) + " ";
    SendText(names);
    const uint32_t size = static_cast<uint32_t>(arena_size);
    Send(&size, sizeof(size));
    SendText(model);
    if (Number() != 0) return false;
    used = Number();
    for (int side = 0; side < 2; ++side) {
      data[side].resize(Number());
      for (auto& each : data[side]) {
        each.resize(Number());
        TfLiteTensor tensor = {};
        tensor.data.data = each.data();
        tensor.bytes = each.size();
        tensors[side].push_back(tensor);
      }
    }
    return true;
  }

  bool Run() {
    for (auto& each : data[0]) Send(each.data(), each.size());
    if (Number() != 0) return false;
    for (auto& each : data[1]) Receive(each.data(), each.size());
    return true;
  }
};

MicroInterpreter::MicroInterpreter(const ::tflite::Model* model, const MicroOpResolver& op_resolver,
                                   uint8_t* tensor_arena, size_t tensor_arena_size,
                                   MicroResourceVariables*, MicroProfilerInterface*, bool)
    : bridge_(new Bridge{ModelBytes(model), &op_resolver, tensor_arena, tensor_arena_size}) {}

MicroInterpreter::~MicroInterpreter() {
  bridge_->Stop();
  delete bridge_;
}

TfLiteStatus MicroInterpreter::AllocateTensors() {
  return bridge_->Allocate() ? kTfLiteOk : kTfLiteError;
}

TfLiteStatus MicroInterpreter::Invoke() { return bridge_->Run() ? kTfLiteOk : kTfLiteError; }

TfLiteTensor* MicroInterpreter::input(size_t index) { return &bridge_->tensors[0].at(index); }
size_t MicroInterpreter::inputs_size() const { return bridge_->tensors[0].size(); }
TfLiteTensor* MicroInterpreter::output(size_t index) { return &bridge_->tensors[1].at(index); }
size_t MicroInterpreter::outputs_size() const { return bridge_->tensors[1].size(); }
size_t MicroInterpreter::arena_used_bytes() const { return bridge_->used; }

STUB_END
