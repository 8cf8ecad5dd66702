// Attention within each text, and its gradient: one job for each text and head.
#pragma once

#include <memory>
#include <type_traits>
#include <vector>

#include "lanes.hpp"

namespace {

// What the small products of attention multiply: floats, or pairs of bfloat16 in one lane where the processor adds two
// products at once. A unit is a lane of either kind; it holds N numbers that are summed.
struct Floats {
    using Unit = float;
    static constexpr int64_t N = 1;
    static floats one(Unit x) { return all(x); }
    static floats multiply(floats sum, floats left, floats right) { return sum + left * right; }
    static floats pack(floats first, floats) { return first; }
    static void join(const float* from, Unit* to) { store(to, load(from)); }
};

#ifdef __AVX512BF16__
struct Pairs {
    using Unit = uint32_t;
    static constexpr int64_t N = 2;
    static floats one(Unit x) { return (floats)(x - words{}); }
    static floats multiply(floats sum, floats left, floats right) {
        return (floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
    }
    static floats pack(floats first, floats second) {
        halves low = (halves)_mm512_cvtneps_pbh((__m512)first), high = (halves)_mm512_cvtneps_pbh((__m512)second);
        return (floats)(__builtin_convertvector(low, words) | __builtin_convertvector(high, words) << 16);
    }
    static void join(const float* from, Unit* to) { store((uint16_t*)to, load(from)); }
};
#else
using Pairs = Floats;
#endif

template <class T>
using Kind = std::conditional_t<std::is_same_v<T, float>, Floats, Pairs>;

template <class Unit>
inline floats units(const Unit* from) {
    floats x;
    memcpy(&x, from, sizeof x);
    return x;
}

// C[r, c] = sum over k of A[r, k] B[k, c]: `rows` <= R rows and LANES * V columns. A's unit is at r * row + k * step.
template <class K, int64_t R, int64_t V>
inline void product(const typename K::Unit* a, int64_t row, int64_t step, const typename K::Unit* b, int64_t ldb,
                    int64_t depth, float* c, int64_t ldc, int64_t rows) {
    const typename K::Unit* from[R];
    for (int64_t r = 0; r < R; r++) from[r] = a + std::min(r, rows - 1) * row;
    floats found[R][V] = {};
    for (int64_t k = 0; k < depth; k++) {
        floats right[V];
#pragma GCC unroll 8
        for (int64_t v = 0; v < V; v++) right[v] = units(b + k * ldb + v * LANES);
#pragma GCC unroll 8
        for (int64_t r = 0; r < R; r++) {
            floats left = K::one(from[r][k * step]);
#pragma GCC unroll 8
            for (int64_t v = 0; v < V; v++) found[r][v] = K::multiply(found[r][v], left, right[v]);
        }
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t v = 0; v < V; v++) store(c + r * ldc + v * LANES, found[r][v]);
}

// The same for any multiple of LANES columns.
template <class K, int64_t R>
inline void product(const typename K::Unit* a, int64_t row, int64_t step, const typename K::Unit* b, int64_t ldb,
                    int64_t depth, float* c, int64_t ldc, int64_t rows, int64_t columns) {
    int64_t at = 0, left = columns / LANES;
    for (; left > 4 || left == 3; left -= 3, at += 3 * LANES)
        product<K, R, 3>(a, row, step, b + at, ldb, depth, c + at, ldc, rows);
    for (; left > 1; left -= 2, at += 2 * LANES)
        product<K, R, 2>(a, row, step, b + at, ldb, depth, c + at, ldc, rows);
    if (left) product<K, R, 1>(a, row, step, b + at, ldb, depth, c + at, ldc, rows);
}

template <class K>
inline void product(const typename K::Unit* a, int64_t row, int64_t step, const typename K::Unit* b, int64_t ldb,
                    int64_t depth, float* c, int64_t ldc, int64_t rows, int64_t columns) {
    constexpr int64_t most = REGISTERS / 3;  // rows of three vectors each
    if constexpr (most < ROWS)
        for (; rows > most; rows -= most, a += most * row, c += most * ldc)
            product<K, most>(a, row, step, b, ldb, depth, c, ldc, most, columns);
    auto chosen = rows > 4 ? product<K, most> : rows > 2 ? product<K, 4> : rows > 1 ? product<K, 2> : product<K, 1>;
    chosen(a, row, step, b, ldb, depth, c, ldc, rows, columns);
}

// Rows of one head as float, their bias added: [length, dim].
template <class T>
void widen(const T* from, int64_t stride, const float* bias, int64_t length, int64_t dim, float scale, float* to) {
    for (int64_t i = 0; i < length; i++)
        for (int64_t d = 0; d < dim; d += LANES)
            store(to + i * dim + d, (load(from + i * stride + d) + load(bias + d)) * scale);
}

template <class T>
void narrow(const float* from, int64_t rows, int64_t dim, T* to, int64_t stride) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t d = 0; d < dim; d += LANES) store(to + i * stride + d, load(from + i * dim + d));
}

