#include "selftest.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "[[ api ]].h"
#include "crc32.h"
#include "golden.h"

namespace [[ ns ]] {
namespace {

alignas(16) uint8_t arena[kArenaBytes];

const char* StageName(Stage stage) {
  return stage == Stage::kDecode       ? "decode"
         : stage == Stage::kPreprocess ? "preprocess"
         : stage == Stage::kInference  ? "inference"
                                       : "result";
}

// Text of a few characters, made without printf: small C libraries leave out its floats.
class Text {
 public:
  void Add(char c) {
    if (length_ + 1 < sizeof(text_)) text_[length_++] = c;
    text_[length_] = '\0';
  }

  void Add(const char* text) {
    while (*text != '\0') Add(*text++);
  }

  // Three digits, as in 0.0667, 12.5 or 1e-06.
  void Add(double value) {
    if (!(std::fabs(value) <= std::numeric_limits<double>::max())) {
      Add("not a number");
      return;
    }
    int exponent = value > 0.0 ? static_cast<int>(std::floor(std::log10(value))) : 0;
    long digits = std::lround(value * std::pow(10.0, 2 - exponent));
    if (digits >= 1000) {
      digits /= 10;
      ++exponent;
    }
    if (exponent < -4 || exponent > 5) {
      AddDigits(digits, 0);
      AddExponent(exponent);
    } else {
      AddDigits(digits, exponent);
    }
  }

  void AddWhole(size_t value) {
    if (value >= 10) AddWhole(value / 10);
    Add(static_cast<char>('0' + value % 10));
  }

  const char* text() const { return text_; }

 private:
  // Adds 0.ddd * 10^(`exponent` + 1), without zeros at its end.
  void AddDigits(long digits, int exponent) {
    const char three[3] = {static_cast<char>('0' + digits / 100),
                           static_cast<char>('0' + digits / 10 % 10),
                           static_cast<char>('0' + digits % 10)};
    int count = 3;
    while (count > 1 && three[count - 1] == '0') --count;
    if (exponent < 0) Add("0.");
    for (int zero = exponent + 1; zero < 0; ++zero) Add('0');
    for (int at = 0; at < count || at <= exponent; ++at) {
      if (at > 0 && at == exponent + 1) Add('.');
      Add(at < count ? three[at] : '0');
    }
  }

  void AddExponent(int exponent) {
    const int size = exponent < 0 ? -exponent : exponent;
    Add('e');
    Add(exponent < 0 ? '-' : '+');
    if (size >= 100) Add(static_cast<char>('0' + size / 100));
    Add(static_cast<char>('0' + size / 10 % 10));
    Add(static_cast<char>('0' + size % 10));
  }

  char text_[160] = "";
  size_t length_ = 0;
};

class Report {
 public:
  explicit Report(Print print) : print_(print) {}

  // Takes the largest difference of one sample, and notes it where it is too large.
  void Check(Stage stage, const char* variant, const char* sample, double difference,
             double tolerance) {
    ++checked_;
    if (difference <= tolerance) return;
    Note({stage, variant, sample, difference, tolerance});
    Text line;
    Start(&line, stage, variant);
    line.Add(sample);
    line.Add(" differs by ");
    line.Add(difference);
    line.Add(", allowed ");
    line.Add(tolerance);
    Print_(&line);
  }

  // Notes what could not be done at all.
  void Fail(Stage stage, const char* variant, const char* what) {
    ++checked_;
    Note({stage, variant, what, std::numeric_limits<double>::quiet_NaN(), 0.0});
    Text line;
    Start(&line, stage, variant);
    line.Add(what);
    Print_(&line);
  }

[% if api == "classifier" %]
  // Compares the class that one sample was given.
  void CheckClass(const char* variant, const char* sample, size_t got, size_t expected) {
    ++checked_;
    if (got == expected) return;
    Note({Stage::kResult, variant, sample, std::numeric_limits<double>::quiet_NaN(), 0.0});
    Text line;
    Start(&line, Stage::kResult, variant);
    line.Add(sample);
    line.Add(" is class ");
    line.AddWhole(got);
    line.Add(", expected ");
    line.AddWhole(expected);
    Print_(&line);
  }

[% endif %]
  // Says what is not wrong, but good to know.
  void Remark(const char* variant, const char* what) {
    Text line;
    line.Add("note: ");
    AddVariant(&line, variant);
    line.Add(what);
    Print_(&line);
  }

  // Says how a stage ended.
  void End(Stage stage) {
    Text line;
    line.Add(StageName(stage));
    line.Add(checked_ == 0 ? ": nothing to check" : failed_ == 0 ? ": ok" : ": FAILED");
    Print_(&line);
    if (failed_ > 0 && first_failed_ == nullptr) first_failed_ = StageName(stage);
    checked_ = failed_ = 0;
  }

