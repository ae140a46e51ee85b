// A network on packed weights, as the engine sees it: rows in, logits out. Knows no C interface and no sampling.
#pragma once
#include <memory>
#include <vector>

#include "hands.h"

// What is remembered of one sequence. A rewind lowers `length`; what lies beyond is written over.
struct Cache {
    virtual ~Cache() = default;
    virtual size_t bytes() const = 0;

    int length = 0;
    std::shared_ptr<Hands> hands;  // which may be reading it
};

struct Row {
    Cache* cache;
    int token;
    int position = 0;
    bool is_latent = true;  // perceivers: false where only its keys and values are wanted
};

class Network {
public:
    explicit Network(std::shared_ptr<Hands> given) : hands(std::move(given)) {}
    virtual ~Network() = default;
    virtual std::unique_ptr<Cache> open() const = 0;
    virtual std::unique_ptr<Cache> fork(const Cache&) const = 0;

    // These tokens come next. Adds the rows that must pass for that, in order; with a draw after them, its is the last.
    virtual void plan(Cache&, const int32_t* tokens, int count, bool draws, std::vector<Row>& rows) const = 0;

    // At most kRows of the planned rows, a sequence's in order and side by side.
    virtual void pass(const Row* rows, int n) = 0;

    // Of the pass's row: logits of token ids first..last, into a table for the whole vocabulary, padded to blocks.
    virtual const float* logits(int row, int first, int last) = 0;

    virtual size_t weight_bytes() const = 0;

    const std::shared_ptr<Hands> hands;  // a network that goes lets the second one go first
};
