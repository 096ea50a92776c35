/* Decodes damaged files, and with damaged models, to be run under sanitizers (make mutate).

	aezip-mutate COUNT SEED GOLDEN

   Each golden file of which there are vectors, one with patches besides, and some of exact pixels are decoded COUNT times, each
   time with up to eight bytes changed, cut out, put in or repeated, or its end cut off. Two times in three the checksums are then made right, so that the damage gets past them. The
   engine replays the recorded outputs, whatever its inputs are. As often the model's tables.npz is damaged, half the time in its
   directory, and the files with vectors are decoded with what opens all the same. Prints how often each error was met, of files and of models;
   nothing else may happen. */

#include "made.h"
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROWTH = 64 };       /* bytes that eight changes can add */
enum { DIRECTORY = 1500 };  /* bytes at the end of tables.npz, where its members are listed */
static const uint64_t MAX_PIXELS = 1 << 18;

static uint64_t random_state;

static size_t below(size_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return n ? (size_t)(random_state >> 33) % n : 0;
}

/* One change in place. Returns the new size, at most GROWTH more. */
static size_t change(uint8_t *data, size_t size)
{
	size_t at = below(size), length = below(8) + 1;
	switch (below(8)) {
	case 0:
		return below(2) ? size : at; /* cut off the end */
	case 1:
		length = length < size - at ? length : size - at; /* cut out */
		memmove(data + at, data + at + length, size - at - length);
		return size - length;
	case 2:
		memmove(data + at + length, data + at, size - at); /* put in, a repetition */
		return size + length;
	case 3:
		data[at] = (uint8_t)(below(2) ? 0xff : 0);
		return size;
	case 4:
		data[at] = (uint8_t)below(256);
		return size;
	default:
		data[at] = (uint8_t)(data[at] ^ 1u << below(8));
		return size;
	}
}

/* What comes after inflating, for bands of any bytes, as no damage gets past their checksums. */
static void undo_any(const aezip_file *file)
{
	aezip_exact exact;
	if (aezip_open_exact(&exact, file) != AEZIP_OK)
		return;
	uint8_t *bytes = malloc(aezip_band_size(&exact)), *row = malloc((size_t)exact.width * exact.channels);
	uint16_t *deep = malloc((size_t)exact.width * exact.channels * sizeof *deep);
	for (aezip_band band; bytes && row && deep && aezip_next_band(&exact, &band);) {
		for (size_t i = 0; i < band.size; i++)
			bytes[i] = (uint8_t)below(i % (exact.row + 1) ? 256 : 4);
		if (below(4) == 0)
			bytes[0] = (uint8_t)below(256);
		if (aezip_undo_predictions(&exact, &band, bytes) == AEZIP_OK)
			for (uint32_t r = 0; r < band.rows; r++) {
				aezip_read_row(&exact, bytes, r, row);
				if (exact.depth > 8)
					aezip_read_deep_row(&exact, bytes, r, deep);
			}
	}
	free(bytes);
	free(row);
	free(deep);
}

/* The file's bytes lie in a block of exactly their size, so that a sanitizer sees their end. */
static int decode(replay *r, const char *name, const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	aezip_bytes bytes = {exact, size};
	aezip_file file;
	int16_t *latents = NULL;
	uint8_t *pixels = NULL;
	size_t count;
	if (!exact)
		return AEZIP_NO_ROOM;
	memcpy(exact, data, size);
	int error = aezip_open(&file, bytes, MAX_PIXELS);
	if (!error && file.latents.data)
		error = replay_decode(r, name, &file, &latents, &count);
	if (!error && (file.pixels.data || file.patches.data))
		error = replay_pixels(&file, &pixels);
	if (error == AEZIP_INFLATE_DAMAGED && file.pixels.data)
		undo_any(&file);
	free(latents);
	free(pixels);
	free(exact);
	return error;
}

static int mutate(replay *r, const char *name, aezip_bytes original)
{
	uint8_t *data = malloc(original.size + GROWTH);
	size_t size = original.size;
	if (!data)
		return AEZIP_NO_ROOM;
	memcpy(data, original.data, size);
	for (size_t changes = 1 + below(8); changes && size; changes--)
		size = change(data, size);
	if (below(3))
		made_right(data, size);
	int error = decode(r, name, data, size);
	free(data);
	return error;
}

/* A model whose bytes, and tables, lie in blocks of exactly their size. */
static int decode_with(replay *r, const char *name, const uint8_t *data, size_t size, aezip_bytes lat)
{
	uint8_t *exact = malloc(size ? size : 1);
	uint16_t *last = malloc(AEZIP_LAST_MAX * sizeof *last);
	aezip_bytes npz = {exact, size};
	int error = AEZIP_NO_ROOM;
	if (exact && last) {
		memcpy(exact, data, size);
		error = aezip_open_model(&r->model, npz, last, AEZIP_LAST_MAX);
	}
	if (!error)
		error = decode(r, name, lat.data, lat.size);
	free(exact);
	free(last);
	return error;
}

