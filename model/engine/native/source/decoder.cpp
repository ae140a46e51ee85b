#include "decoder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace {
size_t weight_bytes_of(const Shape& shape) {
    const int queries = shape.heads * shape.head_size, kv = 2 * shape.kv_projections() * shape.head_size;
    const Format format = static_cast<Format>(shape.weights);
    const size_t layer = packed_bytes(format, queries + kv, shape.width) + packed_bytes(format, shape.width, queries) +
                         Workbench::mlp_bytes(format, shape.width, shape.hidden);
    return shape.layers * layer + packed_bytes(format, shape.vocabulary, shape.width);
}
}  // namespace

int Shape::kv_heads() const {
    if (is(Sharing::mha)) return heads;
    return is(Sharing::mqa) || is(Sharing::routed) ? 1 : groups;
}

Sequence::Sequence(const Shape& shape)
    : layers(shape.layers),
      stores(shape.kv_heads() + (shape.is(Sharing::partitioned) ? shape.groups : 0)),
      block_bytes(cache_block_bytes(static_cast<Format>(shape.cache), shape.head_size)),
      store_bytes(rounded_up(shape.context, kBlock) / kBlock * block_bytes),
      memory(std::make_shared<Memory>(store_bytes * 2 * stores * layers)),
      attributes(shape.context + kBlock) {
    if (shape.is(Sharing::partitioned)) owned.assign(shape.groups, std::vector<int32_t>(shape.context + 1));
}

std::unique_ptr<Cache> Decoder::fork(const Cache& cache) const {
    const Sequence& from = static_cast<const Sequence&>(cache);
    auto copy = std::make_unique<Sequence>(from);
    copy->memory = std::make_shared<Memory>(from.memory->bytes());
    for (int l = 0; l < from.layers; l++)
        for (int s = 0; s < from.stores; s++) {
            const int own = s - shape.kv_heads();
            const int tokens = own < 0 ? from.length : from.owned[own][from.length];
            const size_t bytes = rounded_up(tokens, kBlock) / kBlock * from.block_bytes;
            std::memcpy(copy->keys(l, s), from.keys(l, s), bytes);
            std::memcpy(copy->values(l, s), from.values(l, s), bytes);
        }
    return copy;
}

Decoder::Decoder(const Shape& given, const TokenTable& table, const float* embedding, const float* norm,
                 const LayerTensors* tensors, std::shared_ptr<Hands> both)
    : Network(std::move(both)),
      shape(given),
      bench_(*hands, static_cast<Format>(given.weights), given.width, given.heads * given.head_size, given.hidden,
             weight_bytes_of(given)),
      table_attribute_(table.attribute, table.attribute + given.vocabulary),
      table_group_(table.group, table.group + given.vocabulary),
      table_header_(table.in_header, table.in_header + given.vocabulary),
      embedding_(embedding, embedding + static_cast<size_t>(given.vocabulary) * given.width) {
    const int size = shape.head_size, queries = shape.heads * size, kv = 2 * shape.kv_projections() * size;

    // Each projection's keys and values side by side: a routed token reads one run of rows.
    std::vector<int> qkv_order(queries + kv);
    std::iota(qkv_order.begin(), qkv_order.begin() + queries, 0);
    for (int p = 0; p < shape.kv_projections(); p++)
        for (int i = 0; i < size; i++) {
            qkv_order[queries + 2 * p * size + i] = queries + p * size + i;
            qkv_order[queries + (2 * p + 1) * size + i] = queries + kv / 2 + p * size + i;
        }

    norm_ = bench_.keep(norm, shape.width);
    for (int l = 0; l < shape.layers; l++) {
        const LayerTensors& t = tensors[l];
        Layer layer;
        layer.norm_attention = bench_.keep(t.norm_attention, shape.width);
        layer.leaning =
            t.leaning ? bench_.keep(t.leaning, static_cast<size_t>(shape.groups) * shape.attributes) : nullptr;
        layer.qkv = bench_.pack(t.qkv, queries + kv, shape.width, qkv_order);
        layer.out = bench_.pack(t.out, shape.width, queries);
        layer.mlp = bench_.pack_mlp(t.norm_mlp, t.gate_up, t.down);
        layers_.push_back(layer);
    }
    head_ = bench_.pack(embedding, shape.vocabulary, shape.width);

    const int half = size / 2;
    for (int t = 0; t < shape.context; t++)
        for (int i = 0; i < half; i++) {
            const float angle = t * std::pow(shape.rope_base, -static_cast<float>(i) / half);
            cos_.push_back(std::cos(angle));
            sin_.push_back(std::sin(angle));
        }

    qkv_stride_ = queries + 2 * shape.kv_heads() * size;
    const size_t padded = rounded_up(shape.vocabulary, kBlock);
    hands->make_room(std::max<size_t>(kRows * qkv_stride_, padded), rounded_up(shape.context, kBlock) + 4 * kBlock,
                     kRows * shape.heads);
    const size_t floats = kRows * (shape.width + qkv_stride_) + padded;
    scratch_ = std::make_unique<Memory>(floats * sizeof(float));
    float* next = scratch_->as<float>();
    const auto take = [&](size_t count) { return std::exchange(next, next + count); };
    stream_ = take(kRows * shape.width);
    qkv_ = take(kRows * qkv_stride_);
    logits_ = take(padded);
}

