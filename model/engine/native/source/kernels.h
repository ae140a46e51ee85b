// What a processor must be able to do for the decoder. One table of these for each path; the decoder knows no other.
//
// Weights and keys lie in blocks of 16 rows (of a matrix) or 16 tokens (of a cache), so that every path, whatever its
// vector width, reads memory in order. docs/engine.md draws the layouts.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

constexpr int kBlock = 16;
constexpr int kGroup = 64;  // int8 weights and activations share a scale in groups of so many columns
constexpr size_t kHead = 2 * kBlock * sizeof(float);  // of an int8 group: its rows' scales, and where their sums begin
constexpr size_t kGroupBytes = kHead + kGroup * kBlock;
constexpr int kTile = 4;    // the most rows, or queries, that one pass over a block serves
constexpr int kSpans = 2;
constexpr int kRows = 32;   // tokens in a pass: their activations stay in the second-level cache
constexpr int kMostHeadSize = 256;
constexpr int kShareTop = 127;  // of a rounded share: two of its products with a value fit 16 bits

enum class Format : int32_t { f32, bf16, int8 };

// Of 16 tokens' keys, or values. int8 has 16 scales before them.
constexpr size_t cache_block_bytes(Format format, int head_size) {
    const size_t numbers = static_cast<size_t>(kBlock) * head_size;
    return format == Format::f32 ? 4 * numbers : format == Format::bf16 ? 2 * numbers : numbers + kBlock * sizeof(float);
}

// A matrix in blocks of 16 rows; both sides are padded with zeros.
struct Packed {
    Format format;
    int rows;     // a multiple of 16
    int columns;  // a multiple of 64
    uint8_t* data;
    size_t block_bytes;
};

// The input of a matrix product: row by row, and for int8 weights also in groups of 64 with a scale each.
struct Activations {
    int columns;  // a multiple of 64; what pads is zero
    float* values;
    uint8_t* rounded;  // with the path's bias, as the eight bits that it reads
    float* scales;
};

// Keys and values of some tokens, and which of them a query sees.
struct Span {
    const void* keys;
    const void* values;
    const uint8_t* attributes;  // of the tokens, for a lean; null without
};
struct Reach { int begin, end; };
struct Query {
    const float* vector;  // (head_size), scaled and turned
    float* out;           // (head_size)
    const float* lean;    // added to the score of a key by its attribute; null without
    Reach reach[kSpans];
};

struct Kernels {
    const char* name;
    int activation_bias;  // is added to rounded activations; packed weights know what that adds to a sum
    int key_bias;         // is added to the rounded keys of an int8 cache

    float (*round)(const float* x, int n, int top, int bias, uint8_t* to);  // returns the scale
    void (*round_row)(const Activations&, int row);
    // out[row * stride + r - first] = matrix row r . activations row, for r of first..last, row of rows[0..n).
    void (*multiply)(const Packed&, int first, int last, const Activations&, const int* rows, int n, float* out,
                     size_t stride);
    // `scores` holds `room` floats for each of at most kTile queries, all of which share the spans.
    void (*attend)(const Span*, int spans, const Query*, int n, int head_size, Format, float* scores, size_t room);
    void (*normalise)(const float* x, const float* gain, float* out, int n);
    void (*turn)(float* x, const float* cos, const float* sin, int half, float scale);
    void (*gate)(const float* gate_up, float* out, int n);  // silu(gate) * up
    void (*add)(float* x, const float* y, int n);
};

extern const Kernels plain_kernels, avx2_kernels, avx512_kernels, amx_kernels, neon_kernels;

constexpr size_t kLine = 64;  // bytes that memory gives at once

// Asks for the line that `p` is in, before it is needed; `p` may point anywhere.
inline void fetch([[maybe_unused]] const void* p) {
#ifdef __GNUC__
    __builtin_prefetch(p);
#endif
}

inline uint16_t to_bf16(float x) {  // to nearest, ties to even
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
