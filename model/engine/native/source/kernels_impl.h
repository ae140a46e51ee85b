// The kernels, in terms of one path's vectors. Each kernels_*.cpp includes the path's simd_*.h and then this file, inside
// a namespace of its own, and is compiled for that processor alone.

constexpr int kVectors = kBlock / kLanes;  // of a block's 16 rows or tokens
constexpr int kSums = kLanes == 16 ? 16 : 8;  // side by side in registers; AVX-512 has twice as many
constexpr size_t kAhead = 8 * kGroupBytes;    // bytes from the weights in use to those that are asked for
constexpr float kLowest = -1e30f;          // the score of a key that is not seen

inline float sum(Floats a) {
    float v[kLanes], total = 0;
    store(v, a);
    for (float x : v) total += x;
    return total;
}

// e**x to about 1e-7 of itself, for x <= 87; below -87 as at -87 (Cephes' polynomial).
inline Floats exponential(Floats x) {
    x = max(x, broadcast(-87.0f));
    const Floats n = nearest(x * broadcast(1.44269504088896f));
    Floats f = fma(n, broadcast(-0.693359375f), x);
    f = fma(n, broadcast(2.12194440e-4f), f);
    Floats p = broadcast(1.9875691500e-4f);
    for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
        p = fma(p, f, broadcast(c));
    p = fma(p, f * f, f + broadcast(1.0f));
    return scale_by_power(p, n);
}

// ---- matrix products: one block of 16 matrix rows times N rows of activations ---------------------------------------

// f32: weights as [column][16 rows].
template <int N>
void block_f32(const Packed& m, const uint8_t* data, const Activations& in, const int* rows, float (*out)[kBlock]) {
    Floats sums[N][kVectors];
    for (auto& row : sums)
        for (auto& s : row) s = broadcast(0);
    const float* w = reinterpret_cast<const float*>(data);
    for (int k = 0; k < m.columns; k++, w += kBlock)
        for (int i = 0; i < N; i++) {
            const Floats x = broadcast(in.values[static_cast<size_t>(rows[i]) * in.columns + k]);
            for (int v = 0; v < kVectors; v++) sums[i][v] = fma(load(w + v * kLanes), x, sums[i][v]);
        }
    for (int i = 0; i < N; i++)
        for (int v = 0; v < kVectors; v++) store(out[i] + v * kLanes, sums[i][v]);
}

// bf16: weights as [pair of columns][16 rows][2].
template <int N>
void block_bf16(const Packed& m, const uint8_t* data, const Activations& in, const int* rows, float (*out)[kBlock]) {
    Floats sums[2][N][kVectors];
    for (auto& chain : sums)
        for (auto& row : chain)
            for (auto& s : row) s = broadcast(0);
    const uint16_t* w = reinterpret_cast<const uint16_t*>(data);
    for (int k = 0; k < m.columns; k += 2, w += 2 * kBlock)
        for (int v = 0; v < kVectors; v++) {
            const Floats first = first_of_pairs(w + 2 * v * kLanes), second = second_of_pairs(w + 2 * v * kLanes);
            for (int i = 0; i < N; i++) {
                const float* x = in.values + static_cast<size_t>(rows[i]) * in.columns + k;
                sums[0][i][v] = fma(first, broadcast(x[0]), sums[0][i][v]);
                sums[1][i][v] = fma(second, broadcast(x[1]), sums[1][i][v]);
            }
        }
    for (int i = 0; i < N; i++)
        for (int v = 0; v < kVectors; v++) store(out[i] + v * kLanes, sums[0][i][v] + sums[1][i][v]);
}

