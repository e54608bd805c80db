// Decoding, one character at a time with a fast way through ASCII and through the two-byte codes of
// GB18030. An invalid sequence costs one byte (for UTF-8: its longest valid beginning), so that a
// delimiter or line end is never swallowed.
#include <string.h>

#include "base/assert.h"
#include "base/text_private.h"

static size_t invalid(uint32_t *out) {
    *out = TEXT_INVALID;
    return 1;
}

static size_t step_utf8(const uint8_t *at, size_t size, uint32_t *out) {
    uint8_t lead = at[0];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4) return invalid(out);
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    uint32_t c = lead & (need == 2 ? 0x1F : need == 3 ? 0x0F : 0x07);
    for (size_t i = 1; i < need; i++) {
        if (i == size) return 0;
        if (at[i] < low || at[i] > high) {
            *out = TEXT_INVALID;
            return i;
        }
        c = c << 6 | (at[i] & 0x3F);
        low = 0x80, high = 0xBF;
    }
    *out = c;
    return need;
}

static size_t step_utf16(const uint8_t *at, size_t size, bool big, uint32_t *out) {
    if (size < 2) return 0;
    uint32_t unit = big ? (uint32_t)at[0] << 8 | at[1] : (uint32_t)at[1] << 8 | at[0];
    *out = unit;
    if (unit < 0xD800 || unit > 0xDFFF) return 2;
    *out = TEXT_INVALID;
    if (unit >= 0xDC00) return 2;
    if (size < 4) return 0;
    uint32_t low = big ? (uint32_t)at[2] << 8 | at[3] : (uint32_t)at[3] << 8 | at[2];
    if (low < 0xDC00 || low > 0xDFFF) return 2;
    *out = 0x10000 + ((unit - 0xD800) << 10 | (low - 0xDC00));
    return 4;
}

// Two-byte codes that 2022 gives to ideographs of plane 2; the table marks them by the private-use
// character they had before.
static uint32_t gb_plane2(uint32_t c) {
    switch (c) {
    case 0xE816: return 0x20087;
    case 0xE817: return 0x20089;
    case 0xE818: return 0x200CC;
    case 0xE831: return 0x215D7;
    case 0xE83B: return 0x2298F;
    case 0xE855: return 0x241FE;
    default: return c;
    }
}

static uint32_t gb_four(uint32_t linear) {
    const uint32_t plane_1 = 189000; // 90 30 81 30
    if (linear >= plane_1) {
        return linear - plane_1 > 0xFFFFF ? TEXT_INVALID : 0x10000 + (linear - plane_1);
    }
    if (linear > 39419) return TEXT_INVALID; // 84 31 A4 39 is U+FFFF
    uint32_t low = 0, high = text_gb_run_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (text_gb_run_linear[middle] <= linear)
            low = middle;
        else
            high = middle;
    }
    return text_gb_run_character[low] + (linear - text_gb_run_linear[low]);
}

static size_t step_gb18030(const uint8_t *at, size_t size, uint32_t *out) {
    if (at[0] == 0x80) { // the euro of code page 936
        *out = 0x20AC;
        return 1;
    }
    if (at[0] == 0xFF) return invalid(out);
    if (size < 2) return 0;
    if (at[1] >= 0x40 && at[1] != 0x7F && at[1] != 0xFF) {
        uint32_t trail = at[1] - (at[1] < 0x7F ? 0x40u : 0x41u);
        *out = gb_plane2(text_gb_two[(at[0] - 0x81u) * 190 + trail]);
        return 2;
    }
    if (at[1] < 0x30 || at[1] > 0x39) return invalid(out);
    if (size < 3) return 0;
    if (at[2] < 0x81 || at[2] > 0xFE) return invalid(out);
    if (size < 4) return 0;
    if (at[3] < 0x30 || at[3] > 0x39) return invalid(out);
    uint32_t linear =
        (((at[0] - 0x81u) * 10 + (at[1] - 0x30u)) * 126 + (at[2] - 0x81u)) * 10 + (at[3] - 0x30u);
    *out = gb_four(linear);
    return *out == TEXT_INVALID ? 1 : 4;
}

