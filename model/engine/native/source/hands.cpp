#include "hands.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

namespace {
using Clock = std::chrono::steady_clock;
constexpr int kMostParts = 8;      // of a product
constexpr int kLeastBlocks = 2;    // in a part
constexpr std::chrono::microseconds kLinger{300};  // between two tokens of a note nobody falls asleep

struct Taken {
    uint32_t job;
    int front, back;

    explicit Taken(uint64_t bits)
        : job(static_cast<uint32_t>(bits >> 32)), front(bits >> 16 & 0xffff), back(bits & 0xffff) {}
    Taken(uint32_t number, int first, int last) : job(number), front(first), back(last) {}
    uint64_t bits() const { return static_cast<uint64_t>(job) << 32 | static_cast<uint64_t>(front) << 16 | back; }
    bool is_all() const { return front >= back; }
};

int beginning(const Product& p, int parts, int part) {
    return p.first + (p.last - p.first) / kBlock * part / parts * kBlock;
}

void breathe() {
#if defined(__SSE2__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    __asm__ volatile("yield");
#endif
}

void give_way() {  // to everything else that wants this core
#ifdef __linux__
    const sched_param none{};
    pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
#endif
}
}  // namespace

Hands::Hands(const Kernels& chosen) : kernels(chosen) {}

Hands::~Hands() { pair(false); }

void Hands::pair(bool two) {
    if (two == are_two()) return;
    if (two) {
        quit_ = false;
        second_ = std::thread([this] { live(); });
        return;
    }
    awake_.store(false, std::memory_order_release);
    {
        std::lock_guard<std::mutex> lock(mutex_);
        quit_ = true;
        bell_.notify_one();
    }
    second_.join();
    clear_graves();
}

void Hands::make_room(size_t numbers, size_t scores, size_t tiles) {
    const auto grow = [](Memory& memory, size_t floats) {
        if (memory.bytes() < floats * sizeof(float)) memory = Memory(floats * sizeof(float));
    };
    grow(mirror_, numbers);
    grow(scores_, kTile * scores);
    grow(other_scores_, kTile * scores);
    tiles_.reserve(tiles);
}

void Hands::begin() {
    if (!are_two()) return;
    awake_.store(true, std::memory_order_release);
    if (const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock); lock && asleep_) {
        bell_.notify_one();
        asleep_ = false;
    }
    clear_graves();
}

void Hands::bury(std::shared_ptr<void> memory) {
    {
        std::lock_guard<std::mutex> lock(graves_mutex_);
        graves_.push_back(std::move(memory));
    }
    clear_graves();
}

void Hands::clear_graves() {
    std::lock_guard<std::mutex> lock(graves_mutex_);
    if (!inside_.load(std::memory_order_acquire)) graves_.clear();
}

void Hands::live() {
    give_way();
    std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
    while (true) {
        for (auto since = Clock::now(); Clock::now() - since < kLinger;)
            while (awake_.load(std::memory_order_acquire)) {
                look();
                since = Clock::now();
            }
        here_.store(false, std::memory_order_relaxed);
        lock.lock();
        while (!quit_ && !awake_.load(std::memory_order_relaxed)) {
            asleep_ = true;
            bell_.wait(lock);
        }
        if (quit_) return;
        lock.unlock();
    }
}

// Takes a part, if there is one. What it copies may be torn by the next job's beginning; then it gets no part.
void Hands::look() {
    if (!here_.load(std::memory_order_relaxed)) here_.store(true, std::memory_order_relaxed);
    uint64_t bits = taken_.load(std::memory_order_acquire);
    const Taken seen(bits);
    if (seen.is_all()) return breathe();
    const int part = seen.back - 1;
    Job job;
    Tile tile;
    std::memcpy(&job, &job_, sizeof job);
    if (job.tiles) std::memcpy(&tile, &job.tiles[part], sizeof tile);
    inside_.store(true, std::memory_order_relaxed);
    if (taken_.compare_exchange_strong(bits, Taken(seen.job, seen.front, part).bits(), std::memory_order_acq_rel)) {
        work(job, tile, part);
        done_.store(Taken(seen.job, 0, part).bits(), std::memory_order_release);
    }
    inside_.store(false, std::memory_order_release);
}

