// The C interface: what model/engine/native/library.py calls. No exception crosses it, but for want of
// memory in a step, which ends the process.
#include <algorithm>
#include <new>
#include <system_error>

#include "decoder.h"
#include "draw.h"
#include "paths.h"
#include "perceiver.h"

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

struct Work {
    Cache* sequence;
    const int32_t* append;
    int32_t append_count;
    int32_t keep;      // the sequence is rewound to so many tokens first
    const Draw* draw;  // the next one; each token that another is drawn behind is appended. Null in the end
    const double* uniforms;  // for each of them
    int32_t* tokens;         // the answers, of which the last may be damaged
    int32_t drawn;           // so many
    float* logits;           // of the last draw's ranges, at their token ids, for whoever wants to see them; null without
};

static Cache* of(const Network& network, std::unique_ptr<Cache> cache) {
    cache->hands = network.hands;
    return cache.release();
}

// The name of the path of that rank, or null past the last.
EXPORT const char* tradefours_path(int rank) {
    const auto all = paths();
    return rank < static_cast<int>(all.size()) ? all[rank]->name : nullptr;
}

EXPORT Network* tradefours_decoder(const Shape* shape, const TokenTable* table, const float* embedding,
                                   const float* norm, const LayerTensors* layers, int path) {
    try {
        return new Decoder(*shape, *table, embedding, norm, layers, std::make_shared<Hands>(*paths().at(path)));
    } catch (const std::exception&) {
        return nullptr;
    }
}

EXPORT Network* tradefours_perceiver(const PerceiverShape* shape, const float* embedding, const float* norm,
                                     const CrossTensors* crosses, const LayerTensors* layers, int path) {
    try {
        return new Perceiver(*shape, embedding, norm, crosses, layers, std::make_shared<Hands>(*paths().at(path)));
    } catch (const std::exception&) {
        return nullptr;
    }
}

EXPORT void tradefours_free_network(Network* network) { delete network; }

EXPORT int64_t tradefours_weight_bytes(const Network* network) { return network->weight_bytes(); }

// Asks for a second thread beside the one that calls, or for none. Whether there is one: the system may refuse it.
EXPORT bool tradefours_pair(Network* network, bool two) {
    try {
        network->hands->pair(two);
    } catch (const std::system_error&) {
    }
    return network->hands->are_two();
}

EXPORT Cache* tradefours_sequence(const Network* network) {
    try {
        return of(*network, network->open());
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

EXPORT Cache* tradefours_fork(const Network* network, const Cache* sequence) {
    try {
        return of(*network, network->fork(*sequence));
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

EXPORT int64_t tradefours_sequence_bytes(const Cache* sequence) { return sequence->bytes(); }

EXPORT void tradefours_free_sequence(Cache* sequence) {
    const std::shared_ptr<Hands> hands = std::move(sequence->hands);
    hands->bury(std::shared_ptr<Cache>(sequence));
}

// All the work, in passes of at most kRows tokens. Tokens and lengths have been checked.
EXPORT void tradefours_run(Network* network, Work* work, int count) {
    const Hands::Shift shift(*network->hands);
    Row rows[kRows];
    struct { Work* work; int row; } drawing[kRows];
    std::vector<Row> planned;
    int filled = 0, draws = 0;
    const auto flush = [&] {
        network->pass(rows, filled);
        for (int d = 0; d < draws; d++) {
            Work& w = *drawing[d].work;
            const Draw& wish = *w.draw;
            const int32_t* ranges = wish.ranges;
            const int first = ranges[0], last = ranges[2 * wish.range_count - 1];
            const float* logits = network->logits(drawing[d].row, first, last);
            if (w.logits) std::copy(logits + first, logits + last, w.logits + first);
            const int token = draw(wish, w.uniforms[w.drawn], logits);
            w.tokens[w.drawn++] = token;
            w.draw = behind(wish, token);
        }
        filled = draws = 0;
    };
    const auto read = [&](Work& w, const int32_t* tokens, int n) {
        planned.clear();
        network->plan(*w.sequence, tokens, n, w.draw, planned);
        for (const Row& row : planned) {
            rows[filled++] = row;
            if (&row == &planned.back() && w.draw) drawing[draws++] = {&w, filled - 1};
            if (filled == kRows) flush();
        }
    };
    for (Work* w = work; w < work + count; w++) {
        w->sequence->length = w->keep;
        w->drawn = 0;
        read(*w, w->append, w->append_count);
    }
    if (filled) flush();
    bool goes_on = true;
    for (int link = 1; goes_on; link++) {  // a flush amid a round takes some to the next link: their turn is over
        goes_on = false;
        for (Work* w = work; w < work + count; w++) {
            if (!w->draw || w->drawn != link) continue;
            read(*w, w->tokens + link - 1, 1);
            goes_on = true;
        }
        if (filled) flush();
    }
}
