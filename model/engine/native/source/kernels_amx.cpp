// AVX-512, and AMX where many rows meet the same int8 weights. A block's group of 64 columns is a tile of weights as it
// lies in memory, and its products are whole numbers, so the results are those of AVX-512 to the last bit.
#include "amx.h"
#include "kernels.h"

#ifdef TRADEFOURS_AMX
#include <immintrin.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>

namespace {
#include "simd_avx512.h"
#include "kernels_impl.h"

#define WITH_TILES __attribute__((target("amx-tile,amx-int8")))

constexpr int kLeastRows = 5;  // four are one tile of AVX-512's, and as fast
constexpr int kTileRows = 16;
constexpr int kAtOnce = 4;  // groups whose products are made side by side

struct alignas(64) TileShapes {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
};

// Tiles 0 to 3 take sums, 4 and 5 hold n rows of activations, 6 and 7 weights.
WITH_TILES void shape_tiles(int n) {
    TileShapes shapes;
    for (int t = 0; t < 8; t++) {
        shapes.row_bytes[t] = kGroup;
        shapes.rows[t] = static_cast<uint8_t>(t < 6 ? n : kTileRows);
    }
    _tile_loadconfig(&shapes);
}

// sums[i] = products of n rows of activations and the weights of group i, of up to four. A tile is named by a literal.
WITH_TILES inline void products(const uint8_t* x, size_t columns, const uint8_t* w, int groups,
                                int32_t (*sums)[kTileRows][kBlock]) {
#define PRODUCT(SUM, X, W)                                     \
    _tile_zero(SUM);                                           \
    _tile_loadd(X, x + SUM * kGroup, columns);                 \
    _tile_loadd(W, w + SUM * kGroupBytes + kHead, 4 * kBlock); \
    _tile_dpbusd(SUM, X, W)

    PRODUCT(0, 4, 6);
    if (groups > 1) { PRODUCT(1, 5, 7); }
    if (groups > 2) { PRODUCT(2, 4, 6); }
    if (groups > 3) { PRODUCT(3, 5, 7); }
    _tile_stored(0, sums[0], 4 * kBlock);
    if (groups > 1) _tile_stored(1, sums[1], 4 * kBlock);
    if (groups > 2) _tile_stored(2, sums[2], 4 * kBlock);
    if (groups > 3) _tile_stored(3, sums[3], 4 * kBlock);
#undef PRODUCT
}

// A block of 16 matrix rows times n rows of activations that lie side by side.
WITH_TILES void block_of_tiles(const Packed& m, const uint8_t* data, const Activations& in, int row, int n, float* out,
                               size_t stride) {
    alignas(64) int32_t sums[kAtOnce][kTileRows][kBlock];
    Floats totals[kTileRows];
    for (int i = 0; i < n; i++) totals[i] = broadcast(0);
    const int groups = m.columns / kGroup;
    for (int first = 0; first < groups; first += kAtOnce) {
        const int now = std::min(kAtOnce, groups - first);
        const size_t at = static_cast<size_t>(row) * groups + first;
        products(in.rounded + at * kGroup, in.columns, data + first * kGroupBytes, now, sums);
        for (int g = 0; g < now; g++) {
            const uint8_t* head = data + (first + g) * kGroupBytes;
            const Floats scales = load(reinterpret_cast<const float*>(head));
            const __m512i begin = _mm512_loadu_si512(head + kBlock * sizeof(float));
            const uint8_t* next = head + kAtOnce * kGroupBytes;  // asked for between sums: all at once would hold them up
            for (int i = 0; i < n; i++) {
                for (size_t line = i * kLine; line < kGroupBytes; line += n * kLine) fetch(next + line);
                const Ints sum = {_mm512_add_epi32(begin, _mm512_load_si512(sums[g][i]))};
                totals[i] = fma(to_floats(sum), scales * broadcast(in.scales[at + i * groups + g]), totals[i]);
            }
        }
    }
    for (int i = 0; i < n; i++) store(out + (row + i) * stride, totals[i]);
}

WITH_TILES void multiply_in_tiles(const Packed& m, int first, int last, const Activations& in, const int* rows, int n,
                                  float* out, size_t stride) {
    const bool side_by_side = n > 0 && rows[n - 1] - rows[0] == n - 1;
    if (m.format != Format::int8 || n < kLeastRows || !side_by_side) {
        multiply(m, first, last, in, rows, n, out, stride);
        return;
    }
    for (int done = 0, now; done < n; done += now) {
        now = std::min(n - done, kTileRows);
        shape_tiles(now);
        for (int r = first; r < last; r += kBlock)
            block_of_tiles(m, m.data + r / kBlock * m.block_bytes, in, rows[done], now, out + (r - first), stride);
    }
    _tile_release();  // else the system would keep eight kilobytes with every change of thread
}
}  // namespace

const Kernels amx_kernels = {"amx", kBias, kKeyBias, round, round_row, multiply_in_tiles,
                             attend, normalise, turn, gate, add};
#endif
