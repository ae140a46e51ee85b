// One token out of its allowed ranges: offsets, temperature, min-p, top-p, then the dice, as model/engine/processors.py
// has them.
#pragma once
#include <cstdint>

struct Draw {
    const int32_t* ranges;  // first and one past the last, ascending
    int32_t range_count;
    int32_t bias_count;
    const int32_t* bias_tokens;
    const float* bias;
    float temperature, top_p, min_p;
    int32_t follower_count;
    const struct Follower* followers;  // the first whose range the token is in is drawn at once behind it
};

struct Follower {
    int32_t first, stop;
    const Draw* draw;
};

constexpr int kDamaged = -1;  // the logits are not numbers

// `uniform`: the dice, from 0 to 1.
int draw(const Draw&, double uniform, const float* logits);

// What is drawn behind that token; null for nothing.
const Draw* behind(const Draw&, int token);
