#include "decoder.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace {
constexpr size_t kPage = size_t{2} << 20;

size_t rounded_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

size_t block_bytes(Format format, int columns) {
    const size_t numbers = static_cast<size_t>(kBlock) * columns;
    switch (format) {
        case Format::f32: return numbers * 4;
        case Format::bf16: return numbers * 2;
        case Format::int8: return numbers + numbers / kGroup * (sizeof(float) + sizeof(int32_t));
    }
    return 0;
}

size_t packed_bytes(Format format, int rows, int columns) {
    return rounded_up(rows, kBlock) / kBlock * block_bytes(format, columns);
}

// One block of 16 matrix rows, as kernels_impl.h reads it. Absent rows are null.
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

void write_key(Format format, uint8_t* keys, int at, const float* key, int size) {
    const size_t block = static_cast<size_t>(at / kBlock) * kBlock * size, t = at % kBlock;
    if (format == Format::f32) {
        float* to = reinterpret_cast<float*>(keys) + block + t;
        for (int d = 0; d < size; d++) to[d * kBlock] = key[d];
    } else {
        uint16_t* to = reinterpret_cast<uint16_t*>(keys) + block + 2 * t;
        for (int d = 0; d < size; d++) to[d / 2 * 2 * kBlock + d % 2] = to_bf16(key[d]);
    }
}

void write_value(Format format, uint8_t* values, int at, const float* value, int size) {
    if (format == Format::f32) {
        std::memcpy(reinterpret_cast<float*>(values) + static_cast<size_t>(at) * size, value, size * sizeof(float));
    } else {
        uint16_t* to = reinterpret_cast<uint16_t*>(values) + static_cast<size_t>(at / 2) * 2 * size + at % 2;
        for (int d = 0; d < size; d++) to[2 * d] = to_bf16(value[d]);
    }
}

size_t number_bytes(int32_t cache) { return static_cast<Format>(cache) == Format::f32 ? 4 : 2; }
}  // namespace

int Shape::kv_heads() const {
    if (is(Sharing::mha)) return heads;
    return is(Sharing::mqa) || is(Sharing::routed) ? 1 : groups;
}

Memory::Memory(size_t bytes, bool huge_pages)
    : bytes_(rounded_up(bytes, 64)), block_(std::calloc(bytes_ + (huge_pages ? 2 * kPage : 64), 1), std::free) {
    if (!block_) throw std::bad_alloc();
    const size_t align = huge_pages ? kPage : 64;
    data_ = reinterpret_cast<uint8_t*>(rounded_up(reinterpret_cast<uintptr_t>(block_.get()), align));
#ifdef __linux__
    if (huge_pages) madvise(data_, rounded_up(bytes_, kPage), MADV_HUGEPAGE);
#endif
}

Sequence::Sequence(const Shape& shape)
    : layers(shape.layers),
      stores(shape.kv_heads() + (shape.is(Sharing::partitioned) ? shape.groups : 0)),
      store_bytes(rounded_up(shape.context, kBlock) * shape.head_size * number_bytes(shape.cache)),
      memory(std::make_shared<Memory>(store_bytes * 2 * stores * layers)),
      attributes(shape.context + kBlock) {
    if (shape.is(Sharing::partitioned)) owned.assign(shape.groups, std::vector<int32_t>(shape.context + 1));
}

std::unique_ptr<Sequence> Decoder::fork(const Sequence& from) const {
    auto copy = std::make_unique<Sequence>(from);
    copy->memory = std::make_shared<Memory>(from.memory->bytes());
    const size_t row_bytes = shape.head_size * number_bytes(shape.cache);
    for (int l = 0; l < from.layers; l++)
        for (int s = 0; s < from.stores; s++) {
            const int own = s - shape.kv_heads();
            const int tokens = own < 0 ? from.length : from.owned[own][from.length];
            const size_t bytes = rounded_up(tokens, kBlock) * row_bytes;
            std::memcpy(copy->keys(l, s), from.keys(l, s), bytes);
            std::memcpy(copy->values(l, s), from.values(l, s), bytes);
        }
    return copy;
}

