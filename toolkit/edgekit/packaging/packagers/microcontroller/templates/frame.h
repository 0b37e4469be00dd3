// Pictures as cameras leave them in memory, and reading their pixels.
#pragma once

#include "types.h"

namespace [[ ns ]] {

enum class PixelFormat : uint8_t {
  kGray8,            // one byte
  kRgb888,           // red, green, blue
  kBgr888,           // blue, green, red
  kRgba8888,         // red, green, blue, and a fourth byte that is left out
  kRgb565,           // two bytes, the low one first
  kRgb565BigEndian,  // two bytes, the high one first
};

// A picture in memory, row by row without gaps. `width` and `height` are as stored;
// `orientation` is EXIF's, 1 to 8: how the stored picture must be turned to stand upright.
struct Frame {
  const uint8_t* data;
  uint32_t width;
  uint32_t height;
  PixelFormat format;
  uint8_t orientation;
};

struct Pixel {
  uint8_t red;
  uint8_t green;
  uint8_t blue;
};

// The sides of the picture when it stands upright.
uint32_t UprightWidth(const Frame& frame);
uint32_t UprightHeight(const Frame& frame);

// Returns a pixel of the upright picture, 8 bits a channel; a grey one has all three alike.
Pixel ReadPixel(const Frame& frame, uint32_t x, uint32_t y);

}  // namespace [[ ns ]]
