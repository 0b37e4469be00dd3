// [[ title ]], in version [[ version ]].
#pragma once

#include "[[ ns ]]/[[ api ]].h"
