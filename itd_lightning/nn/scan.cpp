// The selective scan of mamba.py, compiled. Axes: B rows, L steps, D channels, N states.
//
// Lanes run over channels, so any N is as good as another. A row is one thread's work from first to last step:
// the same sums in the same order for any number of threads.

#include <torch/extension.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

namespace {

// exp for x <= 0, to one or two units in the last place, in a form that compilers turn into vector code without
// -ffast-math: 2^k by the exponent's bits, times a Taylor polynomial on [-ln 2 / 2, ln 2 / 2].
template <typename T>
inline T decay_of(T x) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr int mantissa = std::numeric_limits<T>::digits - 1;
  constexpr int degree = sizeof(T) == 4 ? 7 : 13;
  constexpr T lowest = sizeof(T) == 4 ? T(-87) : T(-708);  // below, 2^k would leave the normal numbers
  constexpr T round = T(3) * T(Bits(1) << (mantissa - 1));  // adding it leaves k in the last bits
  // The first part of ln 2 has so few digits that k times it is exact.
  constexpr T ln2_high = sizeof(T) == 4 ? T(0x1.62e4p-1) : T(0x1.62e42fee00000p-1);
  constexpr T ln2_low = sizeof(T) == 4 ? T(0x1.7f7d1cp-20) : T(0x1.a39ef35793c76p-33);
  x = x < lowest ? lowest : x;
  const T shifted = x * T(1.4426950408889634) + round;
  const T k = shifted - round;
  const T rest = (x - k * ln2_high) - k * ln2_low;
  T sum = T(1);
#pragma GCC unroll 16
  for (int i = degree; i > 0; --i) sum = T(1) + sum * rest * (T(1) / T(i));
  Bits bits;
  std::memcpy(&bits, &shifted, sizeof(T));
  const T one = T(1);
  Bits exponent;
  std::memcpy(&exponent, &one, sizeof(T));
  bits = (bits << mantissa) + exponent;
  T power;
  std::memcpy(&power, &bits, sizeof(T));
  return sum * power;
}

// h = exp(dt A) h' + dt u B, and exp(dt A), which the way back needs again.
template <typename T>
inline void step(const T* u, const T* dt, const T* a, const T* b, const T* before, T* h, T* decay, int64_t D,
                 int64_t N) {
  for (int64_t n = 0; n < N; ++n) {
    const T b_n = b[n];
#pragma omp simd
    for (int64_t d = 0; d < D; ++d) {
      const int64_t i = n * D + d;
      const T e = decay_of(dt[d] * a[i]);
      decay[i] = e;
      h[i] = e * before[i] + dt[d] * u[d] * b_n;
    }
  }
}

template <typename T>
void forward_row(const T* u, const T* dt, const T* a, const T* b, const T* c, T* y, T* kept, int64_t L,
                 int64_t D, int64_t N, int64_t every) {
  std::vector<T> h(N * D, T(0)), decay(N * D);
  for (int64_t t = 0; t < L; ++t, u += D, dt += D, b += N, c += N, y += D) {
    if (t % every == 0) std::memcpy(kept + t / every * N * D, h.data(), N * D * sizeof(T));
    step(u, dt, a, b, h.data(), h.data(), decay.data(), D, N);
    std::memset(y, 0, D * sizeof(T));
    for (int64_t n = 0; n < N; ++n) {
      const T c_n = c[n], *h_n = h.data() + n * D;
#pragma omp simd
      for (int64_t d = 0; d < D; ++d) y[d] += c_n * h_n[d];
    }
  }
}

// One step back: g enters as the gradient that reaches h_t from later steps, and leaves as what reaches h_{t-1}.
template <typename T>
inline void step_back(const T* grad, const T* u, const T* dt, const T* a, const T* b, const T* c, const T* before,
                      const T* h, const T* decay, T* g, T* du, T* ddt, T* da, T* db, T* dc, int64_t D,
                      int64_t N) {
  std::memset(du, 0, D * sizeof(T));
  std::memset(ddt, 0, D * sizeof(T));
  for (int64_t n = 0; n < N; ++n) {
    const T b_n = b[n], c_n = c[n];
    T db_n = T(0), dc_n = T(0);
#pragma omp simd reduction(+ : db_n, dc_n)
    for (int64_t d = 0; d < D; ++d) {
      const int64_t i = n * D + d;
      dc_n += grad[d] * h[i];
      const T g_h = g[i] + grad[d] * c_n;
      du[d] += g_h * b_n;
      db_n += g_h * dt[d] * u[d];
      const T back = g_h * decay[i], rate = back * before[i];
      g[i] = back;
      da[i] += rate * dt[d];
      ddt[d] += rate * a[i];
    }
    db[n] = db_n;
    dc[n] = dc_n;
  }
#pragma omp simd
  for (int64_t d = 0; d < D; ++d) {
    ddt[d] += du[d] * u[d];
    du[d] *= dt[d];
  }
}