void Decoder::plan(Cache& cache, const int32_t* tokens, int count, bool, std::vector<Row>& rows) const {
    for (int i = 0; i < count; i++) rows.push_back({&cache, tokens[i]});
}

void Decoder::pass(const Row* rows, int n) {
    enter(rows, n);
    climb(rows, n);
}

void Decoder::climb(const Row* rows, int n) {
    for (int l = 0; l < shape.layers; l++) {
        const Layer& layer = layers_[l];
        project(layer, l, rows, n);
        attend(layer, l, rows, n);
        bench_.add(layer.out, n, stream_);
        bench_.add_mlp(layer.mlp, n, stream_);
    }
}

// Token ids to the stream; each sequence learns what its new tokens are.
void Decoder::enter(const Row* rows, int n) {
    for (int i = 0; i < n; i++) {
        Sequence& sequence = sequence_of(rows[i]);
        const int token = rows[i].token, position = sequence.length++;
        positions_[i] = position;
        std::copy_n(embedded(token), shape.width, stream_ + i * shape.width);
        sequence.attributes[position] = table_attribute_[token];
        for (size_t g = 0; g < sequence.owned.size(); g++)
            sequence.owned[g][position + 1] =
                sequence.owned[g][position] + (table_header_[token] || table_group_[token] == g);
    }
}

// Queries, keys and values of the pass's rows; keys and values go to the sequences.
void Decoder::project(const Layer& layer, int l, const Row* rows, int n) {
    const int size = shape.head_size, half = size / 2, queries = shape.heads * size;
    bench_.normalise(stream_, layer.norm_attention, n);
    const Kernels& kernels = bench_.kernels;
    if (!shape.is(Sharing::routed)) {
        bench_.multiply(layer.qkv, n, qkv_);
    } else {
        const Activations in = bench_.rounded(shape.width, n);
        hands->multiply(layer.qkv, 0, queries, in, bench_.all_rows(), n, qkv_, qkv_stride_);
        for (int g = 0; g < shape.groups; g++) {
            int own[kRows], count = 0;
            for (int i = 0; i < n; i++)
                if (table_group_[rows[i].token] == g) own[count++] = i;
            const int first = queries + 2 * g * size;
            hands->multiply(layer.qkv, first, first + 2 * size, in, own, count, qkv_ + queries, qkv_stride_);
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
    Sequence& sequence = sequence_of(row);
    for (int h = 0; h < heads; h++, kv += 2 * size) {
        write_key(bench_.kernels, format, sequence.keys(l, h), position, kv, size);
        write_value(bench_.kernels, format, sequence.values(l, h), position, kv + size, size);
        if (!sequence.owned.empty() && sequence.owned[h][position + 1] > sequence.owned[h][position]) {
            write_key(bench_.kernels, format, sequence.keys(l, heads + h), sequence.owned[h][position], kv, size);
            write_value(bench_.kernels, format, sequence.values(l, heads + h), sequence.owned[h][position], kv + size, size);
        }
    }
}

// Tiles of queries that share their keys: first the heads of one token, then the tokens of one sequence.
void Decoder::attend(const Layer& layer, int l, const Row* rows, int n) {
    const int size = shape.head_size, heads = shape.heads, kv_heads = shape.kv_heads(), sharers = heads / kv_heads;
    const bool split = shape.is(Sharing::partitioned);
    for (int begin = 0, end; begin < n; begin = end) {
        const Sequence& sequence = sequence_of(rows[begin]);
        for (end = begin + 1; end < n && rows[end].cache == &sequence;) end++;
        for (int k = 0; k < kv_heads; k++) {
            Span spans[kSpans] = {{sequence.keys(l, k), sequence.values(l, k), sequence.attributes.data()}};
            if (split) spans[1] = {sequence.keys(l, kv_heads + k), sequence.values(l, kv_heads + k), nullptr};
            Tile tile{{spans[0], spans[1]}, split ? 2 : 1, 0, size, {}};
            for (int i = 0; i < (end - begin) * sharers; i++) {
                const int row = begin + i / sharers, head = k * sharers + i % sharers, position = positions_[row];
                const int window = split ? std::max(0, position + 1 - shape.window) : 0;
                tile.queries[tile.n++] = {qkv_ + row * qkv_stride_ + head * size,
                                          bench_.values() + (row * heads + head) * size,
                                          layer.leaning ? layer.leaning + k * shape.attributes : nullptr,
                                          {{window, position + 1}, {0, split ? sequence.owned[k][window] : 0}}};
                if (tile.n == kTile || i + 1 == (end - begin) * sharers) {
                    hands->ask(tile);
                    tile.n = 0;
                }
            }
        }
    }
    hands->attend(static_cast<Format>(shape.cache), bench_.values());
}

const float* Decoder::logits(int row, int first, int last) {
    const int from = first / kBlock * kBlock, to = static_cast<int>(rounded_up(last, kBlock));
    bench_.normalise(stream_ + row * shape.width, norm_, 1);
    const Activations in = bench_.rounded(shape.width, 1);
    hands->multiply(head_, from, to, in, bench_.all_rows(), 1, logits_ + from, 0);
    return logits_;
}
