// Drives a package's preprocessing over the cases of corpus.py, in the folder given. Built with
// PACKAGE_PREPROCESS (a header) and PACKAGE_NS.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include PACKAGE_PREPROCESS

using namespace PACKAGE_NS;

namespace {

std::vector<std::string> Split(const std::string& text, char mark) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, mark);) parts.push_back(part);
  return parts;
}

std::vector<float> Floats(const std::string& text) {
  std::vector<float> values;
  for (const auto& each : Split(text, ',')) values.push_back(static_cast<float>(std::strtod(each.c_str(), nullptr)));
  return values;
}

Spec SpecOf(const std::vector<std::string>& f, const std::vector<float>& mean, const std::vector<float>& std) {
  Spec spec = {};
  spec.colour = f[5] == "L" ? Colour::kGrey : f[5] == "RGB" ? Colour::kRgb : Colour::kBgr;
  spec.height = static_cast<uint32_t>(std::stoul(f[6]));
  spec.width = static_cast<uint32_t>(std::stoul(f[7]));
  spec.fit = f[8] == "exact" ? Fit::kExact : f[8] == "stretch" ? Fit::kStretch : Fit::kCrop;
  spec.interpolation = f[9] == "nearest"    ? Interpolation::kNearest
                       : f[9] == "bilinear" ? Interpolation::kBilinear
                                            : Interpolation::kAntialias;
  spec.layout = f[13] == "NCHW" ? Layout::kNchw : Layout::kNhwc;
  spec.scale = static_cast<float>(std::strtod(f[10].c_str(), nullptr));
  spec.mean = mean.data();
  spec.means = static_cast<uint32_t>(mean.size());
  spec.std = std.data();
  spec.stds = static_cast<uint32_t>(std.size());
  spec.tensor.type = f[14] == "float32" ? Type::kFloat32 : f[14] == "int8" ? Type::kInt8 : Type::kUint8;
  spec.tensor.elements = static_cast<size_t>(spec.width) * spec.height * spec.channels();
  spec.tensor.quantized = f[15] != "-";
  if (spec.tensor.quantized) {
    spec.tensor.scale = std::strtod(f[15].c_str(), nullptr);
    spec.tensor.zero_point = static_cast<int32_t>(std::stol(f[16]));
  }
  return spec;
}

bool Make(const std::string& folder, const std::vector<std::string>& f) {
  std::ifstream raw(folder + "/" + f[0] + ".raw", std::ios::binary);
  const std::vector<char> pixels{std::istreambuf_iterator<char>(raw), {}};
  const PixelFormat format = f[3] == "1"   ? PixelFormat::kGray8
                             : f[3] == "3" ? PixelFormat::kRgb888
                                           : PixelFormat::kRgba8888;
  const Frame frame{reinterpret_cast<const uint8_t*>(pixels.data()),
                    static_cast<uint32_t>(std::stoul(f[1])), static_cast<uint32_t>(std::stoul(f[2])),
                    format, static_cast<uint8_t>(std::stoul(f[4]))};
  const std::vector<float> mean = Floats(f[11]);
  const std::vector<float> std = Floats(f[12]);
  const Spec spec = SpecOf(f, mean, std);
  std::vector<double> weights(WeightsFor(128, 1));
  std::vector<uint8_t> column(3 * 128);
  std::vector<char> out(spec.tensor.bytes());
  const Workspace work{weights.data(), weights.size(), column.data(), column.size()};
  const Status status = PreprocessFrame(spec, frame, work, out.data());
  if (status != Status::kOk) std::cerr << f[0] << ": " << StatusText(status) << "\n";
  std::ofstream(folder + "/" + f[0] + ".out", std::ios::binary).write(out.data(), static_cast<std::streamsize>(out.size()));
  return status == Status::kOk;
}

}  // namespace

int main(int, char** arguments) {
  const std::string folder = arguments[1];
  std::ifstream cases(folder + "/cases.tsv");
  bool good = true;
  for (std::string line; std::getline(cases, line);) good = Make(folder, Split(line, '\t')) && good;
  return good ? 0 : 1;
}
