/* The core against the golden files (make test, under sanitizers). What is checked, in the order of the pipeline: gains of the
   quality; each phase of each stream under the recorded tables, and its encoding, byte for byte; the tables and symbols of the
   checkerboard; the latents, with what the core hands to the engine. Then the coder on symbols drawn at random, and damage; and
   exact pixels: golden files, patches and zlib streams by hand. */

#include "made.h"
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(what) ((what) ? (void)0 : failed(__LINE__, #what))

static void failed(int line, const char *what)
{
	printf("test.c:%d: failed: %s\n", line, what);
	failures++;
}

static uint32_t draw(uint32_t below)
{
	static uint32_t state = 1;
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % below;
}

/* A recorded array as what the core takes, in malloc's memory of its very size. */
static void *copy_of(const replay *r, const char *what, size_t item, size_t *count)
{
	aezip_array found;
	int there = replay_find(r, what, &found);
	CHECK(there && found.item == item);
	if (!there || found.item != item)
		exit(1);
	*count = found.count;
	uint8_t *bytes = malloc(item * found.count + 1);
	int16_t *numbers = (int16_t *)(void *)bytes;
	for (size_t i = 0; i < found.count && bytes; i++) {
		if (item == 1)
			bytes[i] = (uint8_t)replay_value(&found, i);
		else
			numbers[i] = (int16_t)replay_value(&found, i);
	}
	return bytes;
}

static void test_rung(replay *r)
{
	const char *names[] = {"mean_gain", "context_gain", "shift", "hyper_inverse", "hyper_offset"};
	const float *gains[] = {
		r->rung.mean_gain, r->rung.context_gain, r->rung.shift, r->rung.hyper_inverse, r->rung.hyper_offset,
	};
	for (int k = 0; k < 5; k++) {
		aezip_array want;
		CHECK(replay_find(r, names[k], &want) && want.kind == 'f');
		CHECK(want.count == (k < 3 ? r->model.channels : r->model.hyper_channels));
		for (size_t i = 0; i < want.count; i++)
			CHECK(gains[k][i] == replay_float(&want, i));
	}
}

/* The phases of a stream, decoded and encoded, as the entropy coder alone sees them. */
static void test_stream(const replay *r, aezip_bytes stream)
{
	static const char *tables[] = {"table.0", "table.1", "table.2"}, *symbols[] = {"symbol.0", "symbol.1", "symbol.2"};
	aezip_phase phases[3];
	aezip_decoder decoder;
	size_t total = 0;
	CHECK(aezip_begin(&decoder, &r->model.tables, stream) == AEZIP_OK);
	for (int p = 0; p < 3; p++) {
		size_t count;
		phases[p].index = copy_of(r, tables[p], 1, &count);
		phases[p].symbol = copy_of(r, symbols[p], 2, &phases[p].count);
		CHECK(count == phases[p].count);
		int16_t *got = malloc(2 * count + 1);
		CHECK(aezip_take(&decoder, phases[p].index, count, got) == AEZIP_OK);
		CHECK(memcmp(got, phases[p].symbol, 2 * count) == 0);
		free(got);
		total += count;
	}
	CHECK(aezip_finish(&decoder) == AEZIP_OK);

	size_t size = AEZIP_STREAM_MAX(decoder.lanes, total);
	uint8_t *bytes = malloc(size);
	CHECK(aezip_encode(&r->model.tables, phases, 3, decoder.lanes, bytes, &size) == AEZIP_OK);
	CHECK(size == stream.size && memcmp(bytes, stream.data, size) == 0);
	free(bytes);
	for (int p = 0; p < 3; p++) {
		free((void *)phases[p].index);
		free((void *)phases[p].symbol);
	}
}

static const int steps[4] = {16, 21, 9, 12};

/* A half's latents came from the recorded tables and symbols, in the stream's order. */
static void test_half(const replay *r, const aezip_tile *tile, const int16_t *latents, size_t width, int odd)
{
	aezip_array mean, index, table, symbol;
	CHECK(replay_find(r, odd ? "context.mean" : "prior.mean", &mean));
	CHECK(replay_find(r, odd ? "context.index" : "prior.index", &index));
	CHECK(replay_find(r, odd ? "table.2" : "table.1", &table));
	CHECK(replay_find(r, odd ? "symbol.2" : "symbol.1", &symbol));
	size_t n = 0, coded = 0, next[AEZIP_TABLES] = {0}, channels = r->model.channels; /* next: of each table, in sorted phases */
	size_t rows = (tile->height + 3) / 4 * 2, columns = (tile->width + 3) / 4 * 2; /* of the even rows, and of the odd ones */
	for (size_t i = 0; i < table.count; i++)
		for (int t = 0; t < replay_value(&table, i); t++)
			next[t]++;
	for (size_t row = 0; row < tile->height; row++)
		for (size_t column = (row + (size_t)odd) % 2; column < tile->width; column += 2)
			for (size_t c = 0; c < channels; c++) {
				size_t at = ((row % 2 * rows + row / 2) * columns + column / 2) * channels + c;
				int latent = latents[((tile->top + row) * width + tile->left + column) * channels + c];
				int off = latent - replay_value(&mean, at);
				int named = replay_value(&index, at) % AEZIP_TABLES, step = steps[replay_value(&index, at) / AEZIP_TABLES];
				if (tile->flags & AEZIP_NO_SKIP || named > r->model.skip) {
					n = tile->flags & AEZIP_PROGRESSIVE ? next[named]++ : coded;
					CHECK(n < table.count && replay_value(&table, n) == named);
					CHECK(n < table.count && off == step * replay_value(&symbol, n));
					coded++;
				} else {
					CHECK(off == 0);
				}
			}
	CHECK(coded == table.count && coded == symbol.count);
}

static void test_file(replay *r, const char *folder, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s.lat", folder, name);
	aezip_bytes bytes = replay_read(path);
	aezip_file file;
	aezip_tiles tiles;
	aezip_tile tile;
	int16_t *latents;
	size_t count;
	int error = aezip_open(&file, bytes, 1 << 20);
	CHECK(error == AEZIP_OK);
	if (error)
		return;
	CHECK(replay_decode(r, name, &file, &latents, &count) == AEZIP_OK);
	test_rung(r);
	int flags = (strstr(name, "whole") ? AEZIP_NO_SKIP : 0) | (strstr(name, "early") ? AEZIP_PROGRESSIVE : 0);
	CHECK(file.header.flags == flags && !file.patches.data == !(strstr(name, "patched") || strstr(name, "early-whole")));
	CHECK(aezip_open_tiles(&tiles, &file) == AEZIP_OK);
	size_t width = tiles.width;
	for (r->tile = 0; aezip_next_tile(&tiles, &tile); r->tile++) {
		uint8_t *stream = malloc(tile.stream.size + 1);
		aezip_join_tile(&tile, stream);
		test_stream(r, tile.stream);
		test_half(r, &tile, latents, width, 0);
		test_half(r, &tile, latents, width, 1);
		free(stream);
	}
	free(latents);

	/* the whole file, and any part of it that ends too early */
	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t *part = malloc(size + 1);
		memcpy(part, bytes.data, size);
		aezip_bytes less = {part, size};
		CHECK(aezip_open(&file, less, 1 << 20) != AEZIP_OK);
		free(part);
	}
	for (size_t bit = 0; bit < 8 * AEZIP_HEADER_SIZE; bit++) {
		uint8_t head[AEZIP_HEADER_SIZE];
		memcpy(head, bytes.data, sizeof head);
		head[bit / 8] = (uint8_t)(head[bit / 8] ^ 1u << bit % 8);
		aezip_bytes damaged = {head, sizeof head};
		aezip_header header;
		CHECK(aezip_read_header(&header, damaged) != AEZIP_OK);
	}
	CHECK(aezip_open(&file, bytes, 0) == AEZIP_LIMIT_EXCEEDED);
	free((void *)bytes.data);
}

/* Symbols of every table and value, in lanes of every number; streams that end too early or too late. */
static void test_coder(const aezip_tables *tables)
{
	enum { COUNT = 5000 };
	static uint8_t index[COUNT], stream[AEZIP_STREAM_MAX(AEZIP_LANES, COUNT)];
	static int16_t symbol[COUNT], got[COUNT];
	for (unsigned lanes = 1; lanes <= AEZIP_LANES; lanes *= 2) {
		size_t count = draw(COUNT), size = sizeof stream;
		for (size_t i = 0; i < count; i++) {
			index[i] = (uint8_t)draw(AEZIP_TABLES);
			uint32_t reach = draw(20) ? tables->radius[index[i]] : AEZIP_SYMBOL_MAX; /* some escape */
			symbol[i] = (int16_t)((int32_t)draw(2 * reach + 1) - (int32_t)reach);
		}
		aezip_phase phase = {index, symbol, count};
		CHECK(aezip_encode(tables, &phase, 1, lanes, stream, &size) == AEZIP_OK);
		for (int more = -1; more <= 1; more++) {
			aezip_bytes bytes = {stream, size + 2 * (size_t)more};
			aezip_decoder decoder;
			stream[size] = stream[size + 1] = 0;
			int error = aezip_begin(&decoder, tables, bytes);
			error = error ? error : aezip_take(&decoder, index, count, got);
			error = error ? error : aezip_finish(&decoder);
			CHECK((error == AEZIP_OK) == (more == 0 || (count == 0 && more < 0 && error == AEZIP_OK)));
			CHECK(error || memcmp(symbol, got, 2 * count) == 0);
		}
		size_t room = size - 1;
		CHECK(aezip_encode(tables, &phase, 1, lanes, stream, &room) == AEZIP_NO_ROOM);
	}
	size_t room = sizeof stream;
	aezip_phase wrong = {index, symbol, 1};
	symbol[0] = AEZIP_SYMBOL_MAX + 1;
	index[0] = 63;
	CHECK(aezip_encode(tables, &wrong, 1, 1, stream, &room) == AEZIP_SYMBOL_RANGE);
	index[0] = 64;
	CHECK(aezip_encode(tables, &wrong, 1, 1, stream, &room) == AEZIP_INDEX_RANGE);
	CHECK(aezip_encode(tables, &wrong, 1, 3, stream, &room) == AEZIP_NO_ROOM);
}

/* A half's latents become symbols and come back, in either order, whatever the room to sort them. */
static void test_half_of(const aezip_tables *tables, const float *cost, int progressive)
{
	enum { MOST = 16 * 16 / 2 * 3, ROOMS = 4 };
	static int16_t wanted[MOST], mean[MOST], known[MOST], back[MOST], symbol[MOST], sorted[MOST];
	static uint8_t index[MOST], flat[MOST], table[MOST], order[MOST], stream[AEZIP_STREAM_MAX(8, MOST)];
	static uint32_t place[MOST];
	aezip_half half = {1 + draw(16), 1 + draw(16), 1 + draw(3), draw(2), (int)draw(12) - 1, progressive};
	size_t count = (size_t)((half.height + 3) / 4 * ((half.width + 3) / 4)) * 8 * half.channels;
	uint32_t tables_of = 1 + draw(AEZIP_TABLES);
	for (size_t i = 0; i < count; i++) {
		index[i] = (uint8_t)(draw(tables_of) + AEZIP_TABLES * draw(4));
		mean[i] = (int16_t)((int32_t)draw(2000) - 1000);
		wanted[i] = (int16_t)(mean[i] + (int32_t)draw(600) - 300 + (draw(50) ? 0 : 30000));
		flat[i] = (uint8_t)draw(2);
		known[i] = mean[i];
	}
	aezip_wanted what = {wanted, draw(2) ? flat : NULL, tables, cost, 9};
	int32_t lost;
	size_t coded = aezip_give_half(&half, &what, index, known, table, symbol, &lost);
	CHECK(coded <= count && lost >= 0);
	size_t at = 0;
	for (int t = AEZIP_TABLES - 1; t >= 0 && progressive; t--)
		for (size_t i = 0; i < coded; i++)
			if (table[i] == t) {
				order[at] = table[i];
				sorted[at++] = symbol[i];
			}
	aezip_phase phase = {progressive ? order : table, progressive ? sorted : symbol, coded};
	size_t size = sizeof stream;
	CHECK(aezip_encode(tables, &phase, 1, 8, stream, &size) == AEZIP_OK);
	const size_t rooms[ROOMS] = {0, 1, coded / 3, count};
	for (int i = 0; i < ROOMS; i++) {
		aezip_bytes bytes = {stream, size};
		aezip_decoder decoder;
		memcpy(back, mean, sizeof back);
		CHECK(aezip_begin(&decoder, tables, bytes) == AEZIP_OK);
		CHECK(aezip_take_half(&decoder, &half, index, back, place, rooms[i]) == AEZIP_OK);
		CHECK(aezip_finish(&decoder) == AEZIP_OK);
		CHECK(memcmp(back, known, count * sizeof *back) == 0);
	}
}

static void test_halves(const aezip_tables *tables)
{
	static float cost[AEZIP_LAST_MAX];
	for (size_t i = 0; i < AEZIP_LAST_MAX; i++)
		cost[i] = (float)draw(16);
	for (int i = 0; i < 400; i++)
		test_half_of(tables, i % 4 < 2 ? cost : NULL, i % 2);
}

/* A tile of which no latent is skipped, under recorded tables. */
static void test_whole(replay *r, const char *folder)
{
	char path[512];
	snprintf(path, sizeof path, "%s/odd.lat", folder);
	aezip_bytes bytes = replay_read(path);
	aezip_file file;
	aezip_tiles tiles;
	aezip_tile tile;
	aezip_array mean, index;
	aezip_phase phases[3];
	CHECK(aezip_open(&file, bytes, 1 << 20) == AEZIP_OK && aezip_open_tiles(&tiles, &file) == AEZIP_OK);
	CHECK(aezip_next_tile(&tiles, &tile) == 1 && tile.flags == 0);
	aezip_set_rung(&r->model, file.header.quality, &r->rung);
	r->name = "odd";
	r->tile = 0;
	size_t channels = r->model.channels, total = tile.height * tile.width * channels, count;
	size_t rows = (tile.height + 3) / 4 * 2, columns = (tile.width + 3) / 4 * 2;
	int16_t *want = malloc(2 * total);
	phases[0].index = copy_of(r, "table.0", 1, &count);
	phases[0].symbol = copy_of(r, "symbol.0", 2, &phases[0].count);
	for (size_t odd = 0; odd < 2; odd++) {
		uint8_t *table = malloc(total);
		int16_t *symbol = malloc(2 * total);
		CHECK(replay_find(r, odd ? "context.mean" : "prior.mean", &mean));
		CHECK(replay_find(r, odd ? "context.index" : "prior.index", &index));
		size_t n = 0;
		for (size_t row = 0; row < tile.height; row++)
			for (size_t column = (row + odd) % 2; column < tile.width; column += 2)
				for (size_t c = 0; c < channels; c++, n++) {
					size_t at = ((row % 2 * rows + row / 2) * columns + column / 2) * channels + c;
					int step = steps[at % 4]; /* as a replay says that is not strict */
					table[n] = (uint8_t)(replay_value(&index, at) % AEZIP_TABLES);
					symbol[n] = (int16_t)((int32_t)draw(7) - 3);
					want[(row * tile.width + column) * channels + c] = (int16_t)(replay_value(&mean, at) + step * symbol[n]);
				}
		phases[1 + odd].index = table;
		phases[1 + odd].symbol = symbol;
		phases[1 + odd].count = n;
	}
	size_t size = AEZIP_STREAM_MAX(1, total + count), section = 12;
	uint8_t *made = malloc(AEZIP_HEADER_SIZE + 12 + size);
	CHECK(aezip_encode(&r->model.tables, phases, 3, 1, made + AEZIP_HEADER_SIZE + 12, &size) == AEZIP_OK);
	r->strict = 0; /* what is known is not what was recorded */
	for (uint8_t whole = 0; whole < 2; whole++) {
		int16_t *latents = NULL;
		memcpy(made, bytes.data, AEZIP_HEADER_SIZE);
		made[19] = whole;
		section = made_section(made + AEZIP_HEADER_SIZE, "LATN", made + AEZIP_HEADER_SIZE + 12, size);
		made_right(made, AEZIP_HEADER_SIZE + section);
		aezip_bytes flagged = {made, AEZIP_HEADER_SIZE + section};
		CHECK(aezip_open(&file, flagged, 1 << 20) == AEZIP_OK && file.header.flags == whole);
		int error = replay_decode(r, "odd", &file, &latents, &count);
		CHECK((error == AEZIP_OK) == whole);
		CHECK(error || (count == total && memcmp(latents, want, 2 * total) == 0));
		free(latents);
	}
	r->strict = 1;
	for (int p = 0; p < 3; p++) {
		free((void *)phases[p].index);
		free((void *)phases[p].symbol);
	}
	free(want);
	free(made);
	free((void *)bytes.data);
}

/* Golden files of exact pixels, and every part of them that ends too early. */
static void test_exact(const char *folder, const char *name, aezip_bytes npz)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s.lat", folder, name);
	aezip_bytes bytes = replay_read(path);
	aezip_file file;
	aezip_tiles tiles;
	aezip_array want;
	uint8_t *pixels = NULL;
	CHECK(bytes.data && aezip_open(&file, bytes, 1 << 20) == AEZIP_OK && file.pixels.data && !file.latents.data);
	CHECK(replay_pixels(&file, &pixels) == AEZIP_OK);
	CHECK(aezip_find_array(npz, name, &want) == AEZIP_OK);
	CHECK(want.count == (size_t)file.header.width * file.header.height * file.header.channels);
	CHECK(memcmp(pixels, want.data, want.count) == 0);
	free(pixels);
	CHECK(aezip_open_tiles(&tiles, &file) == AEZIP_NO_LATENTS);
	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t *part = malloc(size + 1);
		memcpy(part, bytes.data, size);
		aezip_bytes less = {part, size};
		CHECK(aezip_open(&file, less, 1 << 20) != AEZIP_OK);
		free(part);
	}
	free((void *)bytes.data);
}

