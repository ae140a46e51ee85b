#include "kernels.h"

#include <arm_neon.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>

namespace {
#include "simd_neon.h"
#include "kernels_impl.h"
}  // namespace

const Kernels neon_kernels = {"neon", kBias, kKeyBias, round, round_row, multiply, attend, normalise, turn, gate, add};
