/* Exact pixels, of a whole file or as patches (FORMAT.md, section 9). */

#include "aezip.h"

#include <string.h>

#define BAND_BYTES 4194304u /* of a band's rows, without predictions */
enum { PALETTE = 1, GREEN = 2 }; /* flags */
enum { LEFT = 1, UP = 2 };       /* bits of a prediction */
enum { DEEP_ALPHA = 2 };         /* a kind of alpha */

static uint32_t u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t rows_of_next(const aezip_exact *e)
{
	uint64_t left = e->height - e->top;
	return left < e->rows ? (uint32_t)left : e->rows;
}

/* Head, palette, and the lengths of all bands. */
static int open_exact(aezip_exact *e, aezip_bytes data, uint32_t width, uint64_t height, uint8_t channels, uint8_t depth)
{
	memset(e, 0, sizeof *e);
	if (data.size < 2)
		return AEZIP_EXACT_DAMAGED;
	uint8_t bits = data.data[0], flags = data.data[1];
	int single = channels == 1 || flags & PALETTE;
	int known = depth > 8 ? bits == 16 && !(flags & PALETTE) : bits == 1 || bits == 2 || bits == 4 || bits == 8;
	if (!known || flags > (PALETTE | GREEN) || (bits < 8 && !single) ||
		(flags & GREEN && single))
		return AEZIP_EXACT_DAMAGED;
	e->width = width;
	e->height = height;
	e->channels = channels;
	e->bits = bits;
	e->depth = depth;
	e->samples = single ? 1 : channels;
	e->green = (flags & GREEN) != 0;
	size_t at = 2;
	if (flags & PALETTE) {
		e->colours = (uint16_t)(data.size > at ? data.data[at] + 1 : 0);
		e->palette = data.data + ++at;
		if (!e->colours || e->colours > 1u << bits || data.size - at < (size_t)e->colours * channels)
			return AEZIP_EXACT_DAMAGED;
		at += (size_t)e->colours * channels;
	}
	e->row = (uint32_t)(((uint64_t)width * e->samples * bits + 7) / 8);
	e->rows = e->row > BAND_BYTES ? 1 : BAND_BYTES / e->row;
	uint64_t count = (height + e->rows - 1) / e->rows;
	if (count > (data.size - at) / 4)
		return AEZIP_EXACT_DAMAGED;
	e->length = data.data + at;
	e->band = e->length + 4 * (size_t)count;
	uint64_t sum = at + 4 * count;
	for (size_t i = 0; i < count; i++)
		sum += u32(e->length + 4 * i);
	return sum == data.size ? AEZIP_OK : AEZIP_EXACT_DAMAGED;
}

int aezip_open_exact(aezip_exact *exact, const aezip_file *file)
{
	return open_exact(exact, file->pixels, file->header.width, file->header.height, file->header.channels, file->depth);
}

int aezip_open_deep_alpha(aezip_exact *exact, const aezip_file *file, aezip_bytes alpha)
{
	if (file->depth <= 8 || !alpha.size || alpha.data[0] != DEEP_ALPHA)
		return AEZIP_EXACT_DAMAGED;
	aezip_bytes body = {alpha.data + 1, alpha.size - 1};
	return open_exact(exact, body, file->header.width, file->header.height, 1, file->depth);
}

size_t aezip_band_size(const aezip_exact *exact)
{
	return (size_t)(exact->height < exact->rows ? exact->height : exact->rows) * ((size_t)exact->row + 1);
}

int aezip_next_band(aezip_exact *exact, aezip_band *band)
{
	if (exact->top >= exact->height)
		return 0;
	band->top = exact->top;
	band->rows = rows_of_next(exact);
	band->size = (size_t)band->rows * ((size_t)exact->row + 1);
	band->zlib.data = exact->band;
	band->zlib.size = u32(exact->length);
	exact->length += 4;
	exact->band += band->zlib.size;
	exact->top += band->rows;
	return 1;
}

