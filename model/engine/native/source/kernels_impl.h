// The kernels, in terms of one path's vectors. Each kernels_*.cpp includes the path's simd_*.h and then this file, inside
// a namespace of its own, and is compiled for that processor alone.

constexpr int kVectors = kBlock / kLanes;  // of a block's 16 rows or tokens
constexpr int kSums = kLanes == 16 ? 16 : 8;  // side by side in registers; AVX-512 has twice as many
constexpr float kLowest = -1e30f;          // the score of a key that is not seen

inline float sum(Floats a) {
    float v[kLanes], total = 0;
    store(v, a);
    for (float x : v) total += x;
    return total;
}

inline float largest(Floats a) {
    float v[kLanes];
    store(v, a);
    return *std::max_element(v, v + kLanes);
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
        data += 2 * kBlock * sizeof(float);
        Ints sums[N][kVectors];
        const uint8_t* x[N];
        for (int i = 0; i < N; i++) {
            x[i] = in.rounded + (static_cast<size_t>(rows[i]) * groups + g) * kGroup;
            for (int v = 0; v < kVectors; v++) sums[i][v] = load(begin + v * kLanes);
        }
#pragma GCC unroll 4  // unrolled whole, GCC sums as a tree and runs out of registers
        for (int k = 0; k < kGroup; k += 4, data += 4 * kBlock)
            for (int i = 0; i < N; i++) {
                const Quad four = quad(x[i] + k);
                for (int v = 0; v < kVectors; v++)
                    sums[i][v] = add_products(sums[i][v], reinterpret_cast<const int8_t*>(data) + 4 * v * kLanes, four);
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

void round_row(const Activations& in, int row) {
    const int groups = in.columns / kGroup;
    for (int g = row * groups; g < (row + 1) * groups; g++) {
        const float* x = in.values + static_cast<size_t>(g) * kGroup;
        uint8_t* to = in.rounded + static_cast<size_t>(g) * kGroup;
        Floats most = broadcast(0);
        for (int i = 0; i < kGroup; i += kLanes) most = max(most, magnitude(load(x + i)));
        const float top = largest(most), inverse = top > 0 ? kTop / top : 0;
        float near[kGroup];
        for (int i = 0; i < kGroup; i += kLanes) store(near + i, nearest(load(x + i) * broadcast(inverse)));
        for (int i = 0; i < kGroup; i++) to[i] = static_cast<uint8_t>(static_cast<int32_t>(near[i]) + kBias);
        in.scales[g] = top / kTop;
    }
}

// ---- attention: N queries over keys and values that they share ----------------------------------------------------

// f32: keys as [block][dimension][16 tokens], values as [token][dimension].
struct CacheF32 {
    template <int B, int N>  // B blocks
    static void score(const void* keys, int block, int size, const Query* queries, Floats (&sums)[B][N][kVectors]) {
        const float* k = static_cast<const float*>(keys) + static_cast<size_t>(block) * kBlock * size;
        for (int d = 0; d < size; d++, k += kBlock)
            for (int i = 0; i < N; i++) {
                const Floats q = broadcast(queries[i].vector[d]);
                for (int b = 0; b < B; b++)
                    for (int v = 0; v < kVectors; v++)
                        sums[b][i][v] = fma(load(k + b * kBlock * size + v * kLanes), q, sums[b][i][v]);
            }
    }

    template <int N, int W>  // W vectors of dimensions from `d` on
    static void mix(const void* values, int block, int size, int d, const float* const* shares, Floats (&sums)[N][W]) {
        const float* from = static_cast<const float*>(values) + static_cast<size_t>(block) * kBlock * size + d;
        for (int t = 0; t < kBlock; t++, from += size)
            for (int i = 0; i < N; i++) {
                const Floats share = broadcast(shares[i][t]);
                for (int w = 0; w < W; w++) sums[i][w] = fma(load(from + w * kLanes), share, sums[i][w]);
            }
    }
};

// bf16: keys as [block][pair of dimensions][16 tokens][2], values as [pair of tokens][dimension][2].
struct CacheBf16 {
    // W vectors of pairs from `p` on, weighed by two factors for each of N rows.
    template <int N, int W, class Factor>
    static void add_pair(const uint16_t* p, Factor factor, Floats (&sums)[N][W]) {
        Floats first[W], second[W];
        for (int w = 0; w < W; w++) first[w] = first_of_pairs(p + 2 * w * kLanes);
        for (int w = 0; w < W; w++) second[w] = second_of_pairs(p + 2 * w * kLanes);
        for (int i = 0; i < N; i++) {
            const Floats a = broadcast(factor(i)[0]), b = broadcast(factor(i)[1]);
            for (int w = 0; w < W; w++) sums[i][w] = fma(first[w], a, sums[i][w]);
            for (int w = 0; w < W; w++) sums[i][w] = fma(second[w], b, sums[i][w]);
        }
    }

    template <int B, int N>
    static void score(const void* keys, int block, int size, const Query* queries, Floats (&sums)[B][N][kVectors]) {
        const uint16_t* k = static_cast<const uint16_t*>(keys) + static_cast<size_t>(block) * kBlock * size;
        for (int d = 0; d < size; d += 2, k += 2 * kBlock)
            for (int b = 0; b < B; b++)
                add_pair(k + b * kBlock * size, [&](int i) { return queries[i].vector + d; }, sums[b]);
    }

    template <int N, int W>
    static void mix(const void* values, int block, int size, int d, const float* const* shares, Floats (&sums)[N][W]) {
        const uint16_t* from = static_cast<const uint16_t*>(values) + static_cast<size_t>(block) * kBlock * size + 2 * d;
        for (int t = 0; t < kBlock; t += 2, from += 2 * size)
            add_pair(from, [&](int i) { return shares[i] + t; }, sums);
    }
};

struct Blocks { int first, last; };  // those of a span that any of the queries sees

template <int N>
Blocks blocks_of(const Query* queries, int span) {
    int begin = INT_MAX, end = 0;
    for (int i = 0; i < N; i++) {
        const Reach reach = queries[i].reach[span];
        if (reach.begin >= reach.end) continue;
        begin = std::min(begin, reach.begin);
        end = std::max(end, reach.end);
    }
    return end ? Blocks{begin / kBlock, (end + kBlock - 1) / kBlock} : Blocks{0, 0};
}

// A block's scores as one query has them: leaned, and nothing outside its reach.
inline void edit(float* scores, int block, Reach reach, const float* lean, const uint8_t* attributes) {
    const int start = block * kBlock;
    if (lean)
        for (int t = 0; t < kBlock; t++) scores[t] += lean[attributes[start + t]];
    if (start >= reach.begin && start + kBlock <= reach.end) return;
    for (int t = 0; t < kBlock; t++)
        if (start + t < reach.begin || start + t >= reach.end) scores[t] = kLowest;
}

// Scores to shares, in place. Returns one over their sum.
inline float soften(float* scores, size_t n) {
    Floats top = broadcast(kLowest);
    for (size_t t = 0; t < n; t += kLanes) top = max(top, load(scores + t));
    top = broadcast(largest(top));
    Floats total = broadcast(0);
    const Floats least = exponential(broadcast(kLowest));  // what is not seen gets nothing at all
    for (size_t t = 0; t < n; t += kLanes) {
        const Floats share = exponential(load(scores + t) - top) - least;
        store(scores + t, share);
        total = total + share;
    }
    return 1 / sum(total);
}

template <class Cache, int N, int W>
void mix_spans(const Span* spans, int count, const Query* queries, int size, float* scores, size_t room,
               const float* inverse) {
    for (int d = 0; d < size; d += W * kLanes) {
        Floats sums[N][W];
        for (auto& row : sums)
            for (auto& s : row) s = broadcast(0);
        size_t at = 0;
        for (int s = 0; s < count; s++) {
            const Blocks blocks = blocks_of<N>(queries, s);
            for (int b = blocks.first; b < blocks.last; b++, at += kBlock) {
                const float* shares[N];
                for (int i = 0; i < N; i++) shares[i] = scores + i * room + at;
                Cache::mix(spans[s].values, b, size, d, shares, sums);
            }
        }
        for (int i = 0; i < N; i++)
            for (int w = 0; w < W; w++) store(queries[i].out + d + w * kLanes, sums[i][w] * broadcast(inverse[i]));
    }
}

// As many dimensions at once as registers hold sums: each share is then fetched once for all of them.
template <class Cache, int N, int W = 6, class... Rest>
void mix_widest(int size, Rest... rest) {
    if constexpr (W == 1 || N * W <= kSums)
        if (size % (W * kLanes) == 0) return mix_spans<Cache, N, W>(rest...);
    if constexpr (W > 1) mix_widest<Cache, N, W - 1>(size, rest...);
}

template <class Cache, int B, int N>  // B blocks from `block` on
void score_blocks(const Span& span, int s, int block, const Query* queries, int size, float* scores, size_t room) {
    Floats sums[B][N][kVectors];
    for (auto& each : sums)
        for (auto& row : each)
            for (auto& sum : row) sum = broadcast(0);
    Cache::score(span.keys, block, size, queries, sums);
    for (int b = 0; b < B; b++)
        for (int i = 0; i < N; i++) {
            float* to = scores + i * room + b * kBlock;
            for (int v = 0; v < kVectors; v++) store(to + v * kLanes, sums[b][i][v]);
            edit(to, block + b, queries[i].reach[s], queries[i].lean, span.attributes);
        }
}

// What a query finds does not depend on who shares its tile: each of its sums has one order.
template <class Cache, int N>
void attend_tile(const Span* spans, int count, const Query* queries, int size, float* scores, size_t room) {
    constexpr int kAtOnce = std::max(1, 8 / (N * kVectors));  // sums side by side hide the latency of an addition
    size_t seen = 0;
    for (int s = 0; s < count; s++) {
        const Blocks blocks = blocks_of<N>(queries, s);
        int b = blocks.first;
        for (; blocks.last - b >= kAtOnce; b += kAtOnce, seen += kAtOnce * kBlock)
            score_blocks<Cache, kAtOnce, N>(spans[s], s, b, queries, size, scores + seen, room);
        for (; b < blocks.last; b++, seen += kBlock)
            score_blocks<Cache, 1, N>(spans[s], s, b, queries, size, scores + seen, room);
    }
    float inverse[N];
    for (int i = 0; i < N; i++) inverse[i] = soften(scores + i * room, seen);
    mix_widest<Cache, N>(size, spans, count, queries, size, scores, room, inverse);
}

template <class Cache>
void attend_as(const Span* spans, int count, const Query* queries, int n, int size, float* scores, size_t room) {
    for (; n >= 4; n -= 4, queries += 4) attend_tile<Cache, 4>(spans, count, queries, size, scores, room);
    for (; n >= 2; n -= 2, queries += 2) attend_tile<Cache, 2>(spans, count, queries, size, scores, room);
    for (; n >= 1; n -= 1, queries += 1) attend_tile<Cache, 1>(spans, count, queries, size, scores, room);
}

void attend(const Span* spans, int count, const Query* queries, int n, int size, Format format, float* scores,
            size_t room) {
    if (format == Format::f32)
        attend_as<CacheF32>(spans, count, queries, n, size, scores, room);
    else
        attend_as<CacheBf16>(spans, count, queries, n, size, scores, room);
}

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