/* Opacities [height][width] of a file whose alpha has more than 8 bits, against those of `npz`. */
static void test_deep_alpha(const aezip_file *file, const char *name, aezip_bytes npz)
{
	char key[64];
	aezip_section section = {NULL, {NULL, 0}};
	size_t position = 0, wrong = 0;
	while (aezip_next_section(file, &position, &section) && memcmp(section.type, "ALPH", 4) != 0)
		;
	aezip_exact exact;
	aezip_band band;
	aezip_array want;
	snprintf(key, sizeof key, "%s.alpha", name);
	CHECK(aezip_find_array(npz, key, &want) == AEZIP_OK);
	CHECK(aezip_open_deep_alpha(&exact, file, section.data) == AEZIP_OK && aezip_next_band(&exact, &band));
	uint8_t *bytes = malloc(band.size);
	uint16_t *row = malloc(exact.row);
	CHECK(aezip_read_band(&exact, &band, bytes) == AEZIP_OK);
	for (uint32_t r = 0; r < band.rows; r++) {
		CHECK(aezip_read_deep_row(&exact, bytes, r, row) == AEZIP_OK);
		for (uint32_t x = 0; x < exact.width; x++)
			wrong += row[x] != replay_value(&want, r * exact.width + x);
	}
	CHECK(wrong == 0);
	section.data.size = 0;
	CHECK(aezip_open_deep_alpha(&exact, file, section.data) == AEZIP_EXACT_DAMAGED);
	free(bytes);
	free(row);
}

