/* Interleaved range ANS: symbols under tables <-> bytes (FORMAT.md, sections 3 and 4).

   The whole of it is `turn`: up to one symbol a lane. A slot's entry is looked up from the table of every 256th slot, then
   found by walking on, which is rarely more than a step. Nothing branches on whether a word is read; behind the stream's
   end there are zeros to read, and what was read too much is noticed after the turn. */

#include "aezip.h"

#include <string.h>

#define LOW 65536u /* states are in LOW ... LOW * 2^16 - 1 */

static uint32_t u16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
	return u16(p) | u16(p + 2) << 16;
}

int aezip_make_tables(
	aezip_tables *tables, const uint8_t *radius, const uint8_t *frequency, size_t count, uint16_t *last, size_t room)
{
	if (room < 1)
		return AEZIP_NO_ROOM;
	*last++ = LOW - 1;
	room--;
	tables->last = last;
	size_t entry = 0;
	for (size_t t = 0; t < AEZIP_TABLES; t++) {
		uint32_t r = u32(radius + 4 * t), sum = 0, guess = 0;
		if (r < 1 || r > AEZIP_RADIUS_MAX || 2 * r + 2 > count - entry)
			return AEZIP_TABLES_DAMAGED;
		if (2 * r + 2 > room - entry)
			return AEZIP_NO_ROOM;
		tables->radius[t] = (uint16_t)r;
		tables->zero[t] = (uint32_t)entry + r;
		for (size_t end = entry + 2 * r + 2; entry < end; entry++) {
			uint32_t f = u32(frequency + 4 * entry);
			if (f < 1 || f > LOW - sum)
				return AEZIP_TABLES_DAMAGED;
			sum += f;
			last[entry] = (uint16_t)(sum - 1);
			for (; 256 * guess < sum; guess++)
				tables->guess[t][guess] = (uint16_t)entry;
		}
		if (sum != LOW)
			return AEZIP_TABLES_DAMAGED;
	}
	return entry == count ? AEZIP_OK : AEZIP_TABLES_DAMAGED;
}

int aezip_begin(aezip_decoder *d, const aezip_tables *tables, aezip_bytes stream)
{
	if (!stream.size || stream.data[0] > 8)
		return AEZIP_STREAM_HEAD;
	d->tables = tables;
	d->lanes = 1u << stream.data[0];
	size_t head = 1 + 4 * (size_t)d->lanes;
	if (stream.size < head || (stream.size - head) % 2)
		return AEZIP_STREAM_HEAD;
	for (size_t lane = 0; lane < d->lanes; lane++) {
		d->state[lane] = u32(stream.data + 1 + 4 * lane);
		if (d->state[lane] < LOW)
			return AEZIP_STREAM_HEAD;
	}
	d->words = stream.data + head;
	d->length = (stream.size - head) / 2;
	d->used = 0;
	return AEZIP_OK;
}

static uint32_t word_at(const aezip_decoder *d, size_t used)
{
	static const uint8_t none[2] = {0, 0};
	return u16(used < d->length ? d->words + 2 * used : none);
}

/* One symbol of each of the first n lanes, under tables that are below 64. */
static int turn(aezip_decoder *d, const uint8_t *index, int16_t *symbol, size_t n)
{
	const aezip_tables *tables = d->tables;
	uint8_t escaped[AEZIP_LANES];
	size_t escapes = 0, used = d->used;
	for (size_t lane = 0; lane < n; lane++) {
		uint32_t x = d->state[lane], slot = x & (LOW - 1);
		size_t t = index[lane];
		const uint16_t *entry = tables->last + tables->guess[t][slot >> 8];
		while (slot > *entry)
			entry++;
		uint32_t before = entry[-1];
		x = ((*entry - before) & (LOW - 1)) * (x >> 16) + slot - ((before + 1) & (LOW - 1));
		uint32_t word = word_at(d, used), low = x < LOW;
		d->state[lane] = low ? x << 16 | word : x;
		used += low;
		symbol[lane] = (int16_t)((entry - tables->last) - (ptrdiff_t)tables->zero[t]);
		escaped[escapes] = (uint8_t)lane;
		escapes += *entry == LOW - 1; /* the last entry of a table */
	}
	for (size_t i = 0; i < escapes; i++) {
		uint32_t x = d->state[escaped[i]], raw = x & (LOW - 1);
		int32_t value = raw < LOW / 2 ? (int32_t)raw : (int32_t)raw - (int32_t)LOW;
		if (value > AEZIP_SYMBOL_MAX || value < -AEZIP_SYMBOL_MAX)
			return AEZIP_STREAM_ESCAPE;
		symbol[escaped[i]] = (int16_t)value;
		d->state[escaped[i]] = x - raw + word_at(d, used++);
	}
	d->used = used;
	return used > d->length ? AEZIP_STREAM_SHORT : AEZIP_OK;
}

