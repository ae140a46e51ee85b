// Four floats at a time in standard C++17: for any processor, and as the measure of the other paths.

constexpr int kLanes = 4;
constexpr int kTop = 127;  // of a rounded activation
constexpr int kBias = 0;   // added to it
constexpr int kQueryTop = 127;  // of a rounded query
constexpr int kKeyBias = 0;     // added to a rounded key

struct Floats { float v[kLanes]; };
struct Ints { int32_t v[kLanes]; };

template <class F> inline Floats each(F f) {
    Floats out;
    for (int i = 0; i < kLanes; i++) out.v[i] = f(i);
    return out;
}
inline Floats broadcast(float x) { return each([&](int) { return x; }); }
inline Floats load(const float* p) { return each([&](int i) { return p[i]; }); }
inline void store(float* p, Floats a) { std::memcpy(p, a.v, sizeof a.v); }
inline Floats operator+(Floats a, Floats b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
inline Floats operator-(Floats a, Floats b) { return each([&](int i) { return a.v[i] - b.v[i]; }); }
inline Floats operator*(Floats a, Floats b) { return each([&](int i) { return a.v[i] * b.v[i]; }); }
inline Floats operator/(Floats a, Floats b) { return each([&](int i) { return a.v[i] / b.v[i]; }); }
inline Floats max(Floats a, Floats b) { return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; }); }
inline Floats fma(Floats a, Floats b, Floats c) { return a * b + c; }
inline Floats nearest(Floats a) { return each([&](int i) { return std::nearbyint(a.v[i]); }); }
inline Floats magnitude(Floats a) { return each([&](int i) { return std::fabs(a.v[i]); }); }
inline float largest(Floats a) { return *std::max_element(a.v, a.v + kLanes); }

// a * 2**n, n whole.
inline Floats scale_by_power(Floats a, Floats n) {
    return each([&](int i) { return std::ldexp(a.v[i], static_cast<int>(n.v[i])); });
}

// bf16 numbers lie in pairs; a bf16 number is the upper half of a float.
inline float widened(uint16_t x) {
    const uint32_t bits = static_cast<uint32_t>(x) << 16;
    float out;
    std::memcpy(&out, &bits, 4);
    return out;
}
inline Floats first_of_pairs(const uint16_t* p) { return each([&](int i) { return widened(p[2 * i]); }); }
inline Floats second_of_pairs(const uint16_t* p) { return each([&](int i) { return widened(p[2 * i + 1]); }); }

inline Ints load(const int32_t* p) {
    Ints out;
    std::memcpy(out.v, p, sizeof out.v);
    return out;
}
inline Ints all(int32_t x) {
    Ints out;
    for (int32_t& lane : out.v) lane = x;
    return out;
}
inline Floats to_floats(Ints a) { return each([&](int i) { return static_cast<float>(a.v[i]); }); }

// The lowest eight bits of whole numbers, `bias` added.
inline void store_bytes(uint8_t* p, Floats a, int bias) {
    for (int i = 0; i < kLanes; i++) p[i] = static_cast<uint8_t>(static_cast<int32_t>(a.v[i]) + bias);
}

using Quad = const uint8_t*;  // four activations, for every lane
inline Quad quad(const uint8_t* p) { return p; }
inline Ints add_products(Ints sum, const int8_t* weights, Quad a) {
    for (int i = 0; i < kLanes; i++)
        for (int j = 0; j < 4; j++) sum.v[i] += weights[4 * i + j] * static_cast<int8_t>(a[j]);
    return sum;
}
inline Ints add_key_products(Ints sum, const uint8_t* keys, Quad a) {
    return add_products(sum, reinterpret_cast<const int8_t*>(keys), a);
}
