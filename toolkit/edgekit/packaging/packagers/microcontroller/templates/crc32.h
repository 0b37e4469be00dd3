// CRC-32 (IEEE 802.3, as in zip files): tells a damaged model from a whole one. `before` is that of
// the bytes before these.
#pragma once

#include <cstddef>
#include <cstdint>

namespace [[ ns ]] {

uint32_t Crc32(const unsigned char* data, size_t bytes, uint32_t before = 0);

}  // namespace [[ ns ]]