/* Golden files of more than 8 bits: all bits, 8 of them, opacities; what a decoder makes; samples that are too large. */
static void test_depth(const char *folder, aezip_bytes npz)
{
	static const struct {
		const char *name;
		uint8_t depth, alpha;
	} cases[] = {{"depth-9", 9, 0}, {"depth-10-green", 10, 0}, {"depth-12-alpha", 12, 1}, {"depth-16", 16, 0}};
	for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s.lat", folder, cases[c].name);
		aezip_bytes bytes = replay_read(path);
		aezip_file file;
		aezip_array want;
		aezip_exact exact;
		aezip_band band;
		uint8_t *samples = NULL;
		size_t wrong = 0;
		CHECK(bytes.data && aezip_open(&file, bytes, 1 << 20) == AEZIP_OK && file.depth == cases[c].depth);
		CHECK(replay_pixels(&file, &samples) == AEZIP_OK && aezip_find_array(npz, cases[c].name, &want) == AEZIP_OK);
		for (size_t i = 0; i < want.count; i++) {
			uint16_t sample;
			memcpy(&sample, samples + 2 * i, 2);
			wrong += sample != replay_value(&want, i);
		}
		CHECK(wrong == 0 && aezip_open_exact(&exact, &file) == AEZIP_OK && aezip_next_band(&exact, &band));
		uint8_t *held = malloc(band.size), *row = malloc((size_t)exact.width * exact.channels);
		CHECK(aezip_read_band(&exact, &band, held) == AEZIP_OK && aezip_read_row(&exact, held, 0, row) == AEZIP_OK);
		int32_t most = (1 << exact.depth) - 1;
		for (size_t i = 0; i < (size_t)exact.width * exact.channels; i++)
			wrong += row[i] != (replay_value(&want, i) * 255 + most / 2) / most;
		CHECK(wrong == 0);
		if (cases[c].depth < 16) {
			exact.depth = 9;
			held[1] = 0x7f; /* the first sample's high byte, above any of 9 bits */
			CHECK(aezip_read_row(&exact, held, 0, row) == AEZIP_EXACT_DAMAGED);
		}
		if (cases[c].alpha)
			test_deep_alpha(&file, cases[c].name, npz);
		free(held);
		free(row);
		free(samples);
		free((void *)bytes.data);
	}
	CHECK(aezip_sample_of(-1, 16) == 0 && aezip_sample_of(300, 16) == 65535 && aezip_sample_of(255, 10) == 1023);
	CHECK(aezip_sample_of(0.5f / 256, 16) == 0 && aezip_sample_of(1.5f / 256, 16) == 2 && aezip_sample_of(2.5f / 256, 16) == 2);
}