void Hands::work(const Job& job, const Tile& tile, int part) {
    if (job.tiles) {
        Query queries[kTile];
        std::copy_n(tile.queries, tile.n, queries);
        for (int i = 0; i < tile.n; i++) queries[i].out = mirror() + (queries[i].out - job.base);
        kernels.attend(tile.spans, tile.span_count, queries, tile.n, tile.head_size, job.format,
                       other_scores_.as<float>(), room());
    } else {
        const Product& p = job.product;
        const int first = beginning(p, job.parts, part), last = beginning(p, job.parts, part + 1);
        kernels.multiply(p.matrix, first, last, p.in, p.rows, p.n, mirror() + (first - p.first), p.stride);
    }
}

// All of the job's parts are done, and those from the returned one on by the second thread.
template <class Run>
int Hands::share(const Job& job, const Run& run) {
    if (job.parts < 2 || !here_.load(std::memory_order_relaxed)) {
        for (int part = 0; part < job.parts; part++) run(part);
        return job.parts;
    }
    job_ = job;
    uint64_t bits = Taken(Taken(taken_.load(std::memory_order_relaxed)).job + 1, 0, job.parts).bits();
    taken_.store(bits, std::memory_order_release);
    Clock::duration takes{};
    while (!Taken(bits).is_all()) {
        const Taken seen(bits);
        if (!taken_.compare_exchange_weak(bits, Taken(seen.job, seen.front + 1, seen.back).bits(), std::memory_order_acq_rel))
            continue;
        const auto began = Clock::now();
        run(seen.front);
        takes = Clock::now() - began;
        bits = taken_.load(std::memory_order_acquire);
    }
    const Taken end(bits);
    const uint64_t last = Taken(end.job, 0, end.back).bits();
    if (end.back < job.parts)
        for (const auto until = Clock::now() + takes; Clock::now() < until; breathe())
            if (done_.load(std::memory_order_acquire) == last) return end.back;
    here_.store(false, std::memory_order_relaxed);  // until it says otherwise
    if (end.back == job.parts) return job.parts;
    run(end.back);
    return end.back + 1;
}

void Hands::multiply(const Packed& m, int first, int last, const Activations& in, const int* rows, int n, float* out,
                     size_t stride) {
    const int parts = std::min(kMostParts, (last - first) / kBlock / kLeastBlocks);
    if (n == 0 || parts < 2 || !here_.load(std::memory_order_relaxed))
        return kernels.multiply(m, first, last, in, rows, n, out, stride);
    Job job{{m, first, last, in, {}, n, out, stride}, nullptr, m.format, out, parts};
    std::copy_n(rows, n, job.product.rows);
    const int others = share(job, [&](int part) {
        const int from = beginning(job.product, parts, part), to = beginning(job.product, parts, part + 1);
        kernels.multiply(m, from, to, in, rows, n, out + (from - first), stride);
    });
    const int from = beginning(job.product, parts, others) - first;
    for (int i = 0; i < n && from < last - first; i++) {
        const size_t at = rows[i] * stride + from;
        std::memcpy(out + at, mirror() + at, (last - first - from) * sizeof(float));
    }
}

void Hands::attend(Format format, float* base) {
    const int count = static_cast<int>(tiles_.size());
    int mine = share({{}, tiles_.data(), format, base, count}, [&](int part) {
        const Tile& t = tiles_[part];
        kernels.attend(t.spans, t.span_count, t.queries, t.n, t.head_size, format, scores_.as<float>(),
                       room());
    });
    for (; mine < count; mine++)
        for (int i = 0; i < tiles_[mine].n; i++) {
            float* out = tiles_[mine].queries[i].out;
            std::memcpy(out, mirror() + (out - base), tiles_[mine].head_size * sizeof(float));
        }
    tiles_.clear();
}
