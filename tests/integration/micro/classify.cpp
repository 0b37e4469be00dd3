// Calls a package's Classifier as an app would. Prints the best classes of the first golden picture,
// and what an arena that is too small gives, no room for classes, and values that are no numbers. Built with PACKAGE (a header) and PACKAGE_NS.
#include <cstdio>
#include <initializer_list>
#include <limits>

#include PACKAGE
#include PACKAGE_GOLDEN

using namespace PACKAGE_NS;

alignas(16) static uint8_t arena[kArenaBytes];

int main() {
  const Variant& variant = PickVariant(static_cast<size_t>(-1));
  Classifier classifier(arena, sizeof(arena), *FindVariant(variant.name));
  Score best[3];
  size_t count = 3;
  const Frame& frame = kGolden[0].samples[0].picture.frame;
  std::puts(StatusText(classifier.Classify(frame, best, &count)));
  std::puts(StatusText(classifier.Begin()));
  count = 3;
  std::puts(StatusText(classifier.Classify(frame, best, &count)));
  for (size_t i = 0; i < count; ++i) {
    std::printf("%zu\t%s\t%.6f\n", best[i].index, best[i].label, static_cast<double>(best[i].score));
  }
  std::printf("%s\t%d\n", variant.name, classifier.ArenaUsed() <= variant.arena_bytes);
  Classifier cramped(arena, 2112);
  std::puts(StatusText(cramped.Begin()));
  count = 0;
  std::puts(StatusText(classifier.Classify(frame, best, &count)));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float scores[] = {nan, 1.0F, 2.0F, nan, 2.0F};
  Score all[5];
  count = 5;
  Rank({Type::kFloat32, 5, false, 1.0, 0}, scores, all, &count);
  for (size_t i = 0; i < count; ++i) std::printf("%zu ", all[i].index);
  std::puts("");
  int32_t element = 7;
  for (const Type type : {Type::kInt8, Type::kInt16, Type::kInt32}) {
    std::puts(StatusText(StoreReal({type, 1, true, 0.5, 3}, nan, 0, &element)));
    std::printf("%d %d\n", Quantize(1e30F, {type, 1, true, 0.5, 3}), Quantize(-1e30F, {type, 1, true, 0.5, 3}));
  }
  std::puts(StatusText(StoreReal({Type::kInt32, 1, false, 1.0, 0}, nan, 0, &element)));
  std::printf("%d\n", element);
}
