// The network on packed weights, and the sequences that it continues. Knows no C interface and no sampling.
#pragma once
#include <memory>
#include <vector>

#include "kernels.h"

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

// Memory that is zero and that the system provides page by page, as it is written to.
class Memory {
public:
    explicit Memory(size_t bytes, bool huge_pages = false);
    uint8_t* data() const { return data_; }
    size_t bytes() const { return bytes_; }
    template <class T> T* as() const { return reinterpret_cast<T*>(data_); }

private:
    size_t bytes_;
    std::unique_ptr<void, void (*)(void*)> block_;
    uint8_t* data_;
};

// One sequence's keys and values. A rewind lowers `length`; what lies beyond is written over.
//
// For each layer one store of all tokens for each KV head; partitioned networks also have a store for each group with
// its own tokens and the header's, one after the other without gaps, for all that is older than the window.
struct Sequence {
    Sequence(const Shape&);
    Sequence(const Sequence&) = default;

    uint8_t* keys(int layer, int store) const { return at(layer, store, 0); }
    uint8_t* values(int layer, int store) const { return at(layer, store, 1); }
    size_t bytes() const { return memory->bytes(); }

    int length = 0;
    int layers, stores;
    size_t store_bytes;
    std::shared_ptr<Memory> memory;
    std::vector<uint8_t> attributes;         // of each token; a block more than the context
    std::vector<std::vector<int32_t>> owned;  // partitioned: [group][t] = tokens before t in the group's own store

private:
    uint8_t* at(int layer, int store, int which) const {
        return memory->data() + ((static_cast<size_t>(layer) * stores + store) * 2 + which) * store_bytes;
    }
};

struct Row {
    Sequence* sequence;
    int token;
};

constexpr int kRows = 32;  // tokens in a pass: their activations stay in the second-level cache

class Decoder {
public:
    Decoder(const Shape&, const TokenTable&, const float* embedding, const float* norm, const LayerTensors*,
            const Kernels&);

    // Append at most kRows tokens, a sequence's in order and side by side. Each sequence's length grows.
    void pass(const Row* rows, int n);

    // Of the pass's row: logits of token ids first..last, into a table for the whole vocabulary, padded to blocks.
    const float* logits(int row, int first, int last);

    std::unique_ptr<Sequence> fork(const Sequence&) const;
    const Shape shape;
    const Kernels& kernels;
    size_t weight_bytes() const { return packed_->bytes(); }

private:
    struct Layer {
        const float *norm_attention, *leaning, *norm_mlp;
        Packed qkv, out, gate_up, down;
    };

    Packed pack(const float* rows, int count, int columns, const std::vector<int>& order, uint8_t*& to) const;
    const float* keep(const float* values, size_t count);
    Activations input(int columns) const;
    void round(const Activations&, int n) const;
    void multiply(const Packed&, const Activations&, int n, float* out, size_t stride) const;
    void enter(const Row* rows, int n);
    void project(const Layer&, int layer, const Row* rows, int n);
    void write(int layer, const Row&, int position, const float* kv);
    void attend(const Layer&, int layer, const Row* rows, int n);

    std::vector<uint8_t> table_attribute_, table_group_, table_header_;
    std::vector<std::vector<float>> kept_;
    std::vector<float> embedding_, cos_, sin_;
    const float* norm_;
    std::vector<Layer> layers_;
    Packed head_;
    std::unique_ptr<Memory> packed_, scratch_;
    int positions_[kRows];
    int all_rows_[kRows];
    int qkv_stride_;
    float *stream_, *qkv_, *wide_, *input_, *scales_, *scores_, *logits_;
    uint8_t* rounded_;
    size_t score_room_;
};