Decoder::Decoder(const Shape& given, const TokenTable& table, const float* embedding, const float* norm,
                 const LayerTensors* tensors, const Kernels& chosen)
    : shape(given),
      kernels(chosen),
      table_attribute_(table.attribute, table.attribute + given.vocabulary),
      table_group_(table.group, table.group + given.vocabulary),
      table_header_(table.in_header, table.in_header + given.vocabulary),
      embedding_(embedding, embedding + static_cast<size_t>(given.vocabulary) * given.width) {
    const int size = shape.head_size, queries = shape.heads * size, kv = 2 * shape.kv_projections() * size;
    const Format format = static_cast<Format>(shape.weights);
    const size_t layer_bytes = packed_bytes(format, queries + kv, shape.width) +
                               packed_bytes(format, shape.width, queries) +
                               packed_bytes(format, 2 * shape.hidden, shape.width) +
                               packed_bytes(format, shape.width, shape.hidden);
    packed_ = std::make_unique<Memory>(
        shape.layers * layer_bytes + packed_bytes(format, shape.vocabulary, shape.width), true);
    uint8_t* to = packed_->data();

    // Each projection's keys and values side by side: a routed token reads one run of rows.
    std::vector<int> qkv_order(queries + kv);
    std::iota(qkv_order.begin(), qkv_order.begin() + queries, 0);
    for (int p = 0; p < shape.kv_projections(); p++)
        for (int i = 0; i < size; i++) {
            qkv_order[queries + 2 * p * size + i] = queries + p * size + i;
            qkv_order[queries + (2 * p + 1) * size + i] = queries + kv / 2 + p * size + i;
        }
    std::vector<int> in_order(std::max({shape.width, 2 * shape.hidden, shape.vocabulary}));
    std::iota(in_order.begin(), in_order.end(), 0);
    const auto first = [&](int n) { return std::vector<int>(in_order.begin(), in_order.begin() + n); };

    norm_ = keep(norm, shape.width);
    for (int l = 0; l < shape.layers; l++) {
        const LayerTensors& t = tensors[l];
        Layer layer;
        layer.norm_attention = keep(t.norm_attention, shape.width);
        layer.leaning = t.leaning ? keep(t.leaning, static_cast<size_t>(shape.groups) * shape.attributes) : nullptr;
        layer.norm_mlp = keep(t.norm_mlp, shape.width);
        layer.qkv = pack(t.qkv, queries + kv, shape.width, qkv_order, to);
        layer.out = pack(t.out, shape.width, queries, first(shape.width), to);
        layer.gate_up = pack(t.gate_up, 2 * shape.hidden, shape.width, first(2 * shape.hidden), to);
        layer.down = pack(t.down, shape.width, shape.hidden, first(shape.width), to);
        layers_.push_back(layer);
    }
    head_ = pack(embedding, shape.vocabulary, shape.width, first(shape.vocabulary), to);

    const int half = size / 2;
    for (int t = 0; t < shape.context; t++)
        for (int i = 0; i < half; i++) {
            const float angle = t * std::pow(shape.rope_base, -static_cast<float>(i) / half);
            cos_.push_back(std::cos(angle));
            sin_.push_back(std::sin(angle));
        }

    qkv_stride_ = queries + 2 * shape.kv_heads() * size;
    const size_t columns = std::max({shape.width, queries, shape.hidden});
    const size_t wide = std::max(2 * shape.hidden, shape.width);
    score_room_ = rounded_up(shape.context, kBlock) + 4 * kBlock;
    const size_t floats = kRows * (shape.width + qkv_stride_ + wide + columns + columns / kGroup) +
                          kTile * score_room_ + rounded_up(shape.vocabulary, kBlock);
    scratch_ = std::make_unique<Memory>(floats * sizeof(float) + kRows * columns);
    float* next = scratch_->as<float>();
    const auto take = [&](size_t count) { return std::exchange(next, next + count); };
    stream_ = take(kRows * shape.width);
    qkv_ = take(kRows * qkv_stride_);
    wide_ = take(kRows * wide);
    input_ = take(kRows * columns);
    scales_ = take(kRows * columns / kGroup);
    scores_ = take(kTile * score_room_);
    logits_ = take(rounded_up(shape.vocabulary, kBlock));
    rounded_ = reinterpret_cast<uint8_t*>(next);
    std::iota(all_rows_, all_rows_ + kRows, 0);
}

