// Attention: N queries over keys and values that they share. Part of kernels_impl.h.
//
// A cache's format says how a query is asked of a block of keys, how shares are weighed into what its values are mixed
// by, and how they are mixed.

template <class T>
const T* block_of(Format format, const void* store, int block, int size) {
    return reinterpret_cast<const T*>(static_cast<const uint8_t*>(store) + block * cache_block_bytes(format, size));
}

// What floats are asked by, and mixed by: queries and shares as they are.
struct FloatCache {
    template <int N>
    struct Asked {
        Asked(const Query* queries, int) {
            for (int i = 0; i < N; i++) vectors[i] = queries[i].vector;
        }
        const float* vectors[N];
    };
    static void weigh(float*, const void*, int, int) {}
};

// f32: keys as [block][dimension][16 tokens], values as [token][dimension].
struct CacheF32 : FloatCache {
    static constexpr Format format = Format::f32;

    template <int B, int N>  // B blocks
    static void score(const void* keys, int block, int size, const Asked<N>& asked, Floats (&sums)[B][N][kVectors]) {
        const float* k = block_of<float>(format, keys, block, size);
        for (int d = 0; d < size; d++, k += kBlock)
            for (int i = 0; i < N; i++) {
                const Floats q = broadcast(asked.vectors[i][d]);
                for (int b = 0; b < B; b++)
                    for (int v = 0; v < kVectors; v++)
                        sums[b][i][v] = fma(load(k + b * kBlock * size + v * kLanes), q, sums[b][i][v]);
            }
    }

    template <int N, int W>  // W vectors of dimensions from `d` on
    static void mix(const void* values, int block, int size, int d, const float* const* shares, Floats (&sums)[N][W]) {
        const float* from = block_of<float>(format, values, block, size) + d;
        for (int t = 0; t < kBlock; t++, from += size)
            for (int i = 0; i < N; i++) {
                const Floats share = broadcast(shares[i][t]);
                for (int w = 0; w < W; w++) sums[i][w] = fma(load(from + w * kLanes), share, sums[i][w]);
            }
    }
};

// bf16: keys as [block][pair of dimensions][16 tokens][2], values as [pair of tokens][dimension][2].
struct CacheBf16 : FloatCache {
    static constexpr Format format = Format::bf16;

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
    static void score(const void* keys, int block, int size, const Asked<N>& asked, Floats (&sums)[B][N][kVectors]) {
        const uint16_t* k = block_of<uint16_t>(format, keys, block, size);
        for (int d = 0; d < size; d += 2, k += 2 * kBlock)
            for (int b = 0; b < B; b++)
                add_pair(k + b * kBlock * size, [&](int i) { return asked.vectors[i] + d; }, sums[b]);
    }

    template <int N, int W>
    static void mix(const void* values, int block, int size, int d, const float* const* shares, Floats (&sums)[N][W]) {
        const uint16_t* from = block_of<uint16_t>(format, values, block, size) + 2 * d;
        for (int t = 0; t < kBlock; t += 2, from += 2 * size)
            add_pair(from, [&](int i) { return shares[i] + t; }, sums);
    }
};

// int8: keys as [block][16 scales | quad of dimensions][16 tokens][4], values as [block][16 scales | quad of tokens][dimension][4].
// Queries and shares are rounded too, so that all products are those of whole numbers.
struct CacheInt8 {
    static constexpr Format format = Format::int8;

    template <int N>
    struct Asked {
        Asked(const Query* queries, int size) {
            for (int i = 0; i < N; i++) {
                scales[i] = round(queries[i].vector, size, kQueryTop, 0, rounded[i]);
                int sum = 0;
                for (int d = 0; d < size; d++) sum += static_cast<int8_t>(rounded[i][d]);
                begin[i] = -kKeyBias * sum;
            }
        }
        uint8_t rounded[N][kMostHeadSize];
        float scales[N];
        int32_t begin[N];  // takes the keys' bias out again
    };

