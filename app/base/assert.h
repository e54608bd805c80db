// Assertions: for what we can prove, on in release builds. Never for input, disk, memory or
// network: those are errors. cy_slow_assert is for O(n) checks and is compiled into tests only
// (COURTYARD_SLOW_ASSERT). A failed assertion prints file:line and aborts.
#pragma once

_Noreturn void cy_assert_failed(const char *file, int line, const char *what);

#define cy_assert(condition) \
    ((condition) ? (void)0 : cy_assert_failed(__FILE__, __LINE__, #condition))

#ifdef COURTYARD_SLOW_ASSERT
#define cy_slow_assert(condition) cy_assert(condition)
#else
#define cy_slow_assert(condition) ((void)sizeof(condition))
#endif
