// How weights and caches lie in memory, and memory itself. docs/engine.md draws the layouts. Knows no network.
#pragma once
#include <memory>

#include "kernels.h"

inline size_t rounded_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

// Memory that is zero and that the system provides page by page, as it is written to.
class Memory {
public:
    explicit Memory(size_t bytes, bool huge_pages = false);
    uint8_t* data() const { return data_; }
    size_t bytes() const { return bytes_; }
    template <class T> T* as() const { return reinterpret_cast<T*>(data_); }

private:
    size_t bytes_;
    std::unique_ptr<void, void (*)(void*)> block_;
    uint8_t* data_;
};

size_t block_bytes(Format, int columns);
size_t packed_bytes(Format, int rows, int columns);

// One block of 16 matrix rows, as kernels_impl.h reads it. Absent rows are null.
void pack_block(Format, const float* const* rows, int columns, int bias, uint8_t* to);

// One token's key or value of one head into a cache's store.
void write_key(const Kernels&, Format, uint8_t* keys, int at, const float* key, int size);
void write_value(const Kernels&, Format, uint8_t* values, int at, const float* value, int size);
