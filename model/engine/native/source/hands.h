// Who computes a pass: the thread that asks for it, and where a core has nothing else to do a second one beside it.
//
// A product or an attention falls into parts that need nothing of each other. The first thread takes them from the
// front, the second from the back and into numbers of its own, which are copied when all is done: what it does too late
// harms nobody. It runs while nothing else wants its core. Where it was stopped amid a part the first thread waits for
// as long as it would take itself, and then does that part, too. Who did what cannot be seen in the numbers.
#pragma once
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "packing.h"

// As Kernels::multiply has it.
struct Product {
    Packed matrix;
    int first, last;
    Activations in;
    int rows[kRows], n;
    float* out;
    size_t stride;
};

// Queries over spans that they share, as Kernels::attend has it.
struct Tile {
    Span spans[kSpans];
    int span_count, n, head_size;
    Query queries[kTile];
};

class Hands {
public:
    explicit Hands(const Kernels&);
    ~Hands();

    void pair(bool two);  // whether there is a second thread; before what it reads goes there is none
    bool are_two() const { return second_.joinable(); }

    // Before any work: of the longest output, scores of one query, and tiles of one attention.
    void make_room(size_t numbers, size_t scores, size_t tiles);

    void multiply(const Packed&, int first, int last, const Activations&, const int* rows, int n, float* out, size_t stride);
    void ask(const Tile& tile) { tiles_.push_back(tile); }
    void attend(Format, float* base);  // all that were asked for; each query's `out` lies behind `base`

    // While there is work, the second thread looks for it without sleep.
    class Shift {
    public:
        explicit Shift(Hands& hands) : hands_(hands) { hands.begin(); }
        ~Shift() { hands_.awake_.store(false, std::memory_order_release); }

    private:
        Hands& hands_;
    };

    void bury(std::shared_ptr<void> memory);  // is kept as long as the second thread may read it; from any thread

    const Kernels& kernels;

private:
    struct Job {
        Product product;
        const Tile* tiles;  // null: the product
        Format format;
        float* base;
        int parts;
    };

    template <class Run>
    int share(const Job&, const Run& run);
    void begin();
    void live();
    void look();
    void work(const Job&, const Tile&, int part);

    float* mirror() const { return mirror_.as<float>(); }
    size_t room() const { return scores_.bytes() / sizeof(float) / kTile; }
    void clear_graves();

    Memory mirror_{0}, scores_{0}, other_scores_{0};
    std::vector<Tile> tiles_;
    Job job_;
    alignas(kLine) std::atomic<uint64_t> taken_{0};  // the job's number, its first free part, and the one after the last
    alignas(kLine) std::atomic<uint64_t> done_{0};   // the job and the part that the second thread has done last
    alignas(kLine) std::atomic<bool> here_{false};   // the second thread runs, as far as is known
    std::atomic<bool> awake_{false}, inside_{false};
    std::mutex mutex_;  // of the three below; in work the first thread never waits for it, as the second may be stopped while it has it
    std::condition_variable bell_;
    bool asleep_ = false, quit_ = false;
    std::mutex graves_mutex_;  // a sequence may be closed from any thread
    std::vector<std::shared_ptr<void>> graves_;
    std::thread second_;
};
