#include "golden.h"

namespace [[ ns ]] {
namespace {

[% for array in arrays %]
alignas(8) const unsigned char kBytes[[ loop.index0 ]][] = {
[[ array ]]};
[% endfor %]

[% for variant in golden %]
[% set v = loop.index0 %]
[% for sample in variant.samples %]
[% set s = "%d_%d"|format(v, loop.index0) %]
[% if not takes_image %]
const unsigned char* const kValues[[ s ]][kInputs] = {[[ sample.values|join(", ") ]]};
[% endif %]
const GoldenTensor kInputs[[ s ]][kInputs] = {[[ sample.inputs|join(", ") ]]};
[% if sample.outputs %]
const GoldenTensor kOutputs[[ s ]][kOutputs] = {[[ sample.outputs|join(", ") ]]};
[% endif %]
[% if sample.reals %]
const GoldenTensor kReals[[ s ]][kOutputs] = {[[ sample.reals|join(", ") ]]};
[% endif %]
[% endfor %]

const GoldenSample kSamples[[ v ]][] = {
[% for sample in variant.samples %]
[% set s = "%d_%d"|format(v, loop.index0) %]
    {"[[ sample.name ]]", [[ sample.frame if takes_image else "kValues" ~ s ]], kInputs[[ s ]], [[ "kOutputs" ~ s if sample.outputs else "nullptr" ]],
     [[ "kReals" ~ s if sample.reals else "nullptr" ]][% if takes_image %], [[ sample.top ]][% endif %]},
[% endfor %]
};

[% endfor %]
}  // namespace

[% if takes_image %]
const GoldenFrame kGoldenFormatFrames[kGoldenFormats] = {
[% for frame in formats %]
    [[ frame ]],
[% endfor %]
};

[% endif %]
const Golden kGolden[kVariants] = {
[% for variant in golden %]
    {&[[ variant.constant ]], kSamples[[ loop.index0 ]], [[ variant.samples|length ]], [[ variant.alike ]]},
[% endfor %]
};

}  // namespace [[ ns ]]