    template <int B, int N>
    static void score(const void* keys, int block, int size, const Asked<N>& asked, Floats (&sums)[B][N][kVectors]) {
        const size_t stride = cache_block_bytes(format, size);
        const float* scales = block_of<float>(format, keys, block, size);
        const uint8_t* k = reinterpret_cast<const uint8_t*>(scales + kBlock);
        Ints dots[B][N][kVectors];
        for (auto& each : dots)
            for (int i = 0; i < N; i++)
                for (Ints& dot : each[i]) dot = all(asked.begin[i]);
        for (int d = 0; d < size; d += 4, k += 4 * kBlock)
            for (int i = 0; i < N; i++) {
                const Quad four = quad(asked.rounded[i] + d);
                for (int b = 0; b < B; b++)
                    for (int v = 0; v < kVectors; v++)
                        dots[b][i][v] = add_key_products(dots[b][i][v], k + b * stride + 4 * v * kLanes, four);
            }
        for (int b = 0; b < B; b++, scales += stride / sizeof(float))
            for (int i = 0; i < N; i++)
                for (int v = 0; v < kVectors; v++)
                    sums[b][i][v] = to_floats(dots[b][i][v]) * (load(scales + v * kLanes) * broadcast(asked.scales[i]));
    }

    // 16 shares become 16 bytes and their scale, in place.
    static void weigh(float* shares, const void* values, int block, int size) {
        const float* scales = block_of<float>(format, values, block, size);
        float weights[kBlock];
        for (int t = 0; t < kBlock; t += kLanes) store(weights + t, load(shares + t) * load(scales + t));
        shares[4] = round(weights, kBlock, kShareTop, 0, reinterpret_cast<uint8_t*>(shares));
    }

    template <int N, int W>
    static void mix(const void* values, int block, int size, int d, const float* const* shares, Floats (&sums)[N][W]) {
        const int8_t* from = block_of<int8_t>(format, values, block, size) + kBlock * sizeof(float) + 4 * d;
        Ints dots[N][W];
        for (auto& row : dots)
            for (Ints& dot : row) dot = all(0);
        for (int t = 0; t < kBlock; t += 4, from += 4 * size)
            for (int i = 0; i < N; i++) {
                const Quad four = quad(reinterpret_cast<const uint8_t*>(shares[i]) + t);
                for (int w = 0; w < W; w++) dots[i][w] = add_products(dots[i][w], from + 4 * w * kLanes, four);
            }
        for (int i = 0; i < N; i++) {
            const Floats scale = broadcast(shares[i][4]);
            for (int w = 0; w < W; w++) sums[i][w] = fma(to_floats(dots[i][w]), scale, sums[i][w]);
        }
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
void score_blocks(const Span& span, int s, int block, const typename Cache::template Asked<N>& asked,
                  const Query* queries, int size, float* scores, size_t room) {
    Floats sums[B][N][kVectors];
    for (auto& each : sums)
        for (auto& row : each)
            for (auto& sum : row) sum = broadcast(0);
    const uint8_t* values = block_of<uint8_t>(Cache::format, span.values, block, size);
    for (size_t i = 0; i < B * cache_block_bytes(Cache::format, size); i += kLine) fetch(values + i);  // they are next, and from a store of their own
    Cache::score(span.keys, block, size, asked, sums);
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
    const typename Cache::template Asked<N> asked(queries, size);
    size_t seen = 0;
    for (int s = 0; s < count; s++) {
        const Blocks blocks = blocks_of<N>(queries, s);
        int b = blocks.first;
        for (; blocks.last - b >= kAtOnce; b += kAtOnce, seen += kAtOnce * kBlock)
            score_blocks<Cache, kAtOnce, N>(spans[s], s, b, asked, queries, size, scores + seen, room);
        for (; b < blocks.last; b++, seen += kBlock)
            score_blocks<Cache, 1, N>(spans[s], s, b, asked, queries, size, scores + seen, room);
    }
    float inverse[N];
    for (int i = 0; i < N; i++) inverse[i] = soften(scores + i * room, seen);
    seen = 0;
    for (int s = 0; s < count; s++) {
        const Blocks blocks = blocks_of<N>(queries, s);
        for (int b = blocks.first; b < blocks.last; b++, seen += kBlock)
            for (int i = 0; i < N; i++) Cache::weigh(scores + i * room + seen, spans[s].values, b, size);
    }
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
    switch (format) {
        case Format::f32: return attend_as<CacheF32>(spans, count, queries, n, size, scores, room);
        case Format::bf16: return attend_as<CacheBf16>(spans, count, queries, n, size, scores, room);
        case Format::int8: return attend_as<CacheInt8>(spans, count, queries, n, size, scores, room);
    }
}
