#include "perceiver.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace {
Stream& stream_of(const Row& row) { return static_cast<Stream&>(*row.cache); }

size_t cross_bytes(const Shape& shape) {
    const Format format = static_cast<Format>(shape.weights);
    const int inner = shape.heads * shape.head_size;
    return packed_bytes(format, 3 * inner, shape.width) + packed_bytes(format, shape.width, inner) +
           Workbench::mlp_bytes(format, shape.width, shape.hidden);
}

int crosses_of(const PerceiverShape& shape) { return shape.shorter ? 2 : 1; }

// Attention shares nothing by attribute here, and asks nothing of the tokens.
Decoder stack_of(const PerceiverShape& shape, const float* embedding, const float* norm, const LayerTensors* layers,
                 std::shared_ptr<Hands> hands) {
    const std::vector<uint8_t> none(shape.stack.vocabulary);
    return Decoder(shape.stack, {none.data(), none.data(), none.data()}, embedding, norm, layers, std::move(hands));
}
}  // namespace

Ring::Ring(const PerceiverShape& shape, int sees)
    : reach(sees),
      slots(static_cast<int>(rounded_up(sees + shape.stack.context, kBlock))),
      store_bytes(slots / kBlock * cache_block_bytes(static_cast<Format>(shape.stack.cache), shape.stack.head_size)),
      memory(std::make_shared<Memory>(2 * store_bytes * shape.stack.heads)) {}

Stream::Stream(const PerceiverShape& shape) : stack(shape.stack) {
    rings.emplace_back(shape, shape.context);
    if (shape.shorter) rings.emplace_back(shape, shape.shorter);
}

size_t Stream::bytes() const {
    size_t sum = stack.bytes();
    for (const Ring& ring : rings) sum += ring.memory->bytes();
    return sum;
}

Perceiver::Perceiver(const PerceiverShape& shape, const float* embedding, const float* norm,
                     const CrossTensors* crosses, const LayerTensors* layers, std::shared_ptr<Hands> both)
    : Network(std::move(both)),
      shape_(shape),
      latents_(shape.stack.context),
      size_(shape.stack.head_size),
      inner_(shape.stack.heads * shape.stack.head_size),
      cache_(static_cast<Format>(shape.stack.cache)),
      bench_(*hands, static_cast<Format>(shape.stack.weights), shape.stack.width, inner_, shape.stack.hidden,
             crosses_of(shape) * cross_bytes(shape.stack)),
      stack_(stack_of(shape, embedding, norm, layers, hands)) {
    const int width = shape.stack.width, half = size_ / 2;
    for (int c = 0; c < crosses_of(shape); c++) {
        const CrossTensors& t = crosses[c];
        Cross cross;
        cross.norm_query = bench_.keep(t.norm_query, width);
        cross.norm_key = bench_.keep(t.norm_key, width);
        cross.query = bench_.pack(t.query, inner_, width);
        cross.key_value = bench_.pack(t.key_value, 2 * inner_, width);
        cross.out = bench_.pack(t.out, width, inner_);
        cross.mlp = bench_.pack_mlp(t.norm_mlp, t.gate_up, t.down);
        crosses_.push_back(cross);
    }
    for (int i = 0; i < half; i++)
        rates_.push_back(std::pow(static_cast<double>(shape.stack.rope_base), -static_cast<double>(i) / half));
    hands->make_room(kRows * 2 * inner_, rounded_up(shape.context + latents_, kBlock) + 4 * kBlock, kRows * shape.stack.heads);
    scratch_ = std::make_unique<Memory>(kRows * (2 * half + 2 * inner_) * sizeof(float));
    float* next = scratch_->as<float>();
    const auto take = [&](size_t count) { return std::exchange(next, next + count); };
    cos_ = take(kRows * half);
    sin_ = take(kRows * half);
    projected_ = take(kRows * 2 * inner_);
}

std::unique_ptr<Cache> Perceiver::fork(const Cache& cache) const {
    const Stream& from = static_cast<const Stream&>(cache);
    auto copy = std::make_unique<Stream>(from);
    const std::unique_ptr<Cache> stack = stack_.fork(from.stack);
    copy->stack = static_cast<Sequence&>(*stack);
    for (Ring& ring : copy->rings) {
        const Ring source = ring;
        ring.memory = std::make_shared<Memory>(source.memory->bytes());
        const int written = std::min(source.slots, source.known);  // from slot 0 on
        const size_t bytes = rounded_up(written, kBlock) / kBlock * (source.store_bytes / (source.slots / kBlock));
        for (int h = 0; h < shape_.stack.heads; h++) {
            std::memcpy(ring.keys(h), source.keys(h), bytes);
            std::memcpy(ring.values(h), source.values(h), bytes);
        }
    }
    return copy;
}

int Perceiver::oldest(const Stream& stream, const Ring& ring) const {
    return std::max(0, stream.first + latents_ - ring.reach);
}

