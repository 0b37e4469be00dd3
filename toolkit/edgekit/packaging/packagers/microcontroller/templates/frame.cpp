#include "frame.h"

namespace [[ ns ]] {
namespace {

// Five or six bits to eight, so that all ones become 255.
Pixel From565(uint8_t high, uint8_t low) {
  const unsigned red = high >> 3;
  const unsigned green = (high & 7U) << 3 | low >> 5;
  const unsigned blue = low & 31U;
  return {static_cast<uint8_t>(red << 3 | red >> 2),
          static_cast<uint8_t>(green << 2 | green >> 4),
          static_cast<uint8_t>(blue << 3 | blue >> 2)};
}

Pixel ReadStored(const Frame& frame, uint32_t x, uint32_t y) {
  const size_t at = static_cast<size_t>(y) * frame.width + x;
  switch (frame.format) {
    case PixelFormat::kGray8: {
      const uint8_t grey = frame.data[at];
      return {grey, grey, grey};
    }
    case PixelFormat::kRgb888: {
      const uint8_t* p = frame.data + at * 3;
      return {p[0], p[1], p[2]};
    }
    case PixelFormat::kBgr888: {
      const uint8_t* p = frame.data + at * 3;
      return {p[2], p[1], p[0]};
    }
    case PixelFormat::kRgba8888: {
      const uint8_t* p = frame.data + at * 4;
      return {p[0], p[1], p[2]};
    }
    case PixelFormat::kRgb565: {
      const uint8_t* p = frame.data + at * 2;
      return From565(p[1], p[0]);
    }
    case PixelFormat::kRgb565BigEndian: {
      const uint8_t* p = frame.data + at * 2;
      return From565(p[0], p[1]);
    }
  }
  return {0, 0, 0};
}

}  // namespace

uint32_t UprightWidth(const Frame& frame) {
  return frame.orientation >= 5 ? frame.height : frame.width;
}

uint32_t UprightHeight(const Frame& frame) {
  return frame.orientation >= 5 ? frame.width : frame.height;
}

Pixel ReadPixel(const Frame& frame, uint32_t x, uint32_t y) {
  const uint32_t right = frame.width - 1;
  const uint32_t bottom = frame.height - 1;
  switch (frame.orientation) {
    case 2: return ReadStored(frame, right - x, y);
    case 3: return ReadStored(frame, right - x, bottom - y);
    case 4: return ReadStored(frame, x, bottom - y);
    case 5: return ReadStored(frame, y, x);
    case 6: return ReadStored(frame, y, bottom - x);
    case 7: return ReadStored(frame, right - y, bottom - x);
    case 8: return ReadStored(frame, right - y, x);
    default: return ReadStored(frame, x, y);
  }
}

}  // namespace [[ ns ]]
