#include "draw.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace {
constexpr float kSharpest = 1e-6f;  // temperatures below are 0

struct Candidate {
    int token;
    float logit;
    double weight;
};

bool likelier(const Candidate& a, const Candidate& b) { return a.logit > b.logit; }

// The smallest set whose probability reaches `mass`, in the order of token ids.
void keep_top(std::vector<Candidate>& left, float mass) {
    std::stable_sort(left.begin(), left.end(), likelier);
    const double total =
        std::accumulate(left.begin(), left.end(), 0.0, [](double sum, const Candidate& c) { return sum + c.weight; });
    double before = 0;
    size_t kept = 0;
    while (kept < left.size() && (kept == 0 || before < mass * total)) before += left[kept++].weight;
    left.resize(kept);
    std::sort(left.begin(), left.end(), [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
}
}  // namespace

int draw(const Draw& wish, double uniform, const float* logits) {
    std::vector<Candidate> left;
    for (int r = 0; r < wish.range_count; r++)
        for (int token = wish.ranges[2 * r]; token < wish.ranges[2 * r + 1]; token++)
            left.push_back({token, logits[token], 0});
    for (int i = 0; i < wish.bias_count; i++) {
        const auto found = std::lower_bound(left.begin(), left.end(), wish.bias_tokens[i],
                                            [](const Candidate& c, int token) { return c.token < token; });
        if (found != left.end() && found->token == wish.bias_tokens[i]) found->logit += wish.bias[i];
    }
    for (const Candidate& c : left)
        if (!std::isfinite(c.logit)) return kDamaged;
    const Candidate best = *std::min_element(left.begin(), left.end(), likelier);  // the first of several
    if (wish.temperature < kSharpest) return best.token;

    for (Candidate& c : left) {
        c.logit = (c.logit - best.logit) / wish.temperature;
        c.weight = std::exp(static_cast<double>(c.logit));
    }
    left.erase(std::remove_if(left.begin(), left.end(), [&](const Candidate& c) { return c.weight < wish.min_p; }),
               left.end());
    if (wish.top_p < 1) keep_top(left, wish.top_p);

    double total = 0;
    for (const Candidate& c : left) total += c.weight;
    double summed = 0;
    for (const Candidate& c : left) {
        summed += c.weight;
        if (summed > uniform * total) return c.token;
    }
    return left.back().token;
}

const Draw* behind(const Draw& wish, int token) {
    for (const Follower* f = wish.followers; f < wish.followers + wish.follower_count; f++)
        if (f->first <= token && token < f->stop) return f->draw;
    return nullptr;
}