template <typename T>
void backward_row(const T* grad, const T* u, const T* dt, const T* a, const T* b, const T* c, const T* kept,
                  T* du, T* ddt, T* da, T* db, T* dc, int64_t L, int64_t D, int64_t N, int64_t every) {
  const int64_t size = N * D;
  std::vector<T> g(size, T(0)), states((every + 1) * size), decays(every * size);
  for (int64_t block = (L + every - 1) / every - 1; block >= 0; --block) {
    const int64_t start = block * every, stop = std::min(start + every, L);
    std::memcpy(states.data(), kept + block * size, size * sizeof(T));
    for (int64_t t = start; t < stop; ++t) {
      T* before = states.data() + (t - start) * size;
      step(u + t * D, dt + t * D, a, b + t * N, before, before + size, decays.data() + (t - start) * size, D, N);
    }
    for (int64_t t = stop - 1; t >= start; --t) {
      const T* before = states.data() + (t - start) * size;
      step_back(grad + t * D, u + t * D, dt + t * D, a, b + t * N, c + t * N, before, before + size,
                decays.data() + (t - start) * size, g.data(), du + t * D, ddt + t * D, da, db + t * N,
                dc + t * N, D, N);
    }
  }
}

// A wrong shape would read past the end.
void check(const at::Tensor& u, const at::Tensor& dt, const at::Tensor& a, const at::Tensor& b,
           const at::Tensor& c) {
  TORCH_CHECK(u.dim() == 3 && a.dim() == 2 && dt.sizes() == u.sizes() && a.size(1) == u.size(2) &&
                  b.sizes() == at::IntArrayRef({u.size(0), u.size(1), a.size(0)}) && c.sizes() == b.sizes(),
              "u and dt must be (B, L, D), a (N, D), b and c (B, L, N)");
  for (const at::Tensor& part : {u, dt, a, b, c})
    TORCH_CHECK(part.is_contiguous() && part.device().is_cpu() && part.scalar_type() == u.scalar_type(),
                "all parts must be contiguous, on the CPU and of one dtype");
}

}  // namespace

// u, dt (B, L, D), a (N, D), b, c (B, L, N), all contiguous and of one dtype; returns y and every so many states.
std::vector<at::Tensor> forward(const at::Tensor& u, const at::Tensor& dt, const at::Tensor& a,
                                const at::Tensor& b, const at::Tensor& c, int64_t every) {
  check(u, dt, a, b, c);
  const int64_t B = u.size(0), L = u.size(1), D = u.size(2), N = a.size(0), blocks = (L + every - 1) / every;
  at::Tensor y = at::empty_like(u), kept = at::empty({B, blocks, N, D}, u.options());
  AT_DISPATCH_FLOATING_TYPES(u.scalar_type(), "selective_scan", [&] {
    using T = scalar_t;
    at::parallel_for(0, B, 1, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r)
        forward_row(u.const_data_ptr<T>() + r * L * D, dt.const_data_ptr<T>() + r * L * D, a.const_data_ptr<T>(),
                    b.const_data_ptr<T>() + r * L * N, c.const_data_ptr<T>() + r * L * N,
                    y.mutable_data_ptr<T>() + r * L * D, kept.mutable_data_ptr<T>() + r * blocks * N * D, L, D, N,
                    every);
    });
  });
  return {y, kept};
}

// Gradients of u, dt, a, b, c.
std::vector<at::Tensor> backward(const at::Tensor& grad, const at::Tensor& u, const at::Tensor& dt,
                                 const at::Tensor& a, const at::Tensor& b, const at::Tensor& c,
                                 const at::Tensor& kept, int64_t every) {
  check(u, dt, a, b, c);
  TORCH_CHECK(grad.sizes() == u.sizes() && grad.is_contiguous(), "the gradient must be like u");
  const int64_t B = u.size(0), L = u.size(1), D = u.size(2), N = a.size(0), blocks = kept.size(1);
  at::Tensor du = at::empty_like(u), ddt = at::empty_like(u), da = at::zeros({B, N, D}, u.options());
  at::Tensor db = at::empty_like(b), dc = at::empty_like(c);
  AT_DISPATCH_FLOATING_TYPES(u.scalar_type(), "selective_scan_backward", [&] {
    using T = scalar_t;
    at::parallel_for(0, B, 1, [&](int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r)
        backward_row(grad.const_data_ptr<T>() + r * L * D, u.const_data_ptr<T>() + r * L * D,
                     dt.const_data_ptr<T>() + r * L * D, a.const_data_ptr<T>(), b.const_data_ptr<T>() + r * L * N,
                     c.const_data_ptr<T>() + r * L * N, kept.const_data_ptr<T>() + r * blocks * N * D,
                     du.mutable_data_ptr<T>() + r * L * D, ddt.mutable_data_ptr<T>() + r * L * D,
                     da.mutable_data_ptr<T>() + r * N * D, db.mutable_data_ptr<T>() + r * L * N,
                     dc.mutable_data_ptr<T>() + r * L * N, L, D, N, every);
    });
  });
  return {du, ddt, da.sum(0), db, dc};
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("forward", &forward);
  m.def("backward", &backward);
}
