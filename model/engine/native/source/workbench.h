// The rows of a pass between one attention and the next: norms, linear maps, gated MLPs. Knows no attention.
#pragma once
#include <vector>

#include "network.h"
#include "packing.h"

// What ends every block: an RMS norm and a gated MLP, added to the stream.
struct Mlp {
    const float* norm;
    Packed gate_up, down;
};

class Workbench {
public:
    // `inner`: the widest input of a product beside the stream and the MLP's. `weight_bytes` holds all that is packed.
    Workbench(Hands&, Format weights, int width, int inner, int hidden, size_t weight_bytes);

    // Tensors come row by row; row i of the packed matrix is row order[i].
    Packed pack(const float* matrix, int count, int columns, const std::vector<int>& order);
    Packed pack(const float* matrix, int count, int columns);
    Mlp pack_mlp(const float* norm, const float* gate_up, const float* down);
    const float* keep(const float* values, size_t count);
    static size_t mlp_bytes(Format weights, int width, int hidden);

    // The next products' input: row by row, then rounded as `weights` wants it.
    float* values() const { return values_; }
    void normalise(const float* stream, const float* gain, int n);  // n rows of the stream's width
    Activations rounded(int columns, int n) const;
    void multiply(const Packed&, int n, float* out) const;  // rounds, and multiplies n rows; a row of `out` is as long
    void add(const Packed&, int n, float* stream) const;    // the same, onto the stream
    void add_mlp(const Mlp&, int n, float* stream);

    const Kernels& kernels;
    const int* all_rows() const { return all_rows_; }
    size_t weight_bytes() const { return packed_.bytes(); }

private:
    Hands& hands_;
    const Format format_;
    const int width_, hidden_;
    const Memory packed_;
    uint8_t* next_;
    std::vector<std::vector<float>> kept_;
    const Memory scratch_;
    float *values_, *scales_, *wide_;
    uint8_t* rounded_;
    int all_rows_[kRows];
};
