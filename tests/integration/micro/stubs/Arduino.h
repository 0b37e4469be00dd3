// A stub for tests: what a sketch is given.
#pragma once

#include <cstdio>

struct StubSerial {
  void begin(unsigned long baud) { (void)baud; }
  explicit operator bool() const { return true; }
  void print(const char* text) { std::fputs(text, stdout); }
};

inline StubSerial Serial;
