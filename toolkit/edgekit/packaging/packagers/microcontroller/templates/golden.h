// Golden vectors: real samples on their way through the validated model, for the self-test.
#pragma once

#include "variants.h"

namespace [[ ns ]] {

// Elements of a tensor as they stand, and how far another result may be from them.
struct GoldenTensor {
  const unsigned char* data;
  double tolerance;
};

[% if takes_image %]
// A picture: `pixels` are what it must read as, red, green and blue of each pixel as it is stored.
struct GoldenFrame {
  Frame frame;
  const unsigned char* pixels;
  double tolerance;
};

// A sample of each stage. The probe, a drawn colour picture, has no outputs.
struct GoldenSample {
  const char* name;
  GoldenFrame picture;
  const GoldenTensor* inputs;   // kInputs
  const GoldenTensor* outputs;  // kOutputs, or nullptr
  const GoldenTensor* reals;    // the outputs as floats, or nullptr where none is quantized
  int32_t top;                  // the class with the largest score, or -1
};

// The same small picture in each pixel format.
constexpr size_t kGoldenFormats = [[ formats|length ]];
extern const GoldenFrame kGoldenFormatFrames[kGoldenFormats];
[% else %]
// A sample of each stage. `values` has what the app would hand over, one array for each input.
struct GoldenSample {
  const char* name;
  const unsigned char* const* values;  // kInputs
  const GoldenTensor* inputs;          // kInputs
  const GoldenTensor* outputs;         // kOutputs
  const GoldenTensor* reals;           // the outputs as floats, or nullptr where none is quantized
};
[% endif %]

// The samples of one variant.
struct Golden {
  const Variant* variant;
  const GoldenSample* samples;
  size_t count;
  bool alike;  // one answer, whatever the input, would pass for all of them
};

// [[ "{:,}".format(flash) ]] bytes of flash for [[ kept ]] of [[ all ]] real samples; extras/ has all of them. A program
// that does not call RunSelfTest() carries none.
extern const Golden kGolden[kVariants];
[% if labelled %]

// CRC-32 of the labels, each with a line feed after it, as in labels.txt.
constexpr uint32_t kGoldenLabelsCrc32 = [[ labels_crc32 ]];
[% endif %]

}  // namespace [[ ns ]]
