#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

aezip_bytes replay_read(const char *path)
{
	aezip_bytes bytes = {NULL, 0};
	FILE *file = fopen(path, "rb");
	long end = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
	uint8_t *data = end >= 0 ? malloc((size_t)end + 1) : NULL;
	if (data && fseek(file, 0, SEEK_SET) == 0 && fread(data, 1, (size_t)end, file) == (size_t)end) {
		bytes.data = data;
		bytes.size = (size_t)end;
	} else {
		free(data);
	}
	if (file)
		fclose(file);
	return bytes;
}

const char *replay_open(replay *r, const char *package, const char *vectors)
{
	memset(r, 0, sizeof *r);
	aezip_rung rung = {r->gains[0], r->gains[1], r->gains[2], r->gains[3], r->gains[4], r->gains[5], r->hyper_index};
	r->rung = rung;
	r->package = replay_read(package);
	r->vectors = vectors ? replay_read(vectors) : r->vectors;
	if (!r->package.data || (vectors && !r->vectors.data))
		return "cannot be read";
	int error = aezip_open_model(&r->model, r->package, r->last, AEZIP_LAST_MAX);
	return error ? aezip_message(error) : NULL;
}

void replay_close(replay *r)
{
	free((void *)r->package.data);
	free((void *)r->vectors.data);
}

int replay_find(const replay *r, const char *what, aezip_array *array)
{
	char name[64];
	int length = snprintf(name, sizeof name, "%s.%u.%s", r->name, r->tile, what);
	if (length < 0 || length >= (int)sizeof name)
		return 0;
	if (aezip_find_array(r->vectors, name, array) == AEZIP_OK)
		return 1;
	snprintf(name, sizeof name, "%s.%s", r->name, what);
	return aezip_find_array(r->vectors, name, array) == AEZIP_OK;
}

int32_t replay_value(const aezip_array *array, size_t i)
{
	const uint8_t *p = array->data + i * array->item;
	if (array->item == 1)
		return p[0];
	return array->kind == 'u' ? p[0] | p[1] << 8 : (int16_t)(p[0] | p[1] << 8);
}

