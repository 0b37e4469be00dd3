// A stub for tests: the Arduino port's own header, which brings its folder into the search path.
#pragma once
