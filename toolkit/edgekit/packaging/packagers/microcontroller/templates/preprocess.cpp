#include "preprocess.h"

#include <cmath>

// Each operation is rounded by itself, as in the reference: no fused multiply-add.
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

namespace [[ ns ]] {
namespace {

struct Size {
  uint32_t width;
  uint32_t height;
};

// Source pixels and weights of one output pixel.
struct Taps {
  int64_t first;
  size_t count;
  int64_t last_index;
  const double* weights;

  size_t Index(size_t k) const {
    const int64_t index = first + static_cast<int64_t>(k);
    return static_cast<size_t>(index < 0 ? 0 : index > last_index ? last_index : index);
  }
};

// ITU-R BT.601 luma in 16-bit fixed point.
uint8_t Luma(const Pixel& p) {
  return static_cast<uint8_t>((19595U * p.red + 38470U * p.green + 7471U * p.blue + 0x8000U) >> 16);
}

// Reads one pixel of the upright picture in the model's colours.
void ReadChannels(const Spec& spec, const Frame& frame, uint32_t x, uint32_t y, uint8_t* out) {
  const Pixel p = ReadPixel(frame, x, y);
  if (spec.colour == Colour::kGrey) {
    out[0] = Luma(p);
    return;
  }
  const bool reversed = spec.colour == Colour::kBgr;
  out[0] = reversed ? p.blue : p.red;
  out[1] = p.green;
  out[2] = reversed ? p.red : p.blue;
}

double RoundHalfToEven(double value) {
  const double below = std::floor(value);
  const double rest = value - below;
  const bool odd = std::fmod(below, 2.0) > 0.5;
  return rest > 0.5 || (rest >= 0.5 && odd) ? below + 1 : below;
}

uint32_t Covering(uint32_t side, uint32_t least, double ratio) {
  const double rounded = RoundHalfToEven(static_cast<double>(side) * ratio);
  return rounded > static_cast<double>(least) ? static_cast<uint32_t>(rounded) : least;
}

// The size that the picture is scaled to before its centre is taken.
Size ScaledSize(const Spec& spec, const Size& from) {
  if (spec.fit != Fit::kCrop || (from.width == spec.width && from.height == spec.height)) {
    return {spec.width, spec.height};
  }
  const double across = static_cast<double>(spec.width) / static_cast<double>(from.width);
  const double down = static_cast<double>(spec.height) / static_cast<double>(from.height);
  const double ratio = across > down ? across : down;
  return {Covering(from.width, spec.width, ratio), Covering(from.height, spec.height, ratio)};
}

Taps NearestTap(double centre, uint32_t from, double* weights) {
  weights[0] = 1.0;
  return {static_cast<int64_t>(std::floor(centre + 0.5)), 1, static_cast<int64_t>(from) - 1,
          weights};
}

// The source pixels of output pixel `at`: a triangle around its centre, as wide as the shrinking
// for antialiasing, whose weights add up to 1.
Taps TapsFor(uint32_t from, uint32_t to, uint32_t at, Interpolation way, double* weights) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double centre = (static_cast<double>(at) + 0.5) * ratio - 0.5;
  if (way == Interpolation::kNearest) return NearestTap(centre, from, weights);
  const bool antialias = way == Interpolation::kAntialias;
  const double half_width = antialias && ratio > 1.0 ? ratio : 1.0;
  Taps taps{static_cast<int64_t>(std::ceil(centre - half_width)),
            2 * static_cast<size_t>(std::ceil(half_width)) + 1,
            static_cast<int64_t>(from) - 1, weights};
  double total = 0.0;
  for (size_t k = 0; k < taps.count; ++k) {
    const int64_t index = taps.first + static_cast<int64_t>(k);
    const bool outside = index < 0 || index > taps.last_index;
    const double height = 1.0 - std::fabs(static_cast<double>(index) - centre) / half_width;
    weights[k] = height > 0.0 && !(antialias && outside) ? height : 0.0;
    total = total + weights[k];
  }
  for (size_t k = 0; k < taps.count; ++k) weights[k] = weights[k] / total;
  return taps;
}

uint8_t Rounded(double value) {
  const double rounded = std::floor(value + 0.5);
  return rounded < 0.0 ? 0 : rounded > 255.0 ? 255 : static_cast<uint8_t>(rounded);
}

// Makes column `x` of the picture as scaled across, `channels` bytes a row.
void FillColumn(const Spec& spec, const Frame& frame, uint32_t scaled_width, uint32_t x,
                const Workspace& work) {
  const uint32_t from = UprightWidth(frame);
  const uint32_t height = UprightHeight(frame);
  const uint32_t channels = spec.channels();
  if (from == scaled_width) {
    for (uint32_t y = 0; y < height; ++y) {
      ReadChannels(spec, frame, x, y, work.column + static_cast<size_t>(y) * channels);
    }
    return;
  }
  const Taps taps = TapsFor(from, scaled_width, x, spec.interpolation, work.weights);
  for (uint32_t y = 0; y < height; ++y) {
    double totals[3] = {0.0, 0.0, 0.0};
    uint8_t pixel[3] = {0, 0, 0};
    for (size_t k = 0; k < taps.count; ++k) {
      ReadChannels(spec, frame, static_cast<uint32_t>(taps.Index(k)), y, pixel);
      for (uint32_t c = 0; c < channels; ++c) totals[c] = totals[c] + pixel[c] * taps.weights[k];
    }
    for (uint32_t c = 0; c < channels; ++c) {
      work.column[static_cast<size_t>(y) * channels + c] = Rounded(totals[c]);
    }
  }
}

// Makes one channel of one pixel out of a column.
uint8_t FromColumn(const Taps& taps, const uint8_t* column, uint32_t channels, uint32_t channel) {
  double total = 0.0;
  for (size_t k = 0; k < taps.count; ++k) {
    total = total + column[taps.Index(k) * channels + channel] * taps.weights[k];
  }
  return Rounded(total);
}

float Normalized(const Spec& spec, float value, size_t channel) {
  const float mean = spec.mean[spec.means == 1 ? 0 : channel];
  const float std = spec.std[spec.stds == 1 ? 0 : channel];
  const float scaled = value * spec.scale;
  const float centred = scaled - mean;
  return centred / std;
}

size_t Position(const Spec& spec, uint32_t x, uint32_t y, uint32_t channel) {
  const size_t pixel = static_cast<size_t>(y) * spec.width + x;
  const size_t plane = static_cast<size_t>(spec.width) * spec.height;
  return spec.layout == Layout::kNchw ? channel * plane + pixel : pixel * spec.channels() + channel;
}

// Writes output column `x` out of the column of pixels in `work`.
Status StoreColumn(const Spec& spec, uint32_t from, uint32_t scaled_height, uint32_t x,
                   const Workspace& work, void* tensor) {
  const uint32_t channels = spec.channels();
  const uint32_t top = (scaled_height - spec.height) / 2;
  for (uint32_t y = 0; y < spec.height; ++y) {
    Taps taps{static_cast<int64_t>(y) + top, 1, static_cast<int64_t>(from) - 1, nullptr};
    const bool same = from == scaled_height;
    if (!same) taps = TapsFor(from, scaled_height, y + top, spec.interpolation, work.weights);
    for (uint32_t c = 0; c < channels; ++c) {
      const uint8_t level = same ? work.column[taps.Index(0) * channels + c]
                                 : FromColumn(taps, work.column, channels, c);
      const float value = Normalized(spec, static_cast<float>(level), c);
      const Status status = StoreReal(spec.tensor, value, Position(spec, x, y, c), tensor);
      if (status != Status::kOk) return status;
    }
  }
  return Status::kOk;
}

Status CheckFrame(const Spec& spec, const Size& from, const Size& to, const Workspace& work) {
  if (spec.colour == Colour::kNone || from.width == 0 || from.height == 0) {
    return Status::kWrongSize;
  }
  const bool same = from.width == spec.width && from.height == spec.height;
  if (spec.fit == Fit::kExact && !same) return Status::kWrongSize;
  const size_t column = static_cast<size_t>(from.height) * spec.channels();
  const bool fits = column <= work.most_column_bytes &&
                    WeightsFor(from.width, to.width) <= work.most_weights &&
                    WeightsFor(from.height, to.height) <= work.most_weights;
  return fits ? Status::kOk : Status::kFrameTooLarge;
}

template <class T>
Status StoreAll(const Spec& spec, const T* values, size_t count, void* tensor) {
  if (!spec.whole || count != spec.tensor.elements) return Status::kWrongSize;
  for (size_t i = 0; i < count; ++i) {
    const Status status = StoreWhole(spec.tensor, static_cast<int64_t>(values[i]), i, tensor);
    if (status != Status::kOk) return status;
  }
  return Status::kOk;
}

}  // namespace

