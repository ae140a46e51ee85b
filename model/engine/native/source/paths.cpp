#include "paths.h"

#if defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace {
#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER) && !defined(__clang__)
bool has(int leaf, int which, int bit) {
    int words[4];
    __cpuidex(words, leaf, 0);
    return words[which] >> bit & 1;
}
bool system_keeps(unsigned long long state) { return has(1, 2, 27) && (_xgetbv(0) & state) == state; }
bool has_avx2() { return system_keeps(6) && has(7, 1, 5) && has(1, 2, 12); }
bool has_avx512() { return system_keeps(0xe6) && has(7, 1, 16) && has(7, 1, 17) && has(7, 1, 30) && has(7, 2, 11); }
#else
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif
#elif defined(__aarch64__) && defined(__linux__)
bool has_dotprod() { return getauxval(AT_HWCAP) >> 20 & 1; }  // HWCAP_ASIMDDP
#elif defined(__aarch64__)
bool has_dotprod() { return true; }  // every Apple M
#endif
}  // namespace

std::vector<const Kernels*> paths() {
    std::vector<const Kernels*> found;
#if defined(__x86_64__) || defined(_M_X64)
    if (has_avx512()) found.push_back(&avx512_kernels);
    if (has_avx2()) found.push_back(&avx2_kernels);
#elif defined(__aarch64__)
    if (has_dotprod()) found.push_back(&neon_kernels);
#endif
    found.push_back(&plain_kernels);
    return found;
}