// Neighbours in a row become units: [rows, width / N], the left side of a product.
template <class K>
void join(const float* from, int64_t numbers, typename K::Unit* to) {
    for (int64_t i = 0; i < numbers; i += LANES) K::join(from + i, to + i / K::N);
}

// Neighbours in a column become units: [rows / N, width], a side of a product whose depth are the rows.
template <class K>
void stack(const float* from, int64_t rows, int64_t width, typename K::Unit* to) {
    for (int64_t i = 0; i < rows; i += K::N)
        for (int64_t c = 0; c < width; c += LANES) {
            floats second = i + 1 < rows ? load(from + (i + 1) * width + c) : floats{};
            floats packed = K::pack(load(from + i * width + c), second);
            memcpy(to + i / K::N * width + c, &packed, sizeof packed);
        }
}

// Exchanges the blocks of S x S lanes off the diagonal in LANES vectors, for one step of a transposition.
template <int64_t S, std::size_t... L>
inline void exchange(floats (&rows)[LANES], std::index_sequence<L...>) {
    for (int64_t i = 0; i < LANES; i++)
        if (!(i & S)) {
            floats above = rows[i], below = rows[i + S];
            rows[i] = __builtin_shufflevector(above, below, (L & S ? LANES + L - S : L)...);
            rows[i + S] = __builtin_shufflevector(above, below, (L & S ? LANES + L : L + S)...);
        }
}

// Units [length, depth] to [depth, up(length)], zeros behind.
template <class Unit>
void transpose(const Unit* from, int64_t length, int64_t depth, Unit* to) {
    int64_t width = up(length);
    for (int64_t j0 = 0; j0 < width; j0 += LANES)
        for (int64_t d0 = 0; d0 < depth; d0 += LANES) {
            floats rows[LANES] = {};
            for (int64_t j = 0; j < std::min(LANES, length - j0); j++) rows[j] = units(from + (j0 + j) * depth + d0);
            auto lanes = std::make_index_sequence<LANES>();
            if constexpr (LANES > 8) exchange<8>(rows, lanes);
            exchange<4>(rows, lanes);
            exchange<2>(rows, lanes);
            exchange<1>(rows, lanes);
            for (int64_t d = 0; d < LANES; d++) memcpy(to + (d0 + d) * width + j0, rows + d, sizeof rows[d]);
        }
}

// Scores [rows, up(length)] to the softmax of `scale` times them over the first `length`, zeros behind.
void softmax(float* scores, int64_t rows, int64_t length, float scale) {
    int64_t width = up(length), last = width - LANES;
    ints inside = LANE < (int32_t)(length - last);  // lanes of the last vector that are scores
    for (int64_t r = 0; r < rows; r++) {
        float* row = scores + r * width;
        floats end = inside ? load(row + last) : all(-INFINITY), top = end, total = {};
        for (int64_t j = 0; j < last; j += LANES) {
            floats x = load(row + j);
            top = x > top ? x : top;
        }
        floats highest = all(largest(top));
        for (int64_t j = 0; j < last; j += LANES) {
            floats x = exponential((load(row + j) - highest) * scale);
            store(row + j, x);
            total += x;
        }
        end = inside ? exponential((end - highest) * scale) : floats{};
        floats share = all(1 / sum(total + end));
        for (int64_t j = 0; j < last; j += LANES) store(row + j, load(row + j) * share);
        store(row + last, end * share);
    }
}

// Memory of one thread, which grows as texts ask for more.
struct Scratch {
    std::unique_ptr<floats[]> memory;  // so that every array begins at a line of the cache
    int64_t size = 0, used = 0;
    void ask(int64_t needed) {
        if (needed > size) memory.reset(new floats[(size = up(needed)) / LANES]);
        used = 0;
    }
    template <class Unit = float>
    Unit* take(int64_t count) {
        used += count;
        return (Unit*)memory.get() + used - count;
    }
};

template <class T>
void attention(const T* qkv, const float* bias, T* out, const int64_t* starts, int64_t texts, int64_t heads, int64_t dim,
               float scale) {
    using K = Kind<T>;
    using Unit = typename K::Unit;
    int64_t width = heads * dim, stride = 3 * width, depth = dim / K::N;
#pragma omp parallel
    {
        Scratch scratch;
#pragma omp for schedule(dynamic)
        for (int64_t job = 0; job < texts * heads; job++) {
            int64_t first = starts[job / heads], length = starts[job / heads + 1] - first, wide = up(length);
            int64_t column = job % heads * dim;
            const T* from = qkv + first * stride + column;
            scratch.ask(4 * length * dim + dim * wide + ROWS * (2 * wide + dim));
            float *rows_of = scratch.take(length * dim), *p = scratch.take(ROWS * wide), *o = scratch.take(ROWS * dim);
            Unit *q = scratch.take<Unit>(length * dim), *k = scratch.take<Unit>(length * dim);
            Unit *v = scratch.take<Unit>(length * dim), *keys = scratch.take<Unit>(dim * wide);
            Unit* probability = scratch.take<Unit>(ROWS * wide);
            widen(from, stride, bias + column, length, dim, 1, rows_of);
            join<K>(rows_of, length * dim, q);
            widen(from + width, stride, bias + width + column, length, dim, 1, rows_of);
            join<K>(rows_of, length * dim, k);
            transpose(k, length, depth, keys);
            widen(from + 2 * width, stride, bias + 2 * width + column, length, dim, 1, rows_of);
            stack<K>(rows_of, length, dim, v);
            for (int64_t i = 0; i < length; i += ROWS) {
                int64_t rows = std::min(ROWS, length - i);
                product<K>(q + i * depth, depth, 1, keys, wide, depth, p, wide, rows, wide);
                softmax(p, rows, length, scale);
                join<K>(p, rows * wide, probability);
                product<K>(probability, wide / K::N, 1, v, dim, (length + K::N - 1) / K::N, o, dim, rows, dim);
                narrow(o, rows, dim, out + (first + i) * width + column, width);
            }
        }
    }
}

