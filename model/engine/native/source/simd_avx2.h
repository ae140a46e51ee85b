// Eight floats at a time: x86 with AVX2, FMA and F16C, which is every PC since 2013 to 2015.

constexpr int kLanes = 8;
// The product instruction takes one side without a sign, and adds two products in 16 bits: 2 * 127 * 127 is the most.
constexpr int kTop = 63;    // of a rounded activation
constexpr int kBias = 64;   // added to it
constexpr int kQueryTop = 64;  // of a rounded query: 2 * 255 * 64 is the most
constexpr int kKeyBias = 128;  // added to a rounded key, which here is the side without a sign

struct Floats { __m256 v; };
struct Ints { __m256i v; };

inline Floats broadcast(float x) { return {_mm256_set1_ps(x)}; }
inline Floats load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline void store(float* p, Floats a) { _mm256_storeu_ps(p, a.v); }
inline Floats operator+(Floats a, Floats b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Floats operator/(Floats a, Floats b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Floats max(Floats a, Floats b) { return {_mm256_max_ps(a.v, b.v)}; }
inline Floats fma(Floats a, Floats b, Floats c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Floats nearest(Floats a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
inline Floats magnitude(Floats a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline float largest(Floats a) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

// a * 2**n, n whole.
inline Floats scale_by_power(Floats a, Floats n) {
    return {_mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_castps_si256(a.v), _mm256_slli_epi32(_mm256_cvtps_epi32(n.v), 23)))};
}

// bf16 numbers lie in pairs; a bf16 number is the upper half of a float.
inline Floats first_of_pairs(const uint16_t* p) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), 16))};
}
inline Floats second_of_pairs(const uint16_t* p) {
    const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32(static_cast<int>(0xffff0000))))};
}

inline Ints load(const int32_t* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
inline Ints all(int32_t x) { return {_mm256_set1_epi32(x)}; }
inline Floats to_floats(Ints a) { return {_mm256_cvtepi32_ps(a.v)}; }

// The lowest eight bits of whole numbers, `bias` added.
inline void store_bytes(uint8_t* p, Floats a, int bias) {
    const __m256i numbers = _mm256_add_epi32(_mm256_cvtps_epi32(a.v), _mm256_set1_epi32(bias));
    const __m256i lowest = _mm256_shuffle_epi8(numbers, _mm256_set1_epi32(0x0c080400));
    const __m128i eight = _mm_unpacklo_epi32(_mm256_castsi256_si128(lowest), _mm256_extracti128_si256(lowest, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), eight);
}

struct Quad { __m256i value; };  // four activations, for every lane
inline Quad quad(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return {_mm256_set1_epi32(four)};
}
inline Ints add_products(Ints sum, __m256i without_sign, __m256i with_sign) {
    const __m256i pairs = _mm256_maddubs_epi16(without_sign, with_sign);
    sum.v = _mm256_add_epi32(sum.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#ifdef __GNUC__
    asm("" : "+x"(sum.v));  // summed here and now: left to itself, GCC keeps products back and runs out of registers
#endif
    return sum;
}
inline __m256i bytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline Ints add_products(Ints sum, const int8_t* weights, Quad a) { return add_products(sum, a.value, bytes(weights)); }
inline Ints add_key_products(Ints sum, const uint8_t* keys, Quad a) { return add_products(sum, bytes(keys), a.value); }
