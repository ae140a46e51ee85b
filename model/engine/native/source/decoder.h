// The decoder on packed weights, and the sequences that it continues.
#pragma once
#include <memory>
#include <vector>

#include "workbench.h"

enum class Sharing : int32_t { mha, gqa, mqa, grouped, routed, partitioned };

// As model/networks/config.py has it.
struct Shape {
    int32_t sharing, layers, width, heads, head_size, hidden, context, window, vocabulary, groups, attributes;
    int32_t weights, cache;  // a Format each
    float rope_base;

    bool is(Sharing s) const { return sharing == static_cast<int32_t>(s); }
    int kv_heads() const;
    int kv_projections() const { return is(Sharing::routed) ? groups : kv_heads(); }
};

// Of each token of the vocabulary.
struct TokenTable {
    const uint8_t* attribute;
    const uint8_t* group;
    const uint8_t* in_header;
};

// Tensors in float32, row by row, as the checkpoint names them.
struct LayerTensors {
    const float *norm_attention, *qkv, *out, *leaning, *norm_mlp, *gate_up, *down;  // leaning: grouped only, else null
};

// One sequence's keys and values.
//
// For each layer one store of all tokens for each KV head; partitioned networks also have a store for each group with
// its own tokens and the header's, one after the other without gaps, for all that is older than the window.
struct Sequence : Cache {
    Sequence(const Shape&);

    uint8_t* keys(int layer, int store) const { return at(layer, store, 0); }
    uint8_t* values(int layer, int store) const { return at(layer, store, 1); }
    size_t bytes() const override { return memory->bytes(); }

    int layers, stores;
    size_t block_bytes, store_bytes;
    std::shared_ptr<Memory> memory;
    std::vector<uint8_t> attributes;         // of each token; a block more than the context
    std::vector<std::vector<int32_t>> owned;  // partitioned: [group][t] = tokens before t in the group's own store

private:
    uint8_t* at(int layer, int store, int which) const {
        return memory->data() + ((static_cast<size_t>(layer) * stores + store) * 2 + which) * store_bytes;
    }
};

class Decoder : public Network {
public:
    Decoder(const Shape&, const TokenTable&, const float* embedding, const float* norm, const LayerTensors*,
            std::shared_ptr<Hands>);
    ~Decoder() override { hands->pair(false); }

    std::unique_ptr<Cache> open() const override { return std::make_unique<Sequence>(shape); }
    std::unique_ptr<Cache> fork(const Cache& from) const override;
    void plan(Cache&, const int32_t* tokens, int count, bool draws, std::vector<Row>& rows) const override;
    void pass(const Row* rows, int n) override;  // each sequence's length grows
    const float* logits(int row, int first, int last) override;
    size_t weight_bytes() const override { return bench_.weight_bytes(); }

    // A pass in halves, for whoever does something to the stream between them.
    void enter(const Row* rows, int n);
    void climb(const Row* rows, int n);
    float* stream() const { return stream_; }
    const float* embedded(int token) const { return embedding_.data() + static_cast<size_t>(token) * shape.width; }

    const Shape shape;

private:
    struct Layer {
        const float *norm_attention, *leaning;
        Packed qkv, out;
        Mlp mlp;
    };

    void project(const Layer&, int layer, const Row* rows, int n);
    void write(int layer, const Row&, int position, const float* kv);
    void attend(const Layer&, int layer, const Row* rows, int n);

    Workbench bench_;
    std::vector<uint8_t> table_attribute_, table_group_, table_header_;
    std::vector<float> embedding_, cos_, sin_;
    const float* norm_;
    std::vector<Layer> layers_;
    Packed head_;
    std::unique_ptr<Memory> scratch_;
    int positions_[kRows];
    int qkv_stride_;
    float *stream_, *qkv_, *logits_;
};

inline Sequence& sequence_of(const Row& row) { return static_cast<Sequence&>(*row.cache); }
