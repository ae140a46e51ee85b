// Sixteen floats at a time: x86 with AVX-512 (F, BW, DQ, VL) and its int8 products (VNNI).

constexpr int kLanes = 16;
constexpr int kTop = 127;   // of a rounded activation
constexpr int kBias = 128;  // added to it: the product instruction takes one side without a sign
constexpr int kQueryTop = 127;  // of a rounded query
constexpr int kKeyBias = 128;  // added to a rounded key, which here is the side without a sign

struct Floats { __m512 v; };
struct Ints { __m512i v; };

inline Floats broadcast(float x) { return {_mm512_set1_ps(x)}; }
inline Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, Floats a) { _mm512_storeu_ps(p, a.v); }
inline Floats operator+(Floats a, Floats b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Floats operator/(Floats a, Floats b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Floats max(Floats a, Floats b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Floats fma(Floats a, Floats b, Floats c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Floats nearest(Floats a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT)}; }
inline Floats magnitude(Floats a) { return {_mm512_abs_ps(a.v)}; }
inline float largest(Floats a) { return _mm512_reduce_max_ps(a.v); }

// a * 2**n, n whole.
inline Floats scale_by_power(Floats a, Floats n) { return {_mm512_scalef_ps(a.v, n.v)}; }

// bf16 numbers lie in pairs; a bf16 number is the upper half of a float.
inline Floats first_of_pairs(const uint16_t* p) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16))};
}
inline Floats second_of_pairs(const uint16_t* p) {
    return {_mm512_castsi512_ps(
        _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(static_cast<int>(0xffff0000))))};
}

inline Ints load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
inline Ints all(int32_t x) { return {_mm512_set1_epi32(x)}; }
inline Floats to_floats(Ints a) { return {_mm512_cvtepi32_ps(a.v)}; }

// The lowest eight bits of whole numbers, `bias` added.
inline void store_bytes(uint8_t* p, Floats a, int bias) {
    const __m512i numbers = _mm512_add_epi32(_mm512_cvtps_epi32(a.v), _mm512_set1_epi32(bias));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(numbers));
}

struct Quad { __m512i value; };  // four activations, for every lane
inline Quad quad(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return {_mm512_set1_epi32(four)};
}
inline Ints add_products(Ints sum, const int8_t* weights, Quad a) {
    return {_mm512_dpbusd_epi32(sum.v, a.value, _mm512_loadu_si512(weights))};
}
inline Ints add_key_products(Ints sum, const uint8_t* keys, Quad a) {
    return {_mm512_dpbusd_epi32(sum.v, _mm512_loadu_si512(keys), a.value)};
}