/* What golden files say of their colours, and what is no code points. */
static void test_colours(const char *folder)
{
	static const struct {
		const char *name;
		aezip_colours colours;
	} cases[] = {{"colours", {9, 16, 1}}, {"colours-grey", {1, 1, 0}}, {"exact-rgb", {1, 13, 1}}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s.lat", folder, cases[i].name);
		aezip_bytes bytes = replay_read(path);
		aezip_file file;
		aezip_colours found;
		CHECK(bytes.data && aezip_open(&file, bytes, 1 << 20) == AEZIP_OK);
		CHECK(aezip_read_colours(&file, &found) == AEZIP_OK);
		CHECK(memcmp(&found, &cases[i].colours, sizeof found) == 0);
		uint8_t *named = NULL;
		aezip_section section;
		for (size_t position = 0; aezip_next_section(&file, &position, &section);)
			if (memcmp(section.type, "cICP", 4) == 0)
				named = (uint8_t *)section.data.data;
		if (named) {
			named[2] = 1;
			CHECK(aezip_read_colours(&file, &found) == AEZIP_SECTION_DAMAGED);
		}
		free((void *)bytes.data);
	}
}

/* A picture of two bands, as exact.py draws it. */
static void test_bands(const char *folder)
{
	char path[512];
	snprintf(path, sizeof path, "%s/exact-bands.lat", folder);
	aezip_bytes bytes = replay_read(path);
	aezip_file file;
	aezip_exact exact;
	aezip_band band;
	size_t count = 0, wrong = 0;
	CHECK(bytes.data && aezip_open(&file, bytes, 1 << 23) == AEZIP_OK && aezip_open_exact(&exact, &file) == AEZIP_OK);
	uint8_t *held = malloc(aezip_band_size(&exact)), row[2100];
	for (; aezip_next_band(&exact, &band); count++) {
		CHECK(band.size <= aezip_band_size(&exact) && aezip_read_band(&exact, &band, held) == AEZIP_OK);
		for (uint32_t r = 0; r < band.rows; r++) {
			CHECK(aezip_read_row(&exact, held, r, row) == AEZIP_OK);
			for (size_t x = 0; x < sizeof row; x++)
				wrong += row[x] != (x / 7 + (band.top + r) / 3) % 251;
		}
	}
	CHECK(count == 2 && wrong == 0 && exact.top == 2100);
	free(held);
	free((void *)bytes.data);
}

