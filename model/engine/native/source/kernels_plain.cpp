#include "kernels.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>

namespace {
#include "simd_plain.h"
#include "kernels_impl.h"
}  // namespace

const Kernels plain_kernels = {"plain", kBias, kKeyBias, round, round_row, multiply, attend, normalise, turn, gate, add};