float replay_float(const aezip_array *array, size_t i)
{
	const uint8_t *p = array->data + 4 * i;
	uint32_t bits = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* Whether an input is the recorded one. */
static int same(replay *r, const char *what, const int16_t *values, size_t count)
{
	aezip_array want;
	int equal = replay_find(r, what, &want) && want.count == count;
	for (size_t i = 0; equal && i < count; i++)
		equal = replay_value(&want, i) == values[i];
	if (!equal)
		r->wrong = what;
	return equal;
}

static int say(replay *r, const char *of_mean, const char *of_index, size_t count, int16_t *mean, uint8_t *index)
{
	aezip_array means, indices;
	if (!replay_find(r, of_mean, &means) || !replay_find(r, of_index, &indices) || !means.count || !indices.count ||
		(r->strict && (means.count != count || indices.count != count))) {
		r->wrong = of_mean;
		return 1;
	}
	for (size_t i = 0; i < count; i++) {
		mean[i] = (int16_t)replay_value(&means, i % means.count);
		index[i] = (uint8_t)replay_value(&indices, i % indices.count);
		if (!r->strict)
			index[i] = (uint8_t)(index[i] % AEZIP_TABLES + i % 4 * AEZIP_TABLES); /* all steps */
	}
	return 0;
}

static int prior(
	void *self, const int16_t *hyper, uint32_t rows, uint32_t columns, const aezip_rung *rung, int16_t *mean, uint8_t *index)
{
	replay *r = self;
	size_t positions = (size_t)rows * columns;
	(void)rung;
	if (r->strict && !same(r, "hyper", hyper, positions * r->model.hyper_channels))
		return 1;
	return say(r, "prior.mean", "prior.index", 8 * positions * r->model.channels, mean, index);
}

static int context(
	void *self, const int16_t *known, uint32_t rows, uint32_t columns, const aezip_rung *rung, int16_t *mean, uint8_t *index)
{
	replay *r = self;
	size_t count = (size_t)rows * columns * 8 * r->model.channels;
	(void)rung;
	if (r->strict && !same(r, "known", known, count))
		return 1;
	return say(r, "context.mean", "context.index", count, mean, index);
}

/* Decode a tile, and put it into the picture's latents, which are `width` positions wide. */
static int decode_tile(replay *r, aezip_tile *tile, int16_t *latents, size_t width)
{
	aezip_engine engine = {r, prior, context};
	size_t channels = r->model.channels, row = tile->width * channels;
	size_t size = aezip_work_size(&r->model, tile->height, tile->width);
	void *work = malloc(size);
	uint8_t *stream = malloc(tile->stream.size + 1);
	int16_t *latent = malloc(tile->height * row * sizeof *latent);
	int error = AEZIP_NO_ROOM;
	if (work && latent && stream) {
		aezip_join_tile(tile, stream);
		error = aezip_decode_tile(tile, &r->model, &r->rung, &engine, work, size, latent);
	}
	for (size_t y = 0; y < tile->height && !error; y++)
		memcpy(latents + ((tile->top + y) * width + tile->left) * channels, latent + y * row, row * sizeof *latent);
	free(work);
	free(stream);
	free(latent);
	return error;
}

int replay_decode(replay *r, const char *name, const aezip_file *file, int16_t **latents, size_t *count)
{
	aezip_tiles tiles;
	aezip_tile tile;
	int error = aezip_open_tiles(&tiles, file);
	*latents = NULL;
	if (error)
		return error;
	*count = (size_t)tiles.height * tiles.width * r->model.channels;
	*latents = malloc(*count * sizeof **latents);
	if (!*latents)
		return AEZIP_NO_ROOM;
	aezip_set_rung(&r->model, file->header.quality, &r->rung);
	r->name = name;
	for (r->tile = 0; !error && aezip_next_tile(&tiles, &tile); r->tile++)
		error = decode_tile(r, &tile, *latents, tiles.width);
	return error;
}

/* A row of all bits, as bytes in the machine's order. */
static int read_row(const aezip_exact *exact, const uint8_t *bytes, uint32_t row, uint8_t *samples)
{
	uint16_t *deep = malloc(exact->depth > 8 ? exact->row : 1);
	int error = AEZIP_NO_ROOM;
	if (exact->depth <= 8)
		error = aezip_read_row(exact, bytes, row, samples);
	else if (deep && (error = aezip_read_deep_row(exact, bytes, row, deep)) == AEZIP_OK)
		memcpy(samples, deep, exact->row);
	free(deep);
	return error;
}

static int decode_exact(const aezip_file *file, uint8_t *pixels)
{
	aezip_exact exact;
	int error = aezip_open_exact(&exact, file);
	if (error)
		return error;
	size_t row = (size_t)exact.width * exact.channels * replay_sample_size(file);
	uint8_t *bytes = malloc(aezip_band_size(&exact));
	error = bytes ? AEZIP_OK : AEZIP_NO_ROOM;
	for (aezip_band band; !error && aezip_next_band(&exact, &band);) {
		error = aezip_read_band(&exact, &band, bytes);
		for (uint32_t r = 0; !error && r < band.rows; r++)
			error = read_row(&exact, bytes, r, pixels + (band.top + r) * row);
	}
	free(bytes);
	return error;
}

/* The rows of all cells, in turn; `cell` is the one that they belong to. */
static int lay_cells(aezip_patches *patches, uint8_t *bytes, uint8_t *pixels)
{
	size_t channels = patches->exact.channels * (patches->exact.depth > 8 ? 2u : 1u); /* bytes of a pixel */
	uint8_t row[AEZIP_CELL * 3 * 2];
	aezip_cell cell = {0, 0, 0, 0};
	int error = AEZIP_OK;
	for (aezip_band band; !error && aezip_next_band(&patches->exact, &band);) {
		error = aezip_read_band(&patches->exact, &band, bytes);
		for (uint32_t r = 0; !error && r < band.rows; r++) {
			size_t y = (size_t)((band.top + r) % AEZIP_CELL);
			if (y == 0)
				aezip_next_cell(patches, &cell);
			error = read_row(&patches->exact, bytes, r, row);
			if (!error && y < cell.height)
				memcpy(pixels + ((cell.top + y) * patches->width + cell.left) * channels, row, cell.width * channels);
		}
	}
	return error;
}

int replay_patch(const aezip_file *file, uint8_t *pixels)
{
	aezip_patches patches;
	uint8_t *bitmap = malloc(aezip_bitmap_size(file)), *bytes = NULL;
	int error = bitmap ? aezip_open_patches(&patches, file, bitmap) : AEZIP_NO_ROOM;
	if (!error) {
		bytes = malloc(aezip_band_size(&patches.exact));
		error = bytes ? lay_cells(&patches, bytes, pixels) : AEZIP_NO_ROOM;
	}
	free(bytes);
	free(bitmap);
	return error;
}

size_t replay_sample_size(const aezip_file *file)
{
	return file->depth > 8 ? 2 : 1;
}

int replay_pixels(const aezip_file *file, uint8_t **pixels)
{
	const aezip_header *h = &file->header;
	*pixels = calloc((size_t)h->width * h->height, h->channels * replay_sample_size(file));
	if (!*pixels)
		return AEZIP_NO_ROOM;
	return file->pixels.data ? decode_exact(file, *pixels) : file->patches.data ? replay_patch(file, *pixels) : AEZIP_OK;
}
