// PerceiverS on packed weights: two cross-attentions over all that was played, then a decoder for the newest tokens.
//
// Its window begins anew at the same positions however the tokens come, as model/networks/perceiver_stream.py has it in
// exact mode.
#pragma once
#include "decoder.h"

constexpr int kCrosses = 2;  // at most

struct PerceiverShape {
    Shape stack;  // the self-attention; its context is the number of latents
    int32_t context;
    int32_t shorter;  // what the second cross-attention sees; 0: there is none
};

struct CrossTensors {
    const float *norm_query, *norm_key, *query, *key_value, *out, *norm_mlp, *gate_up, *down;
};

// The newest tokens' keys and values for one cross-attention: position p lies in slot p % slots.
struct Ring {
    Ring(const PerceiverShape&, int reach);
    uint8_t* keys(int head) const { return memory->data() + static_cast<size_t>(head) * 2 * store_bytes; }
    uint8_t* values(int head) const { return keys(head) + store_bytes; }

    int reach, slots;
    size_t store_bytes;
    std::shared_ptr<Memory> memory;
    int begin = 0, known = 0;  // positions from `begin` up to `known` are there
};

// One performance.
struct Stream : Cache {
    explicit Stream(const PerceiverShape&);
    size_t bytes() const override;

    std::vector<int32_t> tokens;
    std::vector<Ring> rings;  // one for each cross-attention
    Sequence stack;           // of the window's latents
    int first = 0;            // position of the window's first latent
    int filled = 0;           // latents from there up to this position are computed
};

class Perceiver : public Network {
public:
    Perceiver(const PerceiverShape&, const float* embedding, const float* norm, const CrossTensors*,
              const LayerTensors*, std::shared_ptr<Hands>);
    ~Perceiver() override { hands->pair(false); }

    std::unique_ptr<Cache> open() const override { return std::make_unique<Stream>(shape_); }
    std::unique_ptr<Cache> fork(const Cache&) const override;
    void plan(Cache&, const int32_t* tokens, int count, bool draws, std::vector<Row>& rows) const override;
    void pass(const Row* rows, int n) override;
    const float* logits(int row, int first, int last) override;
    size_t weight_bytes() const override { return bench_.weight_bytes() + stack_.weight_bytes(); }

private:
    struct Cross {
        const float *norm_query, *norm_key;
        Packed query, key_value, out;
        Mlp mlp;
    };

    int oldest(const Stream&, const Ring&) const;  // the first position that a cross-attention sees
    void turn_to(const Row* rows, int n);
    void remember(int cross, const Row* rows, int n);
    void look(int cross, const Row* rows, const int* latents, int n);
    void attend(int cross, const Row* rows, const int* latents, int n);

    const PerceiverShape shape_;
    const int latents_, size_, inner_;
    const Format cache_;
    Workbench bench_;
    Decoder stack_;
    std::vector<Cross> crosses_;
    std::vector<double> rates_;  // of the rotary angles
    std::unique_ptr<Memory> scratch_;
    float *cos_, *sin_, *projected_;
    int latent_of_[kRows];  // of the pass's rows
};