  SelfTestResult Finish() {
    Text line;
    line.Add(first_failed_ == nullptr ? "passed" : "FAILED in ");
    if (first_failed_ != nullptr) line.Add(first_failed_);
    Print_(&line);
    return result_;
  }

 private:
  void Note(const Finding& finding) {
    ++failed_;
    ++result_.total;
    if (result_.kept < SelfTestResult::kMost) result_.findings[result_.kept++] = finding;
  }

  void Start(Text* line, Stage stage, const char* variant) {
    line->Add(StageName(stage));
    line->Add(": ");
    AddVariant(line, variant);
  }

  void AddVariant(Text* line, const char* variant) {
    if (kVariants == 1 || variant == nullptr) return;
    line->Add(variant);
    line->Add(", ");
  }

  void Print_(Text* line) {
    line->Add('\n');
    print_(line->text());
  }

  Print print_;
  SelfTestResult result_ = {};
  size_t checked_ = 0;
  size_t failed_ = 0;
  const char* first_failed_ = nullptr;
};

double Larger(double a, double b) {
  // A difference that is no number is the largest of all.
  return std::isnan(a) || a > b ? a : b;
}

// Returns the largest difference of a tensor from its golden elements.
double Difference(const TensorSpec& spec, const void* tensor, const GoldenTensor& golden) {
  double largest = 0.0;
  for (size_t i = 0; i < spec.elements; ++i) {
    const double got = LoadElement(spec.type, tensor, i);
    const double expected = LoadElement(spec.type, golden.data, i);
    largest = got == expected ? largest : Larger(std::fabs(got - expected), largest);
  }
  return largest;
}

[% if takes_image %]
double Difference(const GoldenFrame& golden) {
  double largest = 0.0;
  const unsigned char* expected = golden.pixels;
  Frame stored = golden.frame;
  stored.orientation = 1;  // turning is a part of preprocessing
  const bool grey = stored.format == PixelFormat::kGray8;
  for (uint32_t y = 0; y < stored.height; ++y) {
    for (uint32_t x = 0; x < stored.width; ++x) {
      const Pixel pixel = ReadPixel(stored, x, y);
      const double got[3] = {1.0 * pixel.red, 1.0 * pixel.green, 1.0 * pixel.blue};
      for (int channel = 0; channel < 3; ++channel) {
        largest = Larger(std::fabs(got[channel] - expected[grey ? 0 : channel]), largest);
      }
      expected += grey ? 1 : 3;
    }
  }
  return largest;
}

void TestDecode(Report* report) {
  for (const GoldenFrame& each : kGoldenFormatFrames) {
    report->Check(Stage::kDecode, nullptr, "a pixel format", Difference(each), each.tolerance);
  }
  // The pictures are the same for every variant.
  for (size_t i = 0; i < kGolden[0].count; ++i) {
    const GoldenSample& sample = kGolden[0].samples[i];
    report->Check(Stage::kDecode, nullptr, sample.name, Difference(sample.picture),
                  sample.picture.tolerance);
  }
}

Status PreprocessSample(Runner* runner, const GoldenSample& sample) {
  return runner->Preprocess(sample.picture.frame);
}
[% else %]
template <class T>
Status PreprocessInput(Runner* runner, const GoldenSample& sample, size_t i) {
  const size_t count = runner->variant().inputs[i].tensor.elements;
  return runner->Preprocess(i, reinterpret_cast<const T*>(sample.values[i]), count);
}

Status PreprocessSample(Runner* runner, const GoldenSample& sample) {
[% for type in value_types %]
  const Status status[[ loop.index0 ]] = PreprocessInput<[[ type ]]>(runner, sample, [[ loop.index0 ]]);
  if (status[[ loop.index0 ]] != Status::kOk) return status[[ loop.index0 ]];
[% endfor %]
  return Status::kOk;
}
[% endif %]

void TestPreprocess(Runner* runner, const Golden& golden, Report* report) {
  const char* variant = golden.variant->name;
  for (size_t s = 0; s < golden.count; ++s) {
    const GoldenSample& sample = golden.samples[s];
    const Status status = PreprocessSample(runner, sample);
    if (status != Status::kOk) {
      report->Fail(Stage::kPreprocess, variant, StatusText(status));
      continue;
    }
    for (size_t i = 0; i < kInputs; ++i) {
      const double difference =
          Difference(golden.variant->inputs[i].tensor, runner->InputData(i), sample.inputs[i]);
      report->Check(Stage::kPreprocess, variant, sample.name, difference,
                    sample.inputs[i].tolerance);
    }
  }
}

void TestOutputs(Runner* runner, const Golden& golden, const GoldenSample& sample,
                 Report* report) {
  const Variant& variant = *golden.variant;
  for (size_t i = 0; i < kInputs; ++i) {
    std::memcpy(runner->InputData(i), sample.inputs[i].data, variant.inputs[i].tensor.bytes());
  }
  const Status status = runner->Run();
  if (status != Status::kOk) {
    report->Fail(Stage::kInference, variant.name, StatusText(status));
    return;
  }
  for (size_t i = 0; i < kOutputs; ++i) {
    const double difference =
        Difference(variant.outputs[i], runner->OutputData(i), sample.outputs[i]);
    report->Check(Stage::kInference, variant.name, sample.name, difference,
                  sample.outputs[i].tolerance);
  }
}

bool IsWhole(const Variant& variant) {
  return Crc32(variant.model, variant.model_bytes) == variant.model_crc32;
}

void TestPreprocess(const Golden& golden, Report* report) {
  // Without a model there is no tensor to write into; the next stage says why.
  if (!IsWhole(*golden.variant)) return;
  Runner runner(*golden.variant, arena, sizeof(arena));
  if (runner.Begin() == Status::kOk) TestPreprocess(&runner, golden, report);
}

void TestInference(const Golden& golden, Report* report) {
  const Variant& variant = *golden.variant;
  if (!IsWhole(variant)) {
    report->Fail(Stage::kInference, variant.name, "the model is not the validated one (CRC-32)");
    return;
  }
  Runner runner(variant, arena, sizeof(arena));
  const Status status = runner.Begin();
  if (status != Status::kOk) {
    report->Fail(Stage::kInference, variant.name, StatusText(status));
    return;
  }
  for (size_t i = 0; i < golden.count; ++i) {
    if (golden.samples[i].outputs != nullptr) {
      TestOutputs(&runner, golden, golden.samples[i], report);
    }
  }
}

// Compares the golden outputs as real values with those that were validated.
void TestReals(const Golden& golden, const GoldenSample& sample, Report* report) {
  for (size_t i = 0; i < kOutputs; ++i) {
    const TensorSpec& spec = golden.variant->outputs[i];
    double largest = 0.0;
    for (size_t at = 0; at < spec.elements; ++at) {
      const double got = static_cast<double>(LoadReal(spec, sample.outputs[i].data, at));
      const double expected = LoadElement(Type::kFloat32, sample.reals[i].data, at);
      largest = Larger(std::fabs(got - expected), largest);
    }
    report->Check(Stage::kResult, golden.variant->name, sample.name, largest,
                  sample.reals[i].tolerance);
  }
}

[% if api == "classifier" %]
// Ranks the golden outputs as Classify() does.
void TestClass(const Golden& golden, const GoldenSample& sample, Report* report) {
  Score best[1];
  size_t count = 1;
  Rank(golden.variant->outputs[0], sample.outputs[0].data, best, &count);
  const size_t expected = static_cast<size_t>(sample.top);
  report->CheckClass(golden.variant->name, sample.name, best[0].index, expected);
[% if labelled %]
  if (expected < kLabelCount && std::strcmp(best[0].label, kLabels[expected]) != 0) {
    report->Fail(Stage::kResult, golden.variant->name, "a class has the label of another");
  }
[% endif %]
}

[% endif %]
[% if labelled %]
void TestLabels(Report* report) {
  uint32_t crc = 0;
  for (const char* label : kLabels) {
    crc = Crc32(reinterpret_cast<const unsigned char*>(label), std::strlen(label), crc);
    crc = Crc32(reinterpret_cast<const unsigned char*>("\n"), 1, crc);
  }
  if (crc != kGoldenLabelsCrc32) {
    report->Fail(Stage::kResult, nullptr, "labels.txt is not the one that was validated");
  }
}

[% endif %]
void TestResult(const Golden& golden, Report* report) {
  for (size_t s = 0; s < golden.count; ++s) {
    const GoldenSample& sample = golden.samples[s];
    if (sample.outputs == nullptr) continue;
    if (sample.reals != nullptr) TestReals(golden, sample, report);
[% if api == "classifier" %]
    if (sample.top >= 0) TestClass(golden, sample, report);
[% endif %]
  }
}

}  // namespace

SelfTestResult RunSelfTest(Print print) {
  Report report(print);
[% if takes_image %]
  TestDecode(&report);
[% endif %]
  report.End(Stage::kDecode);
  for (const Golden& golden : kGolden) TestPreprocess(golden, &report);
  report.End(Stage::kPreprocess);
  for (const Golden& golden : kGolden) TestInference(golden, &report);
  report.End(Stage::kInference);
[% if labelled %]
  TestLabels(&report);
[% endif %]
  for (const Golden& golden : kGolden) TestResult(golden, &report);
  report.End(Stage::kResult);
  for (const Golden& golden : kGolden) {
    if (golden.alike) {
      report.Remark(golden.variant->name,
                    "the golden outputs are all alike, another model could pass too");
    }
  }
  return report.Finish();
}

}  // namespace [[ ns ]]