// int8: for each group of 64 columns 16 scales, 16 sums to begin from, then weights as [four columns][16 rows][4].
template <int N>
void block_int8(const Packed& m, const uint8_t* data, const Activations& in, const int* rows, float (*out)[kBlock]) {
    const int groups = m.columns / kGroup;
    Floats totals[N][kVectors];
    for (auto& row : totals)
        for (auto& t : row) t = broadcast(0);
    for (int g = 0; g < groups; g++) {
        const float* scales = reinterpret_cast<const float*>(data);
        const int32_t* begin = reinterpret_cast<const int32_t*>(data) + kBlock;
        fetch(data + kAhead);
        fetch(data + kAhead + kLine);
        data += kHead;
        Ints sums[N][kVectors];
        const uint8_t* x[N];
        for (int i = 0; i < N; i++) {
            x[i] = in.rounded + (static_cast<size_t>(rows[i]) * groups + g) * kGroup;
            for (int v = 0; v < kVectors; v++) sums[i][v] = load(begin + v * kLanes);
        }
#pragma GCC unroll 4  // unrolled whole, GCC sums as a tree and runs out of registers
        for (int k = 0; k < kGroup; k += 4, data += 4 * kBlock) {
            fetch(data + kAhead);
            for (int i = 0; i < N; i++) {
                const Quad four = quad(x[i] + k);
                for (int v = 0; v < kVectors; v++)
                    sums[i][v] = add_products(sums[i][v], reinterpret_cast<const int8_t*>(data) + 4 * v * kLanes, four);
            }
        }
        for (int i = 0; i < N; i++) {
            const Floats scale = broadcast(in.scales[static_cast<size_t>(rows[i]) * groups + g]);
            for (int v = 0; v < kVectors; v++)
                totals[i][v] = fma(to_floats(sums[i][v]), load(scales + v * kLanes) * scale, totals[i][v]);
        }
    }
    for (int i = 0; i < N; i++)
        for (int v = 0; v < kVectors; v++) store(out[i] + v * kLanes, totals[i][v]);
}

template <int N>
void tile(const Packed& m, const uint8_t* data, const Activations& in, const int* rows, float* out, size_t stride) {
    float found[N][kBlock];
    switch (m.format) {
        case Format::f32: block_f32<N>(m, data, in, rows, found); break;
        case Format::bf16: block_bf16<N>(m, data, in, rows, found); break;
        case Format::int8: block_int8<N>(m, data, in, rows, found); break;
    }
    for (int i = 0; i < N; i++) std::memcpy(out + rows[i] * stride, found[i], sizeof found[i]);
}

void multiply(const Packed& m, int first, int last, const Activations& in, const int* rows, int n, float* out,
              size_t stride) {
    for (int r = first; r < last; r += kBlock) {
        const uint8_t* data = m.data + r / kBlock * m.block_bytes;
        float* to = out + (r - first);
        int i = 0;
        for (; n - i >= 4; i += 4) tile<4>(m, data, in, rows + i, to, stride);
        for (; n - i >= 2; i += 2) tile<2>(m, data, in, rows + i, to, stride);
        for (; n - i >= 1; i += 1) tile<1>(m, data, in, rows + i, to, stride);
    }
}

// Numbers as bytes: to[i] = x[i] / the scale that is returned, from -top to top, and `bias` more. n: a multiple of 16.
float round(const float* x, int n, int top, int bias, uint8_t* to) {
    Floats most = broadcast(0);
    for (int i = 0; i < n; i += kLanes) most = max(most, magnitude(load(x + i)));
    const float largest_one = largest(most);
    const Floats inverse = broadcast(largest_one > 0 ? static_cast<float>(top) / largest_one : 0);
    for (int i = 0; i < n; i += kLanes) store_bytes(to + i, nearest(load(x + i) * inverse), bias);
    return largest_one / static_cast<float>(top);
}

void round_row(const Activations& in, int row) {
    const int groups = in.columns / kGroup;
    for (int g = row * groups; g < (row + 1) * groups; g++) {
        const size_t at = static_cast<size_t>(g) * kGroup;
        in.scales[g] = round(in.values + at, kGroup, kTop, kBias, in.rounded + at);
    }
}

#include "attention_impl.h"

// ---- along a row ---------------------------------------------------------------------------------------------------

void normalise(const float* x, const float* gain, float* out, int n) {
    Floats squares = broadcast(0);
    for (int i = 0; i < n; i += kLanes) squares = fma(load(x + i), load(x + i), squares);
    const Floats scale = broadcast(1 / std::sqrt(sum(squares) / n + 1e-5f));
    for (int i = 0; i < n; i += kLanes) store(out + i, load(x + i) * scale * load(gain + i));
}

// Rotary positions, halves layout: dimension i and dimension i + half turn together.
void turn(float* x, const float* cos, const float* sin, int half, float scale) {
    for (int i = 0; i < half; i++) {
        const float a = x[i] * scale, b = x[i + half] * scale;
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = b * cos[i] + a * sin[i];
    }
}

void gate(const float* gate_up, float* out, int n) {
    const Floats one = broadcast(1);
    for (int i = 0; i < n; i += kLanes) {
        const Floats x = load(gate_up + i);
        const Floats shrunk = exponential(broadcast(0) - max(x, broadcast(-87.0f)));
        store(out + i, x / (one + shrunk) * load(gate_up + n + i));
    }
}

void add(float* x, const float* y, int n) {
    for (int i = 0; i < n; i += kLanes) store(x + i, load(x + i) + load(y + i));
}