/* A file of a header and up to three sections of these types and bytes, and what opening it says. */
static int judged(const aezip_header *h, const char *const *types, aezip_bytes data)
{
	uint8_t made[400] = {0xae, 'L', 'A', 'T', '\r', '\n', 1, h->channels, (uint8_t)(h->width & 255), (uint8_t)(h->width >> 8), 0, 0,
		(uint8_t)(h->height & 255), (uint8_t)(h->height >> 8), 0, 0, (uint8_t)(h->quality & 255), (uint8_t)(h->quality >> 8), h->tile,
		h->flags};
	memcpy(made + 20, h->fingerprint, 8);
	aezip_bytes bytes = {made, AEZIP_HEADER_SIZE};
	aezip_file file;
	for (; *types; types++)
		bytes.size += made_section(made + bytes.size, *types, data.data, data.size);
	made_right(made, bytes.size);
	return aezip_open(&file, bytes, 1 << 23);
}

static void test_rules(void)
{
	static const uint8_t some[30] = {8};
	static const char *const pixels[] = {"iCCP", "PIXL", NULL}, *const latents[] = {"PTCH", "LATN", NULL};
	static const char *const patched[] = {"PTCH", "PIXL", NULL}, *const both[] = {"LATN", "PIXL", NULL};
	static const char *const other[] = {"PIXL", "LATN", NULL}, *const late[] = {"LATN", "PTCH", NULL};
	static const char *const twice[] = {"PIXL", "PIXL", NULL}, *const none[] = {"PTCH", NULL};
	aezip_bytes data = {some, sizeof some};
	const aezip_header exact = {2100, 2100, 1000, 3, 0, 1, 0, {0}};
	aezip_header h = exact;
	CHECK(judged(&h, pixels, data) == AEZIP_OK);
	CHECK(judged(&h, latents, data) == AEZIP_HEADER_DAMAGED); /* a tile that is too large */
	CHECK(judged(&h, patched, data) == AEZIP_SECTION_ORDER);
	CHECK(judged(&h, both, data) == AEZIP_SECTION_ORDER);
	CHECK(judged(&h, other, data) == AEZIP_SECTION_ORDER);
	CHECK(judged(&h, twice, data) == AEZIP_SECTION_ORDER);
	CHECK(judged(&h, late, data) == AEZIP_SECTION_ORDER);
	CHECK(judged(&h, none, data) == AEZIP_TRUNCATED);
	h.quality = 999;
	CHECK(judged(&h, pixels, data) == AEZIP_HEADER_DAMAGED);
	h = exact;
	h.tile = 1;
	CHECK(judged(&h, pixels, data) == AEZIP_HEADER_DAMAGED && judged(&h, latents, data) == AEZIP_OK);
	h.fingerprint[7] = 1;
	h.flags = AEZIP_NO_SKIP;
	CHECK(judged(&h, latents, data) == AEZIP_OK);
	h.flags = AEZIP_NO_SKIP | AEZIP_PROGRESSIVE;
	CHECK(judged(&h, latents, data) == AEZIP_OK);
	h.flags = 4;
	CHECK(judged(&h, latents, data) == AEZIP_HEADER_DAMAGED);
	h = exact;
	h.flags = AEZIP_NO_SKIP;
	CHECK(judged(&h, pixels, data) == AEZIP_HEADER_DAMAGED);
	h = exact;
	h.fingerprint[0] = 1;
	CHECK(judged(&h, pixels, data) == AEZIP_HEADER_DAMAGED);
}

