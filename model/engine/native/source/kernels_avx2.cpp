#include "kernels.h"

#include <immintrin.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>

namespace {
#include "simd_avx2.h"
#include "kernels_impl.h"
}  // namespace

const Kernels avx2_kernels = {"avx2", kBias, kKeyBias, round, round_row, multiply, attend, normalise, turn, gate, add};
