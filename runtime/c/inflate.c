/* zlib streams (RFC 1950, RFC 1951) into a buffer of the very size that they inflate to. Says no where zlib does. */

#include "aezip.h"

#include <string.h>

enum { LITERALS = 288, DISTANCES = 30, LONGEST = 15, END_OF_BLOCK = 256 };

typedef struct {
	const uint8_t *in, *in_end;
	uint8_t *out, *out_start, *out_end;
	uint32_t held;   /* bits that were read, the next one the lowest */
	unsigned count;  /* of them, 7 at most between two calls */
	int failed;      /* there were no more */
} stream;

/* A Huffman code: how many symbols have a code of each length, and all symbols in the codes' order. */
typedef struct {
	uint16_t count[LONGEST + 1];
	uint16_t symbol[LITERALS];
} code;

/* The next n bits, 16 at most. */
static unsigned take(stream *s, unsigned n)
{
	while (s->count < n) {
		if (s->in == s->in_end) {
			s->failed = 1;
			return 0;
		}
		s->held |= (uint32_t)*s->in++ << s->count;
		s->count += 8;
	}
	unsigned bits = s->held & ((1u << n) - 1);
	s->held >>= n;
	s->count -= n;
	return bits;
}

/* The next symbol, or more than any code has. */
static unsigned take_symbol(stream *s, const code *c)
{
	unsigned found = 0, first = 0, index = 0;
	for (unsigned length = 1; length <= LONGEST; length++) {
		found |= take(s, 1);
		unsigned count = c->count[length];
		if (found < first + count)
			return c->symbol[index + found - first];
		index += count;
		first = (first + count) << 1;
		found <<= 1;
	}
	s->failed = 1;
	return LITERALS;
}

/* Make a code of its symbols' lengths, 0 for those that have none. Returns 0 if it is whole, 1 if it is empty or a single bit,
   which is as good for some, or -1. */
static int make_code(code *c, const uint8_t *length, unsigned symbols)
{
	uint16_t next[LONGEST + 1];
	unsigned used = 0;
	int left = 1;
	memset(c->count, 0, sizeof c->count);
	for (unsigned i = 0; i < symbols; i++)
		c->count[length[i]]++;
	c->count[0] = 0;
	for (unsigned n = 1; n <= LONGEST; n++) {
		left = 2 * left - c->count[n];
		if (left < 0)
			return -1;
		next[n] = (uint16_t)used;
		used += c->count[n];
	}
	for (unsigned i = 0; i < symbols; i++)
		if (length[i])
			c->symbol[next[length[i]]++] = (uint16_t)i;
	return left == 0 ? 0 : used == 0 || (used == 1 && c->count[1] == 1) ? 1 : -1;
}

static int copy_stored(stream *s)
{
	s->held = s->count = 0;
	if (s->in_end - s->in < 4)
		return 0;
	unsigned size = s->in[0] | (unsigned)s->in[1] << 8, check = s->in[2] | (unsigned)s->in[3] << 8;
	s->in += 4;
	if ((size ^ check) != 0xffff || (size_t)(s->in_end - s->in) < size || (size_t)(s->out_end - s->out) < size)
		return 0;
	memcpy(s->out, s->in, size);
	s->in += size;
	s->out += size;
	return 1;
}