Packed Decoder::pack(const float* matrix, int count, int columns, const std::vector<int>& order, uint8_t*& to) const {
    const Format format = static_cast<Format>(shape.weights);
    const Packed packed{format, static_cast<int>(rounded_up(count, kBlock)), columns, to, block_bytes(format, columns)};
    for (int r = 0; r < packed.rows; r += kBlock, to += packed.block_bytes) {
        const float* rows[kBlock];
        for (int i = 0; i < kBlock; i++)
            rows[i] = r + i < count ? matrix + static_cast<size_t>(order[r + i]) * columns : nullptr;
        pack_block(format, rows, columns, kernels.activation_bias, to);
    }
    return packed;
}

const float* Decoder::keep(const float* values, size_t count) {
    kept_.emplace_back(values, values + count);
    return kept_.back().data();
}

Activations Decoder::input(int columns) const { return {columns, input_, rounded_, scales_}; }

void Decoder::round(const Activations& in, int n) const {
    if (static_cast<Format>(shape.weights) == Format::int8)
        for (int i = 0; i < n; i++) kernels.round_row(in, i);
}

void Decoder::multiply(const Packed& m, const Activations& in, int n, float* out, size_t stride) const {
    kernels.multiply(m, 0, m.rows, in, all_rows_, n, out, stride);
}

void Decoder::pass(const Row* rows, int n) {
    enter(rows, n);
    const int width = shape.width, hidden = shape.hidden;
    for (int l = 0; l < shape.layers; l++) {
        const Layer& layer = layers_[l];
        const Activations normed = input(width);
        for (int i = 0; i < n; i++)
            kernels.normalise(stream_ + i * width, layer.norm_attention, input_ + i * width, width);
        round(normed, n);
        project(layer, l, rows, n);
        attend(layer, l, rows, n);
        const Activations mixed = input(shape.heads * shape.head_size);
        round(mixed, n);
        multiply(layer.out, mixed, n, wide_, width);
        kernels.add(stream_, wide_, n * width);

        for (int i = 0; i < n; i++)
            kernels.normalise(stream_ + i * width, layer.norm_mlp, input_ + i * width, width);
        round(normed, n);
        multiply(layer.gate_up, normed, n, wide_, 2 * hidden);
        for (int i = 0; i < n; i++) kernels.gate(wide_ + i * 2 * hidden, input_ + i * hidden, hidden);
        const Activations gated = input(hidden);
        round(gated, n);
        multiply(layer.down, gated, n, wide_, width);
        kernels.add(stream_, wide_, n * width);
    }
}

// Token ids to the stream; each sequence learns what its new tokens are.
void Decoder::enter(const Row* rows, int n) {
    for (int i = 0; i < n; i++) {
        Sequence& sequence = *rows[i].sequence;
        const int token = rows[i].token, position = sequence.length++;
        positions_[i] = position;
        std::copy_n(embedding_.data() + static_cast<size_t>(token) * shape.width, shape.width,
                    stream_ + i * shape.width);
        sequence.attributes[position] = table_attribute_[token];
        for (size_t g = 0; g < sequence.owned.size(); g++)
            sequence.owned[g][position + 1] =
                sequence.owned[g][position] + (table_header_[token] || table_group_[token] == g);
    }
}