static size_t step_big5(const uint8_t *at, size_t size, uint32_t *out, uint32_t *out_mark) {
    if (at[0] == 0x80 || at[0] == 0xFF) return invalid(out);
    if (size < 2) return 0;
    bool low = at[1] >= 0x40 && at[1] <= 0x7E;
    if (!low && (at[1] < 0xA1 || at[1] > 0xFE)) return invalid(out);
    uint32_t pointer = (at[0] - 0x81u) * 157 + at[1] - (low ? 0x40u : 0x62u);
    uint32_t c = text_big5_low[pointer];
    if (text_big5_plane2[pointer / 32] >> (pointer % 32) & 1) c |= 0x20000;
    if (c == TEXT_NONE && at[0] == 0x88) { // a letter with a mark that has no code of its own
        if (at[1] == 0x62 || at[1] == 0x64) c = 0xCA, *out_mark = at[1] == 0x62 ? 0x304 : 0x30C;
        if (at[1] == 0xA3 || at[1] == 0xA5) c = 0xEA, *out_mark = at[1] == 0xA3 ? 0x304 : 0x30C;
    }
    if (c == TEXT_NONE) return invalid(out);
    *out = c;
    return 2;
}

size_t text_step(enum encoding encoding, const uint8_t *at, size_t size, uint32_t *out,
                 uint32_t *out_mark) {
    *out_mark = 0;
    if (encoding == ENCODING_UTF16LE) return step_utf16(at, size, false, out);
    if (encoding == ENCODING_UTF16BE) return step_utf16(at, size, true, out);
    *out = at[0];
    if (at[0] < 0x80 || encoding == ENCODING_LATIN1) return 1;
    if (encoding == ENCODING_GB18030) return step_gb18030(at, size, out);
    if (encoding == ENCODING_BIG5) return step_big5(at, size, out, out_mark);
    return step_utf8(at, size, out);
}

void decoder_start(struct decoder *decoder, enum encoding encoding) {
    cy_assert(encoding > ENCODING_UNKNOWN && encoding < ENCODING_COUNT);
    *decoder = (struct decoder){.encoding = encoding};
}

// Puts what one step gave.
static size_t put(struct decoder *decoder, uint32_t c, uint32_t mark, uint64_t position,
                  char *out) {
    if (c == TEXT_INVALID) {
        if (decoder->invalid_count++ == 0) decoder->invalid_first = position;
        c = 0xFFFD;
    }
    bool first = !decoder->started;
    decoder->started = true;
    if (first && c == 0xFEFF) return 0; // the byte order mark
    if (first && c == 0xFFFE && decoder->encoding == ENCODING_UTF16LE) {
        decoder->encoding = ENCODING_UTF16BE; // a plain "utf-16" whose mark says the other order
        return 0;
    }
    size_t size = utf8_put(out, c);
    if (mark) size += utf8_put(out + size, mark);
    return size;
}

// Runs of ASCII go over 16 bytes at a time; *at moves behind them. UTF-16 has none.
static size_t copy_ascii(const uint8_t *in, size_t size, char *out) {
    size_t done = 0;
    while (size - done >= 16) {
        uint64_t a, b;
        memcpy(&a, in + done, 8);
        memcpy(&b, in + done + 8, 8);
        if ((a | b) & UINT64_C(0x8080808080808080)) break;
        memcpy(out + done, &a, 8);
        memcpy(out + done + 8, &b, 8);
        done += 16;
    }
    while (done < size && in[done] < 0x80) {
        out[done] = (char)in[done];
        done++;
    }
    return done;
}

