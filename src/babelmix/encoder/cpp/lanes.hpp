// As many numbers at once as a register holds, by the vector extensions of GCC and Clang: sixteen with AVX-512, else
// eight. Any processor runs them; vectors wider than its registers would be kept in memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace {

// LANES: numbers of a vector. REGISTERS: sums that a small product keeps in registers, of the 32 or 16 that there are.
#ifdef __AVX512F__
constexpr int64_t LANES = 16, REGISTERS = 24;
#else
constexpr int64_t LANES = 8, REGISTERS = 12;
#endif
constexpr int64_t ROWS = 8;  // rows of scores at once
typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

#ifdef __AVX512F__
constexpr ints LANE = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#else
constexpr ints LANE = {0, 1, 2, 3, 4, 5, 6, 7};
#endif

inline floats load(const float* from) {
    floats x;
    memcpy(&x, from, sizeof x);
    return x;
}

inline floats load(const uint16_t* from) {
    halves x;
    memcpy(&x, from, sizeof x);
    return (floats)(__builtin_convertvector(x, words) << 16);
}

inline void store(float* to, floats x) { memcpy(to, &x, sizeof x); }

inline void store(uint16_t* to, floats x) {
#ifdef __AVX512BF16__
    auto rounded = _mm512_cvtneps_pbh((__m512)x);
#else
    words bits = (words)x;
    bits += 0x7fff + ((bits >> 16) & 1);  // to the nearest, ties to even
    halves rounded = __builtin_convertvector(bits >> 16, halves);
#endif
    memcpy(to, &rounded, sizeof rounded);
}

inline floats all(float x) { return x - floats{}; }

// Lane i exchanged with lane i ^ S.
template <std::size_t S, std::size_t... L>
inline floats swapped(floats x, std::index_sequence<L...>) {
    return __builtin_shufflevector(x, x, (L ^ S)...);
}

// One number from all lanes: `join` of halves, then of quarters, and so on.
template <class Join>
inline float reduce(floats x, Join join) {
    auto lanes = std::make_index_sequence<LANES>();
    if constexpr (LANES > 8) x = join(x, swapped<8>(x, lanes));
    x = join(x, swapped<4>(x, lanes));
    x = join(x, swapped<2>(x, lanes));
    return join(x, swapped<1>(x, lanes))[0];
}

inline float sum(floats x) {
    return reduce(x, [](floats a, floats b) { return a + b; });
}

inline float largest(floats x) {
    return reduce(x, [](floats a, floats b) { return a > b ? a : b; });
}

// e^x to 2e-7 relative, for x <= 0: 2^n times a polynomial on [-ln2 / 2, ln2 / 2]. Below -87 it is that of -87.
inline floats exponential(floats x) {
    x = x < all(-87.0f) ? all(-87.0f) : x;
    const floats magic = all(12582912.0f);  // 1.5 * 2^23: adding it rounds to whole numbers
    floats shifted = x * 1.44269504f + magic, n = shifted - magic;
    floats r = x - n * 0.693359375f + n * 2.12194440e-4f;
    floats p = all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return (floats)((ints)p + (((ints)shifted - (ints)magic) << 23));
}

// 1 / x, to the last bit or two.
inline floats inverse(floats x) {
#ifdef __AVX512F__
    floats near = (floats)_mm512_rcp14_ps((__m512)x);  // a division takes a third of a GELU
    return near * (2.0f - x * near);
#else
    return 1.0f / x;
#endif
}

// The distribution function of the normal distribution to 1e-7 (Abramowitz and Stegun 7.1.26), and its density.
inline void normal(floats x, floats& distribution, floats& density) {
    floats z = x < all(0) ? -x : x;
    floats e = exponential(x * x * -0.5f), t = inverse(1.0f + z * (0.3275911f * 0.70710678f));
    floats p = all(1.061405429f);
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    floats tail = 0.5f * p * t * e;
    distribution = x < all(0) ? tail : 1.0f - tail;
    density = e * 0.39894228f;
}

int64_t up(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

}  // namespace