template <class T>
void attention_gradient(const T* qkv, const float* bias, const T* gradient, T* to, const int64_t* starts, int64_t texts,
                        int64_t heads, int64_t dim, float scale) {
    using K = Kind<T>;
    using Unit = typename K::Unit;
    int64_t width = heads * dim, stride = 3 * width, depth = dim / K::N;
    const std::vector<float> none(dim, 0.0f);
#pragma omp parallel
    {
        Scratch scratch;
#pragma omp for schedule(dynamic)
        for (int64_t job = 0; job < texts * heads; job++) {
            int64_t first = starts[job / heads], length = starts[job / heads + 1] - first, wide = up(length);
            int64_t column = job % heads * dim, deep = (length + K::N - 1) / K::N;
            const T* from = qkv + first * stride + column;
            T* into = to + first * stride + column;
            scratch.ask(8 * length * dim + 2 * dim * wide + (2 * length + 3 * ROWS) * wide + ROWS * dim);
            float *rows_of = scratch.take(length * dim), *o = scratch.take(ROWS * dim);
            float *p = scratch.take(ROWS * wide), *s = scratch.take(ROWS * wide);
            Unit *q = scratch.take<Unit>(length * dim), *g = scratch.take<Unit>(length * dim);
            Unit *k = scratch.take<Unit>(length * dim), *keys = scratch.take<Unit>(dim * wide);
            Unit *values = scratch.take<Unit>(dim * wide), *score = scratch.take<Unit>(ROWS * wide);
            // Of these, two rows are one: their products sum over the rows.
            Unit *q_stacked = scratch.take<Unit>(length * dim), *k_stacked = scratch.take<Unit>(length * dim);
            Unit *g_stacked = scratch.take<Unit>(length * dim), *p_stacked = scratch.take<Unit>(length * wide);
            Unit* s_stacked = scratch.take<Unit>(length * wide);
            widen(from, stride, bias + column, length, dim, 1, rows_of);
            join<K>(rows_of, length * dim, q);
            stack<K>(rows_of, length, dim, q_stacked);
            widen(from + width, stride, bias + width + column, length, dim, 1, rows_of);
            join<K>(rows_of, length * dim, k);
            transpose(k, length, depth, keys);
            stack<K>(rows_of, length, dim, k_stacked);
            widen(from + 2 * width, stride, bias + 2 * width + column, length, dim, 1, rows_of);
            join<K>(rows_of, length * dim, k);  // k is not needed again
            transpose(k, length, depth, values);
            widen(gradient + first * width + column, width, none.data(), length, dim, 1, rows_of);
            join<K>(rows_of, length * dim, g);
            stack<K>(rows_of, length, dim, g_stacked);
            for (int64_t i = 0; i < length; i += ROWS) {
                int64_t rows = std::min(ROWS, length - i);
                product<K>(q + i * depth, depth, 1, keys, wide, depth, p, wide, rows, wide);
                softmax(p, rows, length, scale);
                product<K>(g + i * depth, depth, 1, values, wide, depth, s, wide, rows, wide);
                for (int64_t r = 0; r < rows * wide; r += wide) {
                    floats along = {};
                    for (int64_t j = r; j < r + wide; j += LANES) along += load(p + j) * load(s + j);
                    floats mean = all(sum(along));
                    for (int64_t j = r; j < r + wide; j += LANES)
                        store(s + j, load(p + j) * (load(s + j) - mean) * scale);
                }
                stack<K>(p, rows, wide, p_stacked + i / K::N * wide);
                stack<K>(s, rows, wide, s_stacked + i / K::N * wide);
                join<K>(s, rows * wide, score);
                product<K>(score, wide / K::N, 1, k_stacked, dim, deep, o, dim, rows, dim);
                narrow(o, rows, dim, into + i * stride, stride);
            }
            for (int64_t j = 0; j < length; j += ROWS) {
                int64_t rows = std::min(ROWS, length - j);
                product<K>(s_stacked + j, 1, wide, q_stacked, dim, deep, o, dim, rows, dim);
                narrow(o, rows, dim, into + width + j * stride, stride);
                product<K>(p_stacked + j, 1, wide, g_stacked, dim, deep, o, dim, rows, dim);
                narrow(o, rows, dim, into + 2 * width + j * stride, stride);
            }
        }
    }
}

}  // namespace