// Consecutive two-byte codes of GB18030 that become three bytes of UTF-8: nearly all of Chinese.
static size_t copy_gb_pairs(const uint8_t *in, size_t size, char *out, size_t *out_size) {
    size_t done = 0, put_bytes = 0;
    while (size - done >= 2 && in[done] > 0x80 && in[done] < 0xFF && in[done + 1] >= 0x40 &&
           in[done + 1] != 0x7F && in[done + 1] != 0xFF) {
        uint32_t trail = in[done + 1] - (in[done + 1] < 0x7F ? 0x40u : 0x41u);
        uint32_t c = text_gb_two[(in[done] - 0x81u) * 190 + trail];
        if (c < 0x800 || (c >= 0xE816 && c <= 0xE855)) break;
        out[put_bytes] = (char)(0xE0 | c >> 12);
        out[put_bytes + 1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[put_bytes + 2] = (char)(0x80 | (c & 0x3F));
        put_bytes += 3;
        done += 2;
    }
    *out_size = put_bytes;
    return done;
}

// Finishes the sequence a piece before began. Returns how many bytes of `in` were used.
static size_t run_held(struct decoder *decoder, struct str in, bool last, char *out,
                       size_t *out_size) {
    size_t used = 0;
    while (decoder->held_size > 0) {
        uint8_t joined[4];
        size_t held = decoder->held_size, more = in.size - used;
        if (more > sizeof joined - held) more = sizeof joined - held;
        memcpy(joined, decoder->held, held);
        if (more) memcpy(joined + held, in.data + used, more);
        uint32_t c, mark;
        size_t size = text_step(decoder->encoding, joined, held + more, &c, &mark);
        if (size == 0 && !last) { // even all of `in` does not finish it
            memcpy(decoder->held, joined, held + more);
            decoder->held_size = (uint8_t)(held + more);
            return used + more;
        }
        if (size == 0) {
            size = decoder->encoding == ENCODING_GB18030 ? 1 : held + more;
            c = TEXT_INVALID;
        }
        *out_size += put(decoder, c, mark, decoder->bytes_in - held, out + *out_size);
        size_t from_held = size < held ? size : held;
        memmove(decoder->held, decoder->held + from_held, held - from_held);
        decoder->held_size = (uint8_t)(held - from_held);
        used += size - from_held;
        decoder->bytes_in += size - from_held;
    }
    return used;
}

size_t decoder_run(struct decoder *decoder, struct str in, bool last, char *out) {
    const uint64_t before = decoder->bytes_in;
    size_t out_size = 0;
    size_t done = run_held(decoder, in, last, out, &out_size);
    const uint8_t *bytes = (const uint8_t *)in.data;
    bool wide = decoder->encoding == ENCODING_UTF16LE || decoder->encoding == ENCODING_UTF16BE;
    while (done < in.size) {
        if (decoder->encoding == ENCODING_UTF8 && decoder->started) {
            struct str rest = {in.data + done, in.size - done};
            size_t valid = utf8_valid_prefix(rest);
            memcpy(out + out_size, rest.data, valid);
            done += valid, out_size += valid;
            if (done == in.size) break;
        }
        if (!wide && bytes[done] < 0x80) {
            size_t run = copy_ascii(bytes + done, in.size - done, out + out_size);
            done += run, out_size += run;
            decoder->started = true;
            continue;
        }
        if (decoder->encoding == ENCODING_GB18030 && decoder->started) {
            size_t run_out;
            size_t run = copy_gb_pairs(bytes + done, in.size - done, out + out_size, &run_out);
            done += run, out_size += run_out;
            if (run) continue;
        }
        uint32_t c, mark;
        size_t size = text_step(decoder->encoding, bytes + done, in.size - done, &c, &mark);
        if (size == 0 && !last) {
            decoder->held_size = (uint8_t)(in.size - done);
            memcpy(decoder->held, bytes + done, in.size - done);
            break;
        }
        if (size == 0) {
            size = decoder->encoding == ENCODING_GB18030 ? 1 : in.size - done;
            c = TEXT_INVALID;
        }
        out_size += put(decoder, c, mark, before + done, out + out_size);
        done += size;
    }
    decoder->bytes_in = before + in.size;
    return out_size;
}
