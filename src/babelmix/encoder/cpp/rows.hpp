// What happens to each row by itself: bias with GELU, bias with residual and layer norm, means, and their gradients.
#pragma once

#include <omp.h>
#include <vector>

#include "lanes.hpp"

namespace {

// Runs work(begin, end, partial) on a block of rows in each thread and adds the partial sums of the blocks to `sums`.
template <class Work>
void over_rows(int64_t rows, int64_t width, float* sums, Work work) {
    std::vector<float> partial(omp_get_max_threads() * width, 0.0f);
    int64_t blocks = 1;
#pragma omp parallel
    {
        int64_t here = omp_get_thread_num(), count = omp_get_num_threads();
        if (here == 0) blocks = count;
        work(rows * here / count, rows * (here + 1) / count, partial.data() + here * width);
    }
    for (int64_t block = 0; block < blocks; block++)
        for (int64_t i = 0; i < width; i++) sums[i] += partial[block * width + i];
}

template <class T>
void gelu(const T* x, const float* bias, T* out, int64_t rows, int64_t width) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < width; c += LANES) {
            floats in = load(x + row * width + c) + load(bias + c), below, density;
            normal(in, below, density);
            store(out + row * width + c, in * below);
        }
}

// The gradient of x + bias goes to `to`, that of the bias is added to `bias_gradient`, GELU itself goes to `out`.
template <class T>
void gelu_gradient(const T* x, const float* bias, const T* gradient, T* to, T* out, float* bias_gradient, int64_t rows,
                   int64_t width) {
    over_rows(rows, width, bias_gradient, [=](int64_t begin, int64_t end, float* partial) {
        for (int64_t row = begin; row < end; row++)
            for (int64_t c = 0; c < width; c += LANES) {
                floats in = load(x + row * width + c) + load(bias + c), below, density;
                normal(in, below, density);
                floats found = load(gradient + row * width + c) * (below + in * density);
                store(to + row * width + c, found);
                store(out + row * width + c, in * below);
                store(partial + c, load(partial + c) + found);
            }
    });
}

// out = norm(x + bias + residual) * gain + shift. Kept for the gradient, if asked for: the normalised rows and 1 / their
// standard deviation.
template <class T>
void norm(const T* x, const float* bias, const T* residual, const float* gain, const float* shift, float epsilon, T* out,
          T* normalised, float* inverse, int64_t rows, int64_t width) {
#pragma omp parallel
    {
        std::vector<float> row_of(width);
        float* row = row_of.data();
#pragma omp for schedule(static)
        for (int64_t r = 0; r < rows; r++) {
            floats total = {}, squares = {};
            for (int64_t c = 0; c < width; c += LANES) {
                floats in = load(x + r * width + c) + load(bias + c) + load(residual + r * width + c);
                store(row + c, in);
                total += in;
            }
            floats mean = all(sum(total) / width);
            for (int64_t c = 0; c < width; c += LANES) {
                floats apart = load(row + c) - mean;
                squares += apart * apart;
            }
            float scale = 1 / std::sqrt(sum(squares) / width + epsilon);
            if (inverse) inverse[r] = scale;
            for (int64_t c = 0; c < width; c += LANES) {
                floats found = (load(row + c) - mean) * scale;
                if (normalised) store(normalised + r * width + c, found);
                store(out + r * width + c, found * load(gain + c) + load(shift + c));
            }
        }
    }
}

// The gradient of x, bias and residual (one and the same for each row) goes to `to`. `sums` [3, width] gets those of
// bias, gain and shift added. The gradient of the result is the sum of one or two parts; the second may be null.
template <class T>
void norm_gradient(const T* first, const T* second, const T* normalised, const float* inverse, const float* gain, T* to,
                   float* sums, int64_t rows, int64_t width) {
    over_rows(rows, 3 * width, sums, [=](int64_t begin, int64_t end, float* partial) {
        std::vector<float> row_of(width);
        float* row = row_of.data();
        for (int64_t r = begin; r < end; r++) {
            floats total = {}, along = {};
            for (int64_t c = 0; c < width; c += LANES) {
                floats g = load(first + r * width + c), n = load(normalised + r * width + c);
                if (second) g += load(second + r * width + c);
                store(partial + width + c, load(partial + width + c) + g * n);
                store(partial + 2 * width + c, load(partial + 2 * width + c) + g);
                g *= load(gain + c);
                store(row + c, g);
                total += g;
                along += g * n;
            }
            floats mean = all(sum(total) / width), share = all(sum(along) / width);
            for (int64_t c = 0; c < width; c += LANES) {
                floats n = load(normalised + r * width + c);
                floats found = (load(row + c) - mean - n * share) * inverse[r];
                store(to + r * width + c, found);
                store(partial + c, load(partial + c) + found);
            }
        }
    });
}

// The mean of each text's rows.
template <class T>
void mean(const T* x, float* out, const int64_t* starts, int64_t texts, int64_t width) {
#pragma omp parallel for schedule(static)
    for (int64_t text = 0; text < texts; text++) {
        float* to = out + text * width;
        std::fill(to, to + width, 0.0f);
        for (int64_t r = starts[text]; r < starts[text + 1]; r++)
            for (int64_t c = 0; c < width; c += LANES) store(to + c, load(to + c) + load(x + r * width + c));
        for (int64_t c = 0; c < width; c++) to[c] /= starts[text + 1] - starts[text];
    }
}

template <class T>
void add_rows(const T* x, float* sums, int64_t rows, int64_t width) {
    over_rows(rows, width, sums, [=](int64_t begin, int64_t end, float* partial) {
        for (int64_t r = begin; r < end; r++)
            for (int64_t c = 0; c < width; c += LANES) store(partial + c, load(partial + c) + load(x + r * width + c));
    });
}

}  // namespace
