// Four floats at a time: 64-bit ARM with int8 products (dotprod): Apple M1 and later, Graviton 2, Raspberry Pi 5.

constexpr int kLanes = 4;
constexpr int kTop = 127;  // of a rounded activation
constexpr int kBias = 0;   // added to it
constexpr int kQueryTop = 127;  // of a rounded query
constexpr int kKeyBias = 0;     // added to a rounded key

struct Floats { float32x4_t v; };
struct Ints { int32x4_t v; };

inline Floats broadcast(float x) { return {vdupq_n_f32(x)}; }
inline Floats load(const float* p) { return {vld1q_f32(p)}; }
inline void store(float* p, Floats a) { vst1q_f32(p, a.v); }
inline Floats operator+(Floats a, Floats b) { return {vaddq_f32(a.v, b.v)}; }
inline Floats operator-(Floats a, Floats b) { return {vsubq_f32(a.v, b.v)}; }
inline Floats operator*(Floats a, Floats b) { return {vmulq_f32(a.v, b.v)}; }
inline Floats operator/(Floats a, Floats b) { return {vdivq_f32(a.v, b.v)}; }
inline Floats max(Floats a, Floats b) { return {vmaxq_f32(a.v, b.v)}; }
inline Floats fma(Floats a, Floats b, Floats c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Floats nearest(Floats a) { return {vrndnq_f32(a.v)}; }
inline Floats magnitude(Floats a) { return {vabsq_f32(a.v)}; }
inline float largest(Floats a) { return vmaxvq_f32(a.v); }

// a * 2**n, n whole.
inline Floats scale_by_power(Floats a, Floats n) {
    return {vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a.v), vshlq_n_s32(vcvtnq_s32_f32(n.v), 23)))};
}

// bf16 numbers lie in pairs; a bf16 number is the upper half of a float.
inline uint32x4_t pairs(const uint16_t* p) { return vreinterpretq_u32_u16(vld1q_u16(p)); }
inline Floats first_of_pairs(const uint16_t* p) { return {vreinterpretq_f32_u32(vshlq_n_u32(pairs(p), 16))}; }
inline Floats second_of_pairs(const uint16_t* p) {
    return {vreinterpretq_f32_u32(vandq_u32(pairs(p), vdupq_n_u32(0xffff0000)))};
}

inline Ints load(const int32_t* p) { return {vld1q_s32(p)}; }
inline Ints all(int32_t x) { return {vdupq_n_s32(x)}; }
inline Floats to_floats(Ints a) { return {vcvtq_f32_s32(a.v)}; }

// The lowest eight bits of whole numbers, `bias` added.
inline void store_bytes(uint8_t* p, Floats a, int bias) {
    const int16x4_t numbers = vmovn_s32(vaddq_s32(vcvtq_s32_f32(a.v), vdupq_n_s32(bias)));
    const int32_t four = vget_lane_s32(vreinterpret_s32_s8(vmovn_s16(vcombine_s16(numbers, numbers))), 0);
    std::memcpy(p, &four, 4);
}

struct Quad { int8x16_t value; };  // four activations, for every lane
inline Quad quad(const uint8_t* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return {vreinterpretq_s8_s32(vdupq_n_s32(four))};
}
inline Ints add_products(Ints sum, const int8_t* weights, Quad a) {
    return {vdotq_s32(sum.v, vld1q_s8(weights), a.value)};
}
inline Ints add_key_products(Ints sum, const uint8_t* keys, Quad a) {
    return add_products(sum, reinterpret_cast<const int8_t*>(keys), a);
}
