// CRC-32C (Castagnoli), the checksum of tables, records and pages: finds damage, proves nothing
// against malice. By the CPU's own instruction where it has one (SSE4.2: three streams at a time;
// ARMv8), by tables otherwise; both give the same value. Any thread, cannot fail.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The CRC of `data` that follows bytes whose CRC is `before` (0 at the start). The usual form with
// inverted start and end: crc32c(0, "123456789", 9) is 0xE3069283.
uint32_t crc32c(uint32_t before, const void *data, size_t size);
// The plain C path, whatever the CPU: the reference tests compare with.
uint32_t crc32c_reference(uint32_t before, const void *data, size_t size);