int aezip_read_band(const aezip_exact *exact, const aezip_band *band, uint8_t *bytes)
{
	int error = aezip_inflate(band->zlib, bytes, band->size);
	return error ? error : aezip_undo_predictions(exact, band, bytes);
}

/* The number of 16 bits whose bytes stand apart, high and low, in a row of so many. */
static uint16_t apart(const uint8_t *row, size_t i, size_t count)
{
	return (uint16_t)(row[i] << 8 | row[count + i]);
}

/* A row of 16 bits: folded differences become samples, in place. above: NULL, or the row above. */
static void undo_deep(const aezip_exact *exact, uint8_t prediction, const uint8_t *above, uint8_t *row)
{
	size_t count = exact->row / 2;
	uint16_t left[3] = {0, 0, 0};
	for (size_t i = 0, place = 0; i < count; i++, place = place + 1 < exact->samples ? place + 1 : 0) {
		uint16_t folded = apart(row, i, count);
		uint16_t sum = (uint16_t)(folded & 1 ? 65535 - folded / 2 : folded / 2);
		if (prediction & LEFT)
			sum = left[place] = (uint16_t)(sum + left[place]);
		if (prediction & UP && above)
			sum = (uint16_t)(sum + apart(above, i, count));
		row[i] = (uint8_t)(sum >> 8);
		row[count + i] = (uint8_t)sum;
	}
}

int aezip_undo_predictions(const aezip_exact *exact, const aezip_band *band, uint8_t *bytes)
{
	const uint8_t *above = NULL;
	for (uint32_t r = 0; r < band->rows; r++) {
		uint8_t prediction = *bytes++;
		if (prediction > (LEFT | UP))
			return AEZIP_EXACT_DAMAGED;
		if (exact->bits == 16)
			undo_deep(exact, prediction, above, bytes);
		if (exact->bits < 16 && prediction & LEFT)
			for (size_t i = exact->samples; i < exact->row; i++)
				bytes[i] = (uint8_t)(bytes[i] + bytes[i - exact->samples]);
		if (exact->bits < 16 && prediction & UP && above)
			for (size_t i = 0; i < exact->row; i++)
				bytes[i] = (uint8_t)(bytes[i] + above[i]);
		above = bytes;
		bytes += exact->row;
	}
	return AEZIP_OK;
}

static void add_green(uint8_t *pixels, size_t width)
{
	for (; width; width--, pixels += 3) {
		pixels[0] = (uint8_t)(pixels[0] + pixels[1]);
		pixels[2] = (uint8_t)(pixels[2] + pixels[1]);
	}
}

/* The sample i of a row of 16 bits, with its green, or 65536 if it is too large. */
static uint32_t deep_sample(const aezip_exact *exact, const uint8_t *row, size_t i)
{
	size_t count = exact->row / 2;
	uint16_t sample = apart(row, i, count);
	if (exact->green && i % 3 != 1)
		sample = (uint16_t)(sample + apart(row, i - i % 3 + 1, count));
	return sample >> exact->depth ? 65536u : sample;
}

int aezip_read_deep_row(const aezip_exact *exact, const uint8_t *bytes, uint32_t row, uint16_t *samples)
{
	const uint8_t *from = bytes + row * ((size_t)exact->row + 1) + 1;
	for (size_t i = 0; i < exact->row / 2; i++) {
		uint32_t sample = deep_sample(exact, from, i);
		if (sample > 65535)
			return AEZIP_EXACT_DAMAGED;
		samples[i] = (uint16_t)sample;
	}
	return AEZIP_OK;
}

uint16_t aezip_sample_of(float level, unsigned depth)
{
	float fine = 256 * level;
	uint32_t whole = fine > 65280 ? 65280 : fine > 0 ? (uint32_t)fine : 0; /* also of what is no number */
	float rest = fine > 0 && fine < 65280 ? fine - (float)whole : 0;
	if (rest > 0.5f || (rest == 0.5f && whole & 1))
		whole++;
	return (uint16_t)((whole * ((1u << depth) - 1) + 32640) / 65280);
}