// Queries, keys and values of the pass's rows; keys and values go to the sequences.
void Decoder::project(const Layer& layer, int l, const Row* rows, int n) {
    const int size = shape.head_size, half = size / 2, queries = shape.heads * size;
    const Activations in = input(shape.width);
    if (!shape.is(Sharing::routed)) {
        multiply(layer.qkv, in, n, qkv_, qkv_stride_);
    } else {
        kernels.multiply(layer.qkv, 0, queries, in, all_rows_, n, qkv_, qkv_stride_);
        for (int g = 0; g < shape.groups; g++) {
            int own[kRows], count = 0;
            for (int i = 0; i < n; i++)
                if (table_group_[rows[i].token] == g) own[count++] = i;
            const int first = queries + 2 * g * size;
            kernels.multiply(layer.qkv, first, first + 2 * size, in, own, count, qkv_ + queries, qkv_stride_);
        }
    }
    const float scale = 1 / std::sqrt(static_cast<float>(size));
    for (int i = 0; i < n; i++) {
        float* row = qkv_ + i * qkv_stride_;
        const float *cos = cos_.data() + positions_[i] * half, *sin = sin_.data() + positions_[i] * half;
        for (int h = 0; h < shape.heads; h++) kernels.turn(row + h * size, cos, sin, half, scale);
        for (int h = 0; h < shape.kv_heads(); h++) kernels.turn(row + queries + 2 * h * size, cos, sin, half, 1);
        write(l, rows[i], positions_[i], row + queries);
    }
}

void Decoder::write(int l, const Row& row, int position, const float* kv) {
    const Format format = static_cast<Format>(shape.cache);
    const int size = shape.head_size, heads = shape.kv_heads();
    Sequence& sequence = *row.sequence;
    for (int h = 0; h < heads; h++, kv += 2 * size) {
        write_key(format, sequence.keys(l, h), position, kv, size);
        write_value(format, sequence.values(l, h), position, kv + size, size);
        if (!sequence.owned.empty() && sequence.owned[h][position + 1] > sequence.owned[h][position]) {
            write_key(format, sequence.keys(l, heads + h), sequence.owned[h][position], kv, size);
            write_value(format, sequence.values(l, heads + h), sequence.owned[h][position], kv + size, size);
        }
    }
}

// Tiles of queries that share their keys: first the heads of one token, then the tokens of one sequence.
void Decoder::attend(const Layer& layer, int l, const Row* rows, int n) {
    const int size = shape.head_size, heads = shape.heads, kv_heads = shape.kv_heads(), sharers = heads / kv_heads;
    const bool split = shape.is(Sharing::partitioned);
    for (int begin = 0, end; begin < n; begin = end) {
        const Sequence& sequence = *rows[begin].sequence;
        for (end = begin + 1; end < n && rows[end].sequence == &sequence;) end++;
        for (int k = 0; k < kv_heads; k++) {
            Span spans[kSpans] = {{sequence.keys(l, k), sequence.values(l, k), sequence.attributes.data()}};
            if (split) spans[1] = {sequence.keys(l, kv_heads + k), sequence.values(l, kv_heads + k), nullptr};
            Query tile[kTile];
            int filled = 0;
            for (int i = 0; i < (end - begin) * sharers; i++) {
                const int row = begin + i / sharers, head = k * sharers + i % sharers, position = positions_[row];
                const int window = split ? std::max(0, position + 1 - shape.window) : 0;
                tile[filled++] = {qkv_ + row * qkv_stride_ + head * size,
                                  input_ + (row * heads + head) * size,
                                  layer.leaning ? layer.leaning + k * shape.attributes : nullptr,
                                  {{window, position + 1}, {0, split ? sequence.owned[k][window] : 0}}};
                if (filled == kTile || i + 1 == (end - begin) * sharers) {
                    kernels.attend(spans, split ? 2 : 1, tile, filled, size, static_cast<Format>(shape.cache), scores_,
                                   score_room_);
                    filled = 0;
                }
            }
        }
    }
}

const float* Decoder::logits(int row, int first, int last) {
    const int from = first / kBlock * kBlock, to = static_cast<int>(rounded_up(last, kBlock));
    const Activations in = input(shape.width);
    kernels.normalise(stream_ + row * shape.width, norm_, input_, shape.width);
    round(in, 1);
    kernels.multiply(head_, from, to, in, all_rows_, 1, logits_ + from, 0);
    return logits_;
}
