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
    double uniform;
};

constexpr int kDamaged = -1;  // the logits are not numbers

int draw(const Draw&, const float* logits);