/* One row of bytes behind a head. */
static int row_of(aezip_bytes head, uint8_t channels, uint32_t width, aezip_bytes row, uint8_t *pixels)
{
	uint8_t section[200];
	aezip_file file = {{width, 1, 1000, channels, 0, 1, 0, {0}}, {NULL, 0}, {NULL, 0}, {section, 0}, {NULL, 0}, 8};
	aezip_exact exact;
	aezip_band band;
	uint8_t bytes[64];
	file.pixels.size = made_exact(section, head.data, head.size, row.data, row.size);
	int error = aezip_open_exact(&exact, &file);
	if (error)
		return error;
	CHECK(aezip_band_size(&exact) <= sizeof bytes && aezip_next_band(&exact, &band) == 1);
	error = aezip_read_band(&exact, &band, bytes);
	error = error ? error : aezip_read_row(&exact, bytes, 0, pixels);
	CHECK(aezip_next_band(&exact, &band) == 0);
	return error;
}

static void test_rows(void)
{
	static const struct {
		uint8_t head_size, channels, width, row_size;
		uint8_t head[12], row[8], want[6];
		int error;
	} cases[] = {
		{2, 1, 3, 4, {8, 0}, {1, 250, 10, 1}, {250, 4, 5}, AEZIP_OK},
		{2, 3, 2, 7, {8, 0}, {3, 1, 2, 3, 4, 5, 255}, {1, 2, 3, 5, 7, 2}, AEZIP_OK},
		{2, 3, 1, 4, {8, 2}, {0, 250, 10, 3}, {4, 10, 13}, AEZIP_OK},
		{2, 1, 5, 2, {1, 0}, {0, 0xb7}, {255, 0, 255, 255, 0}, AEZIP_OK},
		{2, 1, 5, 3, {2, 0}, {1, 0x1b, 0x40}, {0, 85, 170, 255, 85}, AEZIP_OK},
		{2, 1, 3, 3, {4, 0}, {0, 0x1f, 0xa7}, {17, 255, 170}, AEZIP_OK},
		{9, 3, 2, 2, {1, 1, 1, 1, 2, 3, 4, 5, 6}, {0, 0x7f}, {1, 2, 3, 4, 5, 6}, AEZIP_OK},
		{6, 3, 1, 2, {4, 1, 0, 1, 2, 3}, {0, 0x0f}, {1, 2, 3}, AEZIP_OK},
		{6, 3, 1, 2, {4, 1, 0, 1, 2, 3}, {0, 0x1f}, {0}, AEZIP_EXACT_DAMAGED}, /* beyond the palette */
		{2, 1, 1, 2, {8, 0}, {4, 1}, {0}, AEZIP_EXACT_DAMAGED},               /* a prediction */
		{2, 1, 1, 2, {3, 0}, {0, 1}, {0}, AEZIP_EXACT_DAMAGED},               /* bits */
		{2, 1, 1, 2, {8, 4}, {0, 1}, {0}, AEZIP_EXACT_DAMAGED},               /* a flag */
		{2, 1, 1, 2, {8, 2}, {0, 1}, {0}, AEZIP_EXACT_DAMAGED},               /* green of grey */
		{6, 3, 1, 2, {8, 3, 0, 1, 2, 3}, {0, 0}, {0}, AEZIP_EXACT_DAMAGED},   /* green of a palette */
		{2, 3, 1, 3, {4, 0}, {0, 1, 2}, {0}, AEZIP_EXACT_DAMAGED},            /* bits of colours */
		{6, 1, 1, 2, {1, 1, 2, 1, 2, 3}, {0, 0}, {0}, AEZIP_EXACT_DAMAGED},   /* colours beyond the bits */
		{2, 1, 2, 2, {8, 0}, {0, 1}, {0}, AEZIP_INFLATE_DAMAGED},             /* too few bytes */
		{2, 1, 2, 4, {8, 0}, {0, 1, 2, 3}, {0}, AEZIP_INFLATE_DAMAGED},       /* too many */
		{3, 1, 1, 2, {8, 0, 0}, {0, 1}, {0}, AEZIP_EXACT_DAMAGED},            /* a length that is not the rest's */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		aezip_bytes head = {cases[i].head, cases[i].head_size}, row = {cases[i].row, cases[i].row_size};
		uint8_t pixels[6] = {0};
		int error = row_of(head, cases[i].channels, cases[i].width, row, pixels);
		CHECK(error == cases[i].error);
		CHECK(error || memcmp(pixels, cases[i].want, sizeof pixels) == 0);
		if (error != cases[i].error)
			printf("row %u: %s\n", (unsigned)i, aezip_message(error));
	}
}

