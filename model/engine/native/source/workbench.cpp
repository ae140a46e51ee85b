#include "workbench.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace {
size_t widest(int width, int inner, int hidden) { return std::max({width, inner, hidden}); }
size_t scratch_bytes(size_t columns, size_t wide) {
    return kRows * ((columns + columns / kGroup + wide) * sizeof(float) + columns);
}
}  // namespace

Workbench::Workbench(Hands& given, Format weights, int width, int inner, int hidden, size_t weight_bytes)
    : kernels(given.kernels),
      hands_(given),
      format_(weights),
      width_(width),
      hidden_(hidden),
      packed_(weight_bytes, true),
      next_(packed_.data()),
      scratch_(scratch_bytes(widest(width, inner, hidden), std::max(2 * hidden, width))) {
    const size_t columns = widest(width, inner, hidden);
    values_ = scratch_.as<float>();
    scales_ = values_ + kRows * columns;
    wide_ = scales_ + kRows * columns / kGroup;
    rounded_ = reinterpret_cast<uint8_t*>(wide_ + kRows * std::max(2 * hidden, width));
    std::iota(all_rows_, all_rows_ + kRows, 0);
    hands_.make_room(kRows * std::max<size_t>(columns, 2 * hidden), 0, 0);
}

Packed Workbench::pack(const float* matrix, int count, int columns, const std::vector<int>& order) {
    const Packed packed{format_, static_cast<int>(rounded_up(count, kBlock)), columns, next_,
                        block_bytes(format_, columns)};
    for (int r = 0; r < packed.rows; r += kBlock, next_ += packed.block_bytes) {
        const float* rows[kBlock];
        for (int i = 0; i < kBlock; i++)
            rows[i] = r + i < count ? matrix + static_cast<size_t>(order[r + i]) * columns : nullptr;
        pack_block(format_, rows, columns, kernels.activation_bias, next_);
    }
    return packed;
}

Packed Workbench::pack(const float* matrix, int count, int columns) {
    std::vector<int> order(count);
    std::iota(order.begin(), order.end(), 0);
    return pack(matrix, count, columns, order);
}

Mlp Workbench::pack_mlp(const float* norm, const float* gate_up, const float* down) {
    return {keep(norm, width_), pack(gate_up, 2 * hidden_, width_), pack(down, width_, hidden_)};
}

size_t Workbench::mlp_bytes(Format weights, int width, int hidden) {
    return packed_bytes(weights, 2 * hidden, width) + packed_bytes(weights, width, hidden);
}

const float* Workbench::keep(const float* values, size_t count) {
    kept_.emplace_back(values, values + count);
    return kept_.back().data();
}

void Workbench::normalise(const float* stream, const float* gain, int n) {
    for (int i = 0; i < n; i++) kernels.normalise(stream + i * width_, gain, values_ + i * width_, width_);
}

Activations Workbench::rounded(int columns, int n) const {
    const Activations in{columns, values_, rounded_, scales_};
    if (format_ == Format::int8)
        for (int i = 0; i < n; i++) kernels.round_row(in, i);
    return in;
}

void Workbench::multiply(const Packed& m, int n, float* out) const {
    hands_.multiply(m, 0, m.rows, rounded(m.columns, n), all_rows_, n, out, m.rows);
}

void Workbench::add(const Packed& m, int n, float* stream) const {
    multiply(m, n, wide_);
    kernels.add(stream, wide_, n * width_);
}

void Workbench::add_mlp(const Mlp& mlp, int n, float* stream) {
    normalise(stream, mlp.norm, n);
    multiply(mlp.gate_up, n, wide_);
    for (int i = 0; i < n; i++) kernels.gate(wide_ + i * 2 * hidden_, values_ + i * hidden_, hidden_);
    add(mlp.down, n, stream);
}