static int mutate_model(replay *r, const char *name, aezip_bytes npz, aezip_bytes lat)
{
	uint8_t *data = malloc(npz.size + GROWTH);
	size_t size = npz.size;
	if (!data)
		return AEZIP_NO_ROOM;
	memcpy(data, npz.data, size);
	for (size_t changes = 1 + below(8); changes && size; changes--) {
		size_t start = size > DIRECTORY && below(2) ? size - DIRECTORY : 0;
		size = start + change(data + start, size - start);
	}
	int error = decode_with(r, name, data, size, lat);
	free(data);
	return error;
}

/* The file with patches before all other sections, in malloc's memory. */
static aezip_bytes with_patches(aezip_bytes lat)
{
	static const uint8_t head[] = {2, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9}, bitmap[] = {0x84}; /* three colours; two of six cells */
	uint8_t rows[32 * 5], exact[300], section[400];
	for (size_t i = 0; i < sizeof rows; i++)
		rows[i] = (uint8_t)(i % 5 ? below(256) & 0xaa : 0); /* places 0 and 2 */
	size_t size = made_exact(exact, head, sizeof head, rows, sizeof rows);
	size = made_patches(section, bitmap, sizeof bitmap, exact, size);
	uint8_t *data = malloc(lat.size + size + 12);
	aezip_bytes made = {data, lat.size + size + 12};
	if (data) {
		memcpy(data, lat.data, AEZIP_HEADER_SIZE);
		size = made_section(data + AEZIP_HEADER_SIZE, "PTCH", section, size);
		memcpy(data + AEZIP_HEADER_SIZE + size, lat.data + AEZIP_HEADER_SIZE, lat.size - AEZIP_HEADER_SIZE);
		made_right(data, made.size);
	}
	return made;
}

static void print(const char *of, const unsigned long *met)
{
	for (int error = 0; error < AEZIP_ERRORS; error++)
		if (met[error])
			printf("%8lu  %s: %s\n", met[error], of, aezip_message(error));
}

int main(int count, char **arguments)
{
	static const char *names[] = {"one-pixel", "grey", "odd", "fine", "escapes", "tiles", "early-tiles", "odd", "exact-grey-4",
		"exact-palette-2", "exact-palette-8", "exact-green", "exact-alpha", "depth-10-green", "depth-12-alpha"};
	enum { RECORDED = 7, PATCHED = 7 }; /* names of vectors, and where the file gets patches */
	static replay r;
	unsigned long met[AEZIP_ERRORS] = {0}, met_models[AEZIP_ERRORS] = {0};
	char path[512], vectors[512];
	aezip_bytes npz;
	if (count != 4) {
		fputs("usage: aezip-mutate COUNT SEED GOLDEN\n", stderr);
		return 2;
	}
	random_state = strtoul(arguments[2], NULL, 10);
	snprintf(path, sizeof path, "%s/tiny.aezm", arguments[3]);
	snprintf(vectors, sizeof vectors, "%s/vectors.npz", arguments[3]);
	const char *wrong = replay_open(&r, path, vectors);
	if (!wrong && aezip_find_member(r.package, "tables.npz", &npz))
		wrong = "has no tables.npz";
	for (size_t i = 0; i < sizeof names / sizeof names[0] && !wrong; i++) {
		snprintf(path, sizeof path, "%s/%s.lat", arguments[3], names[i]);
		aezip_bytes bytes = replay_read(path), whole = bytes;
		if (bytes.data && i == PATCHED) {
			bytes = with_patches(whole);
			free((void *)whole.data);
		}
		if (!bytes.data || decode(&r, names[i], bytes.data, bytes.size) != AEZIP_OK)
			wrong = "cannot be decoded";
		for (unsigned long n = strtoul(arguments[1], NULL, 10); n > 0 && !wrong; n--)
			met[mutate(&r, names[i], bytes)]++;
		for (unsigned long n = strtoul(arguments[1], NULL, 10); n > 0 && !wrong && i < RECORDED; n--)
			met_models[mutate_model(&r, names[i], npz, bytes)]++;
		if (!wrong && aezip_open_model(&r.model, r.package, r.last, AEZIP_LAST_MAX))
			wrong = "cannot be opened again";
		free((void *)bytes.data);
	}
	replay_close(&r);
	if (wrong) {
		fprintf(stderr, "aezip-mutate: error: %s: %s\n", path, wrong);
		return 1;
	}
	print("file", met);
	print("model", met_models);
	return 0;
}