/* Patches over a grey picture of 33 x 20 pixels, which has two rows of three cells. */
static void test_patches(void)
{
	enum { WIDTH = 33, HEIGHT = 20, ROW = 17, CELLS = 3 };
	static const uint8_t head[] = {8, 0}, at[CELLS] = {1, 2, 5}, bitmap[] = {0x64}, none[] = {0}, beyond[] = {0x65};
	static uint8_t rows[CELLS * AEZIP_CELL * ROW], exact[1000], section[1200], map[1];
	aezip_file file = {{WIDTH, HEIGHT, 500, 1, 0, 1, 0, {1}}, {NULL, 0}, {NULL, 0}, {NULL, 0}, {section, 0}, 8};
	aezip_patches patches;
	aezip_cell cell;
	uint8_t *pixels;
	for (size_t i = 0; i < sizeof rows; i++)
		rows[i] = (uint8_t)(i % ROW ? 10 * (i / ROW / AEZIP_CELL + 1) + i / ROW % AEZIP_CELL : 0);
	size_t size = made_exact(exact, head, sizeof head, rows, sizeof rows), wrong = 0;
	file.patches.size = made_patches(section, bitmap, sizeof bitmap, exact, size);
	CHECK(replay_pixels(&file, &pixels) == AEZIP_OK);
	for (size_t y = 0; y < HEIGHT; y++)
		for (size_t x = 0; x < WIDTH; x++) {
			size_t n = 0, number = y / AEZIP_CELL * 3 + x / AEZIP_CELL;
			while (n < CELLS && at[n] != number)
				n++;
			wrong += pixels[y * WIDTH + x] != (n < CELLS ? 10 * (n + 1) + y % AEZIP_CELL : 0);
		}
	CHECK(wrong == 0);
	free(pixels);

	CHECK(aezip_bitmap_size(&file) == 1 && aezip_open_patches(&patches, &file, map) == AEZIP_OK && patches.cells == CELLS);
	CHECK(aezip_next_cell(&patches, &cell) && cell.left == 16 && cell.top == 0 && cell.width == 16 && cell.height == 16);
	CHECK(aezip_next_cell(&patches, &cell) && cell.left == 32 && cell.top == 0 && cell.width == 1 && cell.height == 16);
	CHECK(aezip_next_cell(&patches, &cell) && cell.left == 32 && cell.top == 16 && cell.width == 1 && cell.height == 4);
	CHECK(!aezip_next_cell(&patches, &cell) && !aezip_next_cell(&patches, &cell));
	for (size_t less = 0; less < file.patches.size; less++) {
		aezip_file cut = file;
		cut.patches.size = less;
		CHECK(aezip_open_patches(&patches, &cut, map) != AEZIP_OK);
	}
	file.patches.size = made_patches(section, none, sizeof none, exact, size);
	CHECK(aezip_open_patches(&patches, &file, map) == AEZIP_PATCHES_DAMAGED);
	file.patches.size = made_patches(section, beyond, sizeof beyond, exact, size);
	CHECK(aezip_open_patches(&patches, &file, map) == AEZIP_PATCHES_DAMAGED);
	file.patches.size = made_patches(section, bitmap, 0, exact, size);
	CHECK(aezip_open_patches(&patches, &file, map) == AEZIP_INFLATE_DAMAGED);
}

/* A stored stream, and each bit of it wrong. */
static void test_inflate(void)
{
	static const uint8_t text[] = "as it is, as it is, as it is";
	/* the same in a block with the fixed code, as zlib writes it */
	static const uint8_t fixed[] = {0x78, 0x01, 0x4b, 0x2c, 0x56, 0xc8, 0x2c, 0x51, 0xc8, 0x2c, 0xd6, 0x51, 0x48, 0xc4, 0x60, 0x01,
		0x00, 0x82, 0x17, 0x09, 0x00};
	enum { SIZE = sizeof text - 1 };
	uint8_t stored[SIZE + 11], out[SIZE + 1];
	aezip_bytes good = {stored, made_zlib(stored, text, SIZE)}, short_one = {fixed, sizeof fixed};
	CHECK(aezip_inflate(good, out, SIZE) == AEZIP_OK && memcmp(out, text, SIZE) == 0);
	CHECK(aezip_inflate(good, out, SIZE - 1) == AEZIP_INFLATE_DAMAGED);
	CHECK(aezip_inflate(good, out, SIZE + 1) == AEZIP_INFLATE_DAMAGED);
	memset(out, 0, sizeof out);
	CHECK(aezip_inflate(short_one, out, SIZE) == AEZIP_OK && memcmp(out, text, SIZE) == 0);
	CHECK(aezip_inflate(short_one, out, SIZE - 1) == AEZIP_INFLATE_DAMAGED);
	for (size_t bit = 0; bit < 8 * sizeof stored; bit++) {
		stored[bit / 8] = (uint8_t)(stored[bit / 8] ^ 1u << bit % 8);
		int error = aezip_inflate(good, out, SIZE);
		CHECK(error == AEZIP_INFLATE_DAMAGED || (bit / 8 == 2 && bit % 8 > 2 && error == AEZIP_OK)); /* of no meaning there */
		stored[bit / 8] = (uint8_t)(stored[bit / 8] ^ 1u << bit % 8);
	}
	for (good.size = 0; good.size < sizeof stored; good.size++)
		CHECK(aezip_inflate(good, out, SIZE) == AEZIP_INFLATE_DAMAGED);
}