// The window of the last token, and what of it is not there yet. Without a draw nobody asks for latents.
void Perceiver::plan(Cache& cache, const int32_t* tokens, int count, bool draws, std::vector<Row>& rows) const {
    Stream& stream = static_cast<Stream&>(cache);
    const int kept = stream.length, stop = kept + count, stride = std::max(1, latents_ / 2);
    stream.tokens.resize(kept);
    stream.tokens.insert(stream.tokens.end(), tokens, tokens + count);
    stream.length = stop;
    stream.filled = std::min(stream.filled, kept);
    const int first = (std::max(0, stop - latents_) + stride - 1) / stride * stride;
    if (first != stream.first || stream.filled < first) stream.first = stream.filled = first;
    stream.stack.length = stream.filled - first;
    int begin = draws ? stream.filled : stop;
    for (Ring& ring : stream.rings) {
        ring.known = std::min(ring.known, kept);
        const int wanted = oldest(stream, ring);
        if (wanted < ring.begin || wanted > ring.known) ring.begin = ring.known = wanted;
        ring.begin = std::max(ring.begin, stop - ring.slots);  // what was there is written over
        begin = std::min(begin, ring.known);
    }
    for (int p = begin; p < stop; p++)
        rows.push_back({&cache, stream.tokens[p], p, draws && p >= stream.filled});
    if (draws) stream.filled = stop;
}

void Perceiver::pass(const Row* rows, int n) {
    turn_to(rows, n);
    for (size_t c = 0; c < crosses_.size(); c++) remember(static_cast<int>(c), rows, n);
    Row above[kRows];
    int latents[kRows], count = 0;
    for (int i = 0; i < n; i++) {
        latent_of_[i] = count;
        if (!rows[i].is_latent) continue;
        latents[count] = i;
        above[count++] = {&stream_of(rows[i]).stack, rows[i].token};
    }
    if (!count) return;
    stack_.enter(above, count);
    for (size_t c = 0; c < crosses_.size(); c++) look(static_cast<int>(c), rows, latents, count);
    stack_.climb(above, count);
}

// Angles in double precision: single would know that of token 30,000 to a thousandth only.
void Perceiver::turn_to(const Row* rows, int n) {
    const size_t half = rates_.size();
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < half; k++) {
            const double angle = rows[i].position * rates_[k];
            cos_[i * half + k] = static_cast<float>(std::cos(angle));
            sin_[i * half + k] = static_cast<float>(std::sin(angle));
        }
}

// Keys and values of those tokens that a cross-attention does not know yet.
void Perceiver::remember(int c, const Row* rows, int n) {
    const Cross& cross = crosses_[c];
    const int width = shape_.stack.width, half = size_ / 2;
    int fresh[kRows], count = 0;
    for (int i = 0; i < n; i++) {
        Ring& ring = stream_of(rows[i]).rings[c];
        if (rows[i].position != ring.known) continue;
        ring.known++;
        bench_.kernels.normalise(stack_.embedded(rows[i].token), cross.norm_key, bench_.values() + count * width, width);
        fresh[count++] = i;
    }
    bench_.multiply(cross.key_value, count, projected_);
    for (int j = 0; j < count; j++) {
        const Row& row = rows[fresh[j]];
        const Ring& ring = stream_of(row).rings[c];
        const int slot = row.position % ring.slots;
        float* key = projected_ + static_cast<size_t>(j) * 2 * inner_;
        for (int h = 0; h < shape_.stack.heads; h++, key += size_) {
            bench_.kernels.turn(key, cos_ + fresh[j] * half, sin_ + fresh[j] * half, half, 1);
            write_key(bench_.kernels, cache_, ring.keys(h), slot, key, size_);
            write_value(bench_.kernels, cache_, ring.values(h), slot, key + inner_, size_);
        }
    }
}

// The stream's latents after a cross-attention.
void Perceiver::look(int c, const Row* rows, const int* latents, int n) {
    const Cross& cross = crosses_[c];
    const int half = size_ / 2;
    const float scale = 1 / std::sqrt(static_cast<float>(size_));
    float* stream = stack_.stream();
    bench_.normalise(stream, cross.norm_query, n);
    bench_.multiply(cross.query, n, projected_);
    for (int i = 0; i < n; i++)
        for (int h = 0; h < shape_.stack.heads; h++)
            bench_.kernels.turn(projected_ + i * inner_ + h * size_, cos_ + latents[i] * half, sin_ + latents[i] * half,
                                half, scale);
    attend(c, rows, latents, n);
    bench_.add(cross.out, n, stream);
    bench_.add_mlp(cross.mlp, n, stream);
}

// A ring is two spans of the same store: up to its end, and on from its beginning.
void Perceiver::attend(int c, const Row* rows, const int* latents, int n) {
    for (int begin = 0, end; begin < n; begin = end) {
        const Stream& stream = stream_of(rows[latents[begin]]);
        for (end = begin + 1; end < n && rows[latents[end]].cache == &stream;) end++;
        const Ring& ring = stream.rings[c];
        const int first = oldest(stream, ring), slot = first % ring.slots;
        for (int h = 0; h < shape_.stack.heads; h++) {
            const Span span{ring.keys(h), ring.values(h), nullptr};
            for (int at = begin; at < end; at += kTile) {
                Tile tile{{span, span}, kSpans, std::min(kTile, end - at), size_, {}};
                for (int i = 0; i < tile.n; i++) {
                    const int place = (at + i) * inner_ + h * size_;
                    const int stop = slot + rows[latents[at + i]].position + 1 - first;
                    tile.queries[i] = {projected_ + place,
                                       bench_.values() + place,
                                       nullptr,
                                       {{slot, std::min(stop, ring.slots)}, {0, std::max(0, stop - ring.slots)}}};
                }
                hands->ask(tile);
            }
        }
    }
    hands->attend(cache_, bench_.values());
}

const float* Perceiver::logits(int row, int first, int last) { return stack_.logits(latent_of_[row], first, last); }