static int copy_coded(stream *s, const code *literals, const code *distances)
{
	static const uint16_t length_base[29] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99,
		115, 131, 163, 195, 227, 258};
	static const uint8_t length_bits[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
	static const uint16_t distance_base[DISTANCES] = {1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
	for (;;) {
		unsigned symbol = take_symbol(s, literals);
		if (s->failed || symbol >= END_OF_BLOCK + 1 + sizeof length_bits)
			return 0;
		if (symbol == END_OF_BLOCK)
			return 1;
		if (symbol < END_OF_BLOCK) {
			if (s->out == s->out_end)
				return 0;
			*s->out++ = (uint8_t)symbol;
			continue;
		}
		symbol -= END_OF_BLOCK + 1;
		size_t length = length_base[symbol] + take(s, length_bits[symbol]);
		unsigned place = take_symbol(s, distances);
		if (s->failed || place >= DISTANCES)
			return 0;
		size_t distance = distance_base[place] + take(s, place < 4 ? 0 : place / 2 - 1);
		if (s->failed || distance > (size_t)(s->out - s->out_start) || length > (size_t)(s->out_end - s->out))
			return 0;
		for (; length; length--, s->out++)
			*s->out = s->out[-(ptrdiff_t)distance];
	}
}

static int copy_fixed(stream *s)
{
	uint8_t length[LITERALS];
	code literals, distances;
	memset(length, 8, LITERALS);
	memset(length + 144, 9, 112);
	memset(length + 256, 7, 24);
	make_code(&literals, length, LITERALS);
	memset(length, 5, DISTANCES);
	make_code(&distances, length, DISTANCES);
	return copy_coded(s, &literals, &distances);
}

static int copy_dynamic(stream *s)
{
	static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint8_t length[LITERALS + 32] = {0};
	code literals, distances;
	unsigned literal_count = 257 + take(s, 5), distance_count = 1 + take(s, 5), count = 4 + take(s, 4);
	if (literal_count > 286 || distance_count > DISTANCES)
		return 0;
	for (unsigned i = 0; i < count; i++)
		length[order[i]] = (uint8_t)take(s, 3);
	if (s->failed || make_code(&literals, length, 19) != 0)
		return 0;
	for (unsigned i = 0; i < literal_count + distance_count;) {
		unsigned symbol = take_symbol(s, &literals), times = 1;
		uint8_t value = (uint8_t)symbol;
		if (s->failed || (symbol == 16 && i == 0))
			return 0;
		if (symbol >= 16) {
			value = symbol == 16 ? length[i - 1] : 0;
			times = symbol == 16 ? 3 + take(s, 2) : symbol == 17 ? 3 + take(s, 3) : 11 + take(s, 7);
		}
		if (s->failed || times > literal_count + distance_count - i)
			return 0;
		memset(length + i, value, times);
		i += times;
	}
	return length[END_OF_BLOCK] && make_code(&literals, length, literal_count) >= 0 &&
		make_code(&distances, length + literal_count, distance_count) >= 0 && copy_coded(s, &literals, &distances);
}

static uint32_t adler32(const uint8_t *data, size_t size)
{
	uint32_t a = 1, b = 0;
	while (size) {
		size_t part = size < 5552 ? size : 5552; /* no sum passes 2^32 */
		for (size -= part; part; part--) {
			a += *data++;
			b += a;
		}
		a %= 65521;
		b %= 65521;
	}
	return b << 16 | a;
}

int aezip_inflate(aezip_bytes zlib, uint8_t *out, size_t size)
{
	const uint8_t *in = zlib.data;
	if (zlib.size < 6 || (in[0] & 15) != 8 || in[0] >> 4 > 7 || in[1] & 32 || (in[0] << 8 | in[1]) % 31 != 0)
		return AEZIP_INFLATE_DAMAGED;
	stream s = {in + 2, in + zlib.size, out, out, out + size, 0, 0, 0};
	for (unsigned last = 0; !last;) {
		last = take(&s, 1);
		unsigned kind = take(&s, 2);
		int good = !s.failed && kind < 3;
		good = good && (kind == 0 ? copy_stored(&s) : kind == 1 ? copy_fixed(&s) : copy_dynamic(&s));
		if (!good)
			return AEZIP_INFLATE_DAMAGED;
	}
	if (s.out != s.out_end || s.in_end - s.in != 4)
		return AEZIP_INFLATE_DAMAGED;
	uint32_t sum = (uint32_t)s.in[0] << 24 | (uint32_t)s.in[1] << 16 | (uint32_t)s.in[2] << 8 | s.in[3];
	return sum == adler32(out, size) ? AEZIP_OK : AEZIP_INFLATE_DAMAGED;
}