static void test_errors(void)
{
	for (int error = 0; error < AEZIP_ERRORS; error++)
		CHECK(aezip_message(error) && aezip_name(error));
	CHECK(strcmp(aezip_name(AEZIP_STREAM_LONG), "StreamDamaged") == 0);
	CHECK(strcmp(aezip_message(-1), aezip_message(AEZIP_ERRORS)) == 0);
}

/* A model without a hyperprior is told from a damaged one. */
static void test_static_model(const char *folder)
{
	static aezip_model model;
	static uint16_t last[AEZIP_LAST_MAX];
	char path[512];
	snprintf(path, sizeof path, "%s/tiny-static.aezm", folder);
	aezip_bytes package = replay_read(path);
	CHECK(package.data && aezip_open_model(&model, package, last, AEZIP_LAST_MAX) == AEZIP_MODEL_STATIC);
	free((void *)package.data);
}

/* Files of a model that chooses the step of each latent. */
static void test_steps(const char *folder)
{
	static const char *names[] = {"steps", "steps-early", "steps-whole"};
	static replay r;
	char package[512], vectors[512];
	snprintf(package, sizeof package, "%s/tiny-steps.aezm", folder);
	snprintf(vectors, sizeof vectors, "%s/steps.npz", folder);
	CHECK(replay_open(&r, package, vectors) == NULL);
	r.strict = 1;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		test_file(&r, folder, names[i]);
	replay_close(&r);
}

/* A member that stands twice is none. */
static void test_twice(aezip_bytes package)
{
	static const char once[] = "encoder.onnx", twice[] = "decoder.onnx";
	aezip_bytes member, changed = {NULL, package.size};
	uint8_t *data = malloc(package.size);
	CHECK(data != NULL);
	if (!data)
		return;
	memcpy(data, package.data, package.size);
	changed.data = data;
	CHECK(aezip_find_member(changed, twice, &member) == AEZIP_OK);
	for (size_t i = 0; i + sizeof once <= package.size; i++)
		if (memcmp(data + i, once, sizeof once - 1) == 0)
			memcpy(data + i, twice, sizeof once - 1);
	CHECK(aezip_find_member(changed, twice, &member) == AEZIP_PACKAGE_DAMAGED);
	free(data);
}

int main(int count, char **arguments)
{
	static const char *names[] = {"one-pixel", "grey", "odd", "fine", "escapes", "tiles", "patched", "patched-grey", "whole",
		"early", "early-tiles", "early-whole"};
	static const char *exact[] = {"exact-grey-1", "exact-grey-2", "exact-grey-4", "exact-grey-8", "exact-grey-palette",
		"exact-palette-1", "exact-palette-2", "exact-palette-4", "exact-palette-8", "exact-one-colour", "exact-green", "exact-rgb",
		"exact-alpha"};
	static replay r;
	char package[512], vectors[512];
	if (count != 2) {
		fputs("usage: aezip-test GOLDEN\n", stderr);
		return 2;
	}
	snprintf(package, sizeof package, "%s/tiny.aezm", arguments[1]);
	snprintf(vectors, sizeof vectors, "%s/vectors.npz", arguments[1]);
	const char *wrong = replay_open(&r, package, vectors);
	if (wrong) {
		printf("%s: %s\n", package, wrong);
		return 1;
	}
	r.strict = 1;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		test_file(&r, arguments[1], names[i]);
	test_whole(&r, arguments[1]);
	test_steps(arguments[1]);
	test_coder(&r.model.tables);
	test_halves(&r.model.tables);
	snprintf(vectors, sizeof vectors, "%s/exact.npz", arguments[1]);
	aezip_bytes pixels = replay_read(vectors);
	for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
		test_exact(arguments[1], exact[i], pixels);
	snprintf(vectors, sizeof vectors, "%s/depth.npz", arguments[1]);
	aezip_bytes deep = replay_read(vectors);
	test_depth(arguments[1], deep);
	free((void *)deep.data);
	free((void *)pixels.data);
	test_bands(arguments[1]);
	test_colours(arguments[1]);
	test_rules();
	test_rows();
	test_patches();
	test_inflate();
	test_static_model(arguments[1]);
	test_errors();
	test_twice(r.package);
	replay_close(&r);
	printf(failures ? "%d failed\n" : "ok\n", failures);
	return failures != 0;
}