Status PreprocessFrame(const Spec& spec, const Frame& frame, const Workspace& work, void* tensor) {
  const Size from{UprightWidth(frame), UprightHeight(frame)};
  const Size to = ScaledSize(spec, from);
  const Status status = CheckFrame(spec, from, to, work);
  if (status != Status::kOk) return status;
  const uint32_t left = (to.width - spec.width) / 2;
  for (uint32_t x = 0; x < spec.width; ++x) {
    FillColumn(spec, frame, to.width, x + left, work);
    const Status stored = StoreColumn(spec, from.height, to.height, x, work, tensor);
    if (stored != Status::kOk) return stored;
  }
  return Status::kOk;
}

Status PreprocessValues(const Spec& spec, const float* values, size_t count, void* tensor) {
  if (spec.whole || count != spec.tensor.elements) return Status::kWrongSize;
  const size_t last_axis = spec.means > spec.stds ? spec.means : spec.stds;
  for (size_t i = 0; i < count; ++i) {
    const float value = Normalized(spec, values[i], i % last_axis);
    const Status status = StoreReal(spec.tensor, value, i, tensor);
    if (status != Status::kOk) return status;
  }
  return Status::kOk;
}

Status PreprocessWhole(const Spec& spec, const int32_t* values, size_t count, void* tensor) {
  return StoreAll(spec, values, count, tensor);
}

Status PreprocessWhole(const Spec& spec, const int64_t* values, size_t count, void* tensor) {
  return StoreAll(spec, values, count, tensor);
}

}  // namespace [[ ns ]]
