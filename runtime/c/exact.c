/* Exact pixels, of a whole file or as patches (FORMAT.md, section 9). */

#include "aezip.h"

#include <string.h>

#define BAND_BYTES 4194304u /* of a band's rows, without predictions */
enum { PALETTE = 1, GREEN = 2 }; /* flags */
enum { LEFT = 1, UP = 2 };       /* bits of a prediction */

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
static int open_exact(aezip_exact *e, aezip_bytes data, uint32_t width, uint64_t height, uint8_t channels)
{
	memset(e, 0, sizeof *e);
	if (data.size < 2)
		return AEZIP_EXACT_DAMAGED;
	uint8_t bits = data.data[0], flags = data.data[1];
	int single = channels == 1 || flags & PALETTE;
	if ((bits != 1 && bits != 2 && bits != 4 && bits != 8) || flags > (PALETTE | GREEN) || (bits < 8 && !single) ||
		(flags & GREEN && single))
		return AEZIP_EXACT_DAMAGED;
	e->width = width;
	e->height = height;
	e->channels = channels;
	e->bits = bits;
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
	return open_exact(exact, file->pixels, file->header.width, file->header.height, file->header.channels);
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

int aezip_undo_predictions(const aezip_exact *exact, const aezip_band *band, uint8_t *bytes)
{
	const uint8_t *above = NULL;
	for (uint32_t r = 0; r < band->rows; r++) {
		uint8_t prediction = *bytes++;
		if (prediction > (LEFT | UP))
			return AEZIP_EXACT_DAMAGED;
		if (prediction & LEFT)
			for (size_t i = exact->samples; i < exact->row; i++)
				bytes[i] = (uint8_t)(bytes[i] + bytes[i - exact->samples]);
		if (prediction & UP && above)
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

int aezip_read_row(const aezip_exact *exact, const uint8_t *bytes, uint32_t row, uint8_t *pixels)
{
	const uint8_t *from = bytes + row * ((size_t)exact->row + 1) + 1;
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
	return open_exact(&patches->exact, body, AEZIP_CELL, AEZIP_CELL * patches->cells, file->header.channels);
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
