// Prints the self-test's report to the serial monitor, once, at 115200 baud.
#include <TensorFlowLite.h>  // of Arduino_TensorFlowLite; other ports call theirs otherwise

#include <[[ ns ]].h>
#include <[[ ns ]]/selftest.h>

namespace {

void Print(const char* text) { Serial.print(text); }

}  // namespace

void setup() {
  Serial.begin(115200);
  while (!Serial) {
  }
  [[ ns ]]::RunSelfTest(Print);
}

void loop() {}