int aezip_read_row(const aezip_exact *exact, const uint8_t *bytes, uint32_t row, uint8_t *pixels)
{
	const uint8_t *from = bytes + row * ((size_t)exact->row + 1) + 1;
	if (exact->bits == 16) {
		uint32_t most = (1u << exact->depth) - 1;
		for (size_t i = 0; i < exact->row / 2; i++) {
			uint32_t sample = deep_sample(exact, from, i);
			if (sample > 65535)
				return AEZIP_EXACT_DAMAGED;
			pixels[i] = (uint8_t)((sample * 255 + most / 2) / most);
		}
		return AEZIP_OK;
	}
	if (exact->bits == 8 && !exact->colours) {
		memcpy(pixels, from, exact->row);
		if (exact->green)
			add_green(pixels, exact->width);
		return AEZIP_OK;
	}
	unsigned top = (1u << exact->bits) - 1, each = 8u / exact->bits;
	for (uint32_t x = 0; x < exact->width; x++) {
		unsigned sample = (unsigned)from[x / each] >> (8u - exact->bits - x % each * exact->bits) & top;
		if (!exact->colours) {
			*pixels++ = (uint8_t)(255 / top * sample);
			continue;
		}
		if (sample >= exact->colours)
			return AEZIP_EXACT_DAMAGED;
		memcpy(pixels, exact->palette + sample * exact->channels, exact->channels);
		pixels += exact->channels;
	}
	return AEZIP_OK;
}

static uint32_t columns_of(uint32_t width)
{
	return (width + AEZIP_CELL - 1) / AEZIP_CELL;
}

static uint64_t cells_of(const aezip_header *h)
{
	return (uint64_t)columns_of(h->width) * columns_of(h->height);
}

static int is_marked(const uint8_t *bitmap, uint64_t cell)
{
	return bitmap[cell / 8] >> (7 - cell % 8) & 1;
}

size_t aezip_bitmap_size(const aezip_file *file)
{
	return (size_t)((cells_of(&file->header) + 7) / 8);
}

int aezip_open_patches(aezip_patches *patches, const aezip_file *file, uint8_t *bitmap)
{
	uint64_t count = cells_of(&file->header);
	size_t size = aezip_bitmap_size(file);
	aezip_bytes which = {NULL, 0}, body = file->patches;
	memset(patches, 0, sizeof *patches);
	if (body.size < 4 || u32(body.data) > body.size - 4)
		return AEZIP_PATCHES_DAMAGED;
	which.data = body.data + 4;
	which.size = u32(body.data);
	body.data += 4 + which.size;
	body.size -= 4 + which.size;
	int error = aezip_inflate(which, bitmap, size);
	if (error)
		return error;
	for (uint64_t cell = 0; cell < 8 * (uint64_t)size; cell++) {
		if (is_marked(bitmap, cell) && cell >= count)
			return AEZIP_PATCHES_DAMAGED;
		patches->cells += (unsigned)is_marked(bitmap, cell);
	}
	if (!patches->cells)
		return AEZIP_PATCHES_DAMAGED;
	patches->width = file->header.width;
	patches->height = file->header.height;
	patches->bitmap = bitmap;
	return open_exact(&patches->exact, body, AEZIP_CELL, AEZIP_CELL * patches->cells, file->header.channels, file->depth);
}

int aezip_next_cell(aezip_patches *patches, aezip_cell *cell)
{
	uint32_t columns = columns_of(patches->width);
	uint64_t count = (uint64_t)columns * columns_of(patches->height);
	while (patches->next < count && !is_marked(patches->bitmap, patches->next))
		patches->next++;
	if (patches->next >= count)
		return 0;
	cell->top = (uint32_t)(patches->next / columns) * AEZIP_CELL;
	cell->left = (uint32_t)(patches->next % columns) * AEZIP_CELL;
	cell->height = patches->height - cell->top < AEZIP_CELL ? patches->height - cell->top : AEZIP_CELL;
	cell->width = patches->width - cell->left < AEZIP_CELL ? patches->width - cell->left : AEZIP_CELL;
	patches->next++;
	return 1;
}
