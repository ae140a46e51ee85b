// Whether AMX can be compiled at all: with Linux, which lends the tiles on request, and a compiler that knows them.
#pragma once
#if defined(__linux__) && defined(__x86_64__) && defined(__has_include)
#if __has_include(<amxint8intrin.h>)
#define TRADEFOURS_AMX
#endif
#endif