static int check_indices(const uint8_t *index, size_t count)
{
	uint8_t all = 0;
	for (size_t i = 0; i < count; i++)
		all |= index[i];
	return all < AEZIP_TABLES ? AEZIP_OK : AEZIP_INDEX_RANGE;
}

int aezip_take(aezip_decoder *d, const uint8_t *index, size_t count, int16_t *symbol)
{
	int error = check_indices(index, count);
	for (size_t at = 0; at < count && !error; at += d->lanes) {
		size_t left = count - at;
		error = turn(d, index + at, symbol + at, left < d->lanes ? left : d->lanes);
	}
	return error;
}

int aezip_finish(const aezip_decoder *d)
{
	if (d->used != d->length)
		return AEZIP_STREAM_LONG;
	for (size_t lane = 0; lane < d->lanes; lane++)
		if (d->state[lane] != LOW)
			return AEZIP_STREAM_STATES;
	return AEZIP_OK;
}

/* The encoder writes backwards, from the end of its room. */
typedef struct {
	uint8_t *first, *next;
	uint32_t state[AEZIP_LANES];
} encoder;

static void write_word(encoder *e, uint32_t word)
{
	*--e->next = (uint8_t)(word >> 8 & 255);
	*--e->next = (uint8_t)(word & 255);
}

/* Undoes `turn`. */
static int push(encoder *e, const aezip_tables *tables, const uint8_t *index, const int16_t *symbol, size_t n)
{
	if ((size_t)(e->next - e->first) < 4 * n)
		return AEZIP_NO_ROOM;
	const uint16_t *entry[AEZIP_LANES];
	for (size_t lane = n; lane-- > 0;) {
		int32_t value = symbol[lane], radius = tables->radius[index[lane]];
		if (value > radius || value < -radius) {
			if (value > AEZIP_SYMBOL_MAX || value < -AEZIP_SYMBOL_MAX)
				return AEZIP_SYMBOL_RANGE;
			write_word(e, e->state[lane] & (LOW - 1));
			e->state[lane] = (e->state[lane] & ~(LOW - 1)) | ((uint32_t)value & (LOW - 1));
			value = radius + 1;
		}
		entry[lane] = tables->last + tables->zero[index[lane]] + value;
	}
	for (size_t lane = n; lane-- > 0;) {
		uint32_t x = e->state[lane], before = entry[lane][-1], f = (*entry[lane] - before) & (LOW - 1);
		if (x >= f << 16) {
			write_word(e, x & (LOW - 1));
			x >>= 16;
		}
		e->state[lane] = (x / f << 16) + x % f + ((before + 1) & (LOW - 1));
	}
	return AEZIP_OK;
}

int aezip_encode(
	const aezip_tables *tables, const aezip_phase *phases, size_t count, unsigned lanes, uint8_t *stream, size_t *size)
{
	encoder e;
	size_t head = 1 + 4 * (size_t)lanes;
	if (lanes < 1 || lanes > AEZIP_LANES || (lanes & (lanes - 1)) || *size < head)
		return AEZIP_NO_ROOM;
	e.first = stream + head;
	e.next = stream + *size;
	for (size_t lane = 0; lane < lanes; lane++)
		e.state[lane] = LOW;
	while (count-- > 0) {
		const aezip_phase *phase = phases + count;
		int error = check_indices(phase->index, phase->count);
		size_t at = (phase->count + lanes - 1) / lanes * lanes;
		while (at > 0 && !error) {
			at -= lanes;
			size_t left = phase->count - at;
			error = push(&e, tables, phase->index + at, phase->symbol + at, left < lanes ? left : lanes);
		}
		if (error)
			return error;
	}
	stream[0] = 0;
	while (1u << stream[0] < lanes)
		stream[0]++;
	for (size_t lane = 0; lane < lanes; lane++)
		for (size_t byte = 0; byte < 4; byte++)
			stream[1 + 4 * lane + byte] = (uint8_t)(e.state[lane] >> 8 * byte & 255);
	size_t words = (size_t)(stream + *size - e.next);
	memmove(stream + head, e.next, words);
	*size = head + words;
	return AEZIP_OK;
}
