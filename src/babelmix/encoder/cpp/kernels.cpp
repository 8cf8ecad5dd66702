// What a layer of a BERT-like encoder does between its matrix products, for texts laid end to end: attention within each
// text, bias with GELU, bias with residual and layer norm, each with its gradient. ../kernels.py compiles and calls it.
//
// T is the type of activations, bfloat16 (as uint16_t) or float; sums are float. Rows are tokens. Work is split over the
// threads of the OpenMP library that torch has loaded. A row of a result depends on its own text alone. Sums over rows
// are taken in blocks of rows, one for each thread, and then in the order of the blocks.

#include "attention.hpp"
#include "rows.hpp"

#define KERNELS(T, NAME)                                                                                                \
    void attention_##NAME(const T* qkv, const float* bias, T* out, const int64_t* starts, int64_t texts, int64_t heads, \
                          int64_t dim, float scale) {                                                                   \
        attention(qkv, bias, out, starts, texts, heads, dim, scale);                                                    \
    }                                                                                                                   \
    void attention_gradient_##NAME(const T* qkv, const float* bias, const T* gradient, T* to, const int64_t* starts,    \
                                   int64_t texts, int64_t heads, int64_t dim, float scale) {                            \
        attention_gradient(qkv, bias, gradient, to, starts, texts, heads, dim, scale);                                  \
    }                                                                                                                   \
    void gelu_##NAME(const T* x, const float* bias, T* out, int64_t rows, int64_t width) {                              \
        gelu(x, bias, out, rows, width);                                                                                \
    }                                                                                                                   \
    void gelu_gradient_##NAME(const T* x, const float* bias, const T* gradient, T* to, T* out, float* bias_gradient,    \
                              int64_t rows, int64_t width) {                                                            \
        gelu_gradient(x, bias, gradient, to, out, bias_gradient, rows, width);                                          \
    }                                                                                                                   \
    void norm_##NAME(const T* x, const float* bias, const T* residual, const float* gain, const float* shift,           \
                     float epsilon, T* out, T* normalised, float* inverse, int64_t rows, int64_t width) {               \
        norm(x, bias, residual, gain, shift, epsilon, out, normalised, inverse, rows, width);                           \
    }                                                                                                                   \
    void norm_gradient_##NAME(const T* first, const T* second, const T* normalised, const float* inverse,               \
                              const float* gain, T* to, float* sums, int64_t rows, int64_t width) {                     \
        norm_gradient(first, second, normalised, inverse, gain, to, sums, rows, width);                                 \
    }                                                                                                                   \
    void mean_##NAME(const T* x, float* out, const int64_t* starts, int64_t texts, int64_t width) {                     \
        mean(x, out, starts, texts, width);                                                                             \
    }                                                                                                                   \
    void add_rows_##NAME(const T* x, float* sums, int64_t rows, int64_t width) { add_rows(x, sums, rows, width); }

extern "C" {
KERNELS(uint16_t, bfloat16)
KERNELS(float, float32)
}
