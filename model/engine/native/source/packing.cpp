#include "packing.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace {
constexpr size_t kPage = size_t{2} << 20;
}  // namespace

Memory::Memory(size_t bytes, bool huge_pages)
    : bytes_(rounded_up(bytes, 64)), block_(std::calloc(bytes_ + (huge_pages ? 2 * kPage : 64), 1), std::free) {
    if (!block_) throw std::bad_alloc();
    const size_t align = huge_pages ? kPage : 64;
    data_ = reinterpret_cast<uint8_t*>(rounded_up(reinterpret_cast<uintptr_t>(block_.get()), align));
#ifdef __linux__
    if (huge_pages) madvise(data_, rounded_up(bytes_, kPage), MADV_HUGEPAGE);
#endif
}

size_t block_bytes(Format format, int columns) {
    const size_t numbers = static_cast<size_t>(kBlock) * columns;
    switch (format) {
        case Format::f32: return numbers * 4;
        case Format::bf16: return numbers * 2;
        case Format::int8: return columns / kGroup * kGroupBytes;
    }
    return 0;
}

size_t packed_bytes(Format format, int rows, int columns) {
    return rounded_up(rows, kBlock) / kBlock * block_bytes(format, columns);
}

void pack_block(Format format, const float* const* rows, int columns, int bias, uint8_t* to) {
    const auto weight = [&](int i, int k) { return rows[i] ? rows[i][k] : 0.0f; };
    if (format == Format::f32) {
        float* out = reinterpret_cast<float*>(to);
        for (int k = 0; k < columns; k++)
            for (int i = 0; i < kBlock; i++) *out++ = weight(i, k);
    } else if (format == Format::bf16) {
        uint16_t* out = reinterpret_cast<uint16_t*>(to);
        for (int k = 0; k < columns; k += 2)
            for (int i = 0; i < kBlock; i++)
                for (int j = 0; j < 2; j++) *out++ = to_bf16(weight(i, k + j));
    } else {
        for (int g = 0; g < columns; g += kGroup) {
            float* scales = reinterpret_cast<float*>(to);
            int32_t* begin = reinterpret_cast<int32_t*>(scales + kBlock);
            int8_t* out = reinterpret_cast<int8_t*>(begin + kBlock);
            for (int i = 0; i < kBlock; i++) {
                float top = 0;
                for (int k = 0; k < kGroup; k++) top = std::max(top, std::fabs(weight(i, g + k)));
                scales[i] = top / 127;
                int sum = 0;
                for (int k = 0; k < kGroup; k++) {
                    const int rounded = top > 0 ? static_cast<int>(std::nearbyint(weight(i, g + k) / scales[i])) : 0;
                    out[k / 4 * 4 * kBlock + 4 * i + k % 4] = static_cast<int8_t>(rounded);
                    sum += rounded;
                }
                begin[i] = -bias * sum;
            }
            to = reinterpret_cast<uint8_t*>(out + kGroup * kBlock);
        }
    }
}

void write_key(const Kernels& kernels, Format format, uint8_t* keys, int at, const float* key, int size) {
    uint8_t* block = keys + at / kBlock * cache_block_bytes(format, size);
    const int t = at % kBlock;
    if (format == Format::f32) {
        float* to = reinterpret_cast<float*>(block) + t;
        for (int d = 0; d < size; d++) to[d * kBlock] = key[d];
    } else if (format == Format::bf16) {
        uint16_t* to = reinterpret_cast<uint16_t*>(block) + 2 * t;
        for (int d = 0; d < size; d++) to[d / 2 * 2 * kBlock + d % 2] = to_bf16(key[d]);
    } else {
        uint8_t rounded[kMostHeadSize];
        reinterpret_cast<float*>(block)[t] = kernels.round(key, size, 127, kernels.key_bias, rounded);
        uint8_t* to = block + kBlock * sizeof(float) + 4 * t;
        for (int d = 0; d < size; d += 4) std::memcpy(to + d * kBlock, rounded + d, 4);
    }
}

void write_value(const Kernels& kernels, Format format, uint8_t* values, int at, const float* value, int size) {
    uint8_t* block = values + at / kBlock * cache_block_bytes(format, size);
    const int t = at % kBlock;
    if (format == Format::f32) {
        std::memcpy(reinterpret_cast<float*>(block) + t * size, value, size * sizeof(float));
    } else if (format == Format::bf16) {
        uint16_t* to = reinterpret_cast<uint16_t*>(block) + t / 2 * 2 * size + t % 2;
        for (int d = 0; d < size; d++) to[2 * d] = to_bf16(value[d]);
    } else {
        uint8_t rounded[kMostHeadSize];
        reinterpret_cast<float*>(block)[t] = kernels.round(value, size, 127, 0, rounded);
        uint8_t* to = block + kBlock * sizeof(float) + t / 4 * 4 * size + t % 4;
        for (int d = 0; d < size; d++) to[4 * d] = rounded[d];
    }
}
