#include "paths.h"

#include "amx.h"

#ifdef TRADEFOURS_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace {
// The processor is asked, not __builtin_cpu_supports: some of Clang's libraries answer no to everything.
#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
void ask(int leaf, unsigned* words) { __cpuidex(reinterpret_cast<int*>(words), leaf, 0); }
unsigned long long kept_states() { return _xgetbv(0); }
#else
void ask(int leaf, unsigned* words) { __get_cpuid_count(leaf, 0, words, words + 1, words + 2, words + 3); }
unsigned long long kept_states() {
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low | static_cast<unsigned long long>(high) << 32;
}
#endif
bool has(int leaf, int which, int bit) {
    unsigned words[4] = {};
    ask(leaf, words);
    return words[which] >> bit & 1;
}
bool system_keeps(unsigned long long states) { return has(1, 2, 27) && (kept_states() & states) == states; }
bool has_avx2() { return system_keeps(6) && has(7, 1, 5) && has(1, 2, 12); }
bool has_avx512() {  // foundation, doublewords, bytes and words, short vectors, VNNI
    return system_keeps(0xe6) && has(7, 1, 16) && has(7, 1, 17) && has(7, 1, 30) && has(7, 1, 31) && has(7, 2, 11);
}
#ifdef TRADEFOURS_AMX
// The system lends the tiles' memory to a process that asks for it.
bool has_amx() {
    constexpr int kRequest = 0x1023, kTiles = 18;  // ARCH_REQ_XCOMP_PERM, and the tiles' data among the states
    return has_avx512() && system_keeps(0x60000) && has(7, 3, 24) && has(7, 3, 25) &&
           syscall(SYS_arch_prctl, kRequest, kTiles) == 0;
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
#ifdef TRADEFOURS_AMX
    if (has_amx()) found.push_back(&amx_kernels);
#endif
    if (has_avx512()) found.push_back(&avx512_kernels);
    if (has_avx2()) found.push_back(&avx2_kernels);
#elif defined(__aarch64__)
    if (has_dotprod()) found.push_back(&neon_kernels);
#endif
    found.push_back(&plain_kernels);
    return found;
}
