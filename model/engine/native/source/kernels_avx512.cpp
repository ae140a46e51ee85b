#include "kernels.h"

#include <immintrin.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>

namespace {
#include "simd_avx512.h"
#include "kernels_impl.h"
}  // namespace

const Kernels avx512_kernels = {"avx512", kBias, kKeyBias, round, round_row, multiply, attend, normalise, turn, gate, add};
