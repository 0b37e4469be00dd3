#include "variants.h"

namespace [[ ns ]] {
namespace {

[% for spec in variant.specs %]
const float kMean[[ loop.index0 ]][] = {[[ spec.mean ]]};
const float kStd[[ loop.index0 ]][] = {[[ spec.std ]]};
[% endfor %]

const Spec kInputSpecs[kInputs] = {
[% for spec in variant.specs %]
    {Colour::[[ spec.colour ]], [[ spec.width ]], [[ spec.height ]], Fit::[[ spec.fit ]],
     Interpolation::[[ spec.interpolation ]], Layout::[[ spec.layout ]], [[ spec.whole ]],
     static_cast<float>([[ spec.scale ]]), kMean[[ loop.index0 ]], [[ spec.means ]], kStd[[ loop.index0 ]], [[ spec.stds ]],
     [[ spec.tensor ]]},
[% endfor %]
};

const TensorSpec kOutputSpecs[kOutputs] = {
[% for tensor in variant.outputs %]
    [[ tensor ]],
[% endfor %]
};

alignas(16) const unsigned char kModel[] = {
[[ variant.model ]]};

}  // namespace

const Variant [[ variant.constant ]] = {
    "[[ variant.name ]]", kModel, sizeof(kModel), [[ variant.crc32 ]], [[ variant.arena.size_bytes ]], kInputSpecs, kOutputSpecs,
};

}  // namespace [[ ns ]]
