// The self-test as a program. Exit code 0 where everything passed, else 1.
#include <cstdio>

#include "[[ ns ]]/selftest.h"

namespace {

void Print(const char* text) { std::fputs(text, stdout); }

}  // namespace

int main() { return [[ ns ]]::RunSelfTest(Print).passed() ? 0 : 1; }
