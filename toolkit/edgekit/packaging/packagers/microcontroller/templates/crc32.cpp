#include "crc32.h"

namespace [[ ns ]] {

uint32_t Crc32(const unsigned char* data, size_t bytes, uint32_t before) {
  uint32_t rest = ~before;
  for (size_t i = 0; i < bytes; ++i) {
    rest ^= data[i];
    for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ (0xEDB88320U & (0U - (rest & 1U)));
  }
  return ~rest;
}

}  // namespace [[ ns ]]
