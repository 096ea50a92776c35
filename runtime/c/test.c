/* The core against the golden files (make test, under sanitizers). What is checked, in the order of the pipeline: gains of the
   quality; each phase of each stream under the recorded tables, and its encoding, byte for byte; the tables and symbols of the
   checkerboard; the latents, with what the core hands to the engine. Then the coder on symbols drawn at random, and damage. */

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

/* A half's latents came from the recorded tables and symbols, in the stream's order. */
static void test_half(const replay *r, const aezip_tile *tile, const int16_t *latents, size_t width, int odd)
{
	aezip_array mean, index, table, symbol;
	CHECK(replay_find(r, odd ? "context.mean" : "prior.mean", &mean));
	CHECK(replay_find(r, odd ? "context.index" : "prior.index", &index));
	CHECK(replay_find(r, odd ? "table.2" : "table.1", &table));
	CHECK(replay_find(r, odd ? "symbol.2" : "symbol.1", &symbol));
	size_t n = 0, channels = r->model.channels;
	size_t rows = (tile->height + 3) / 4 * 2, columns = (tile->width + 3) / 4 * 2; /* of the even rows, and of the odd ones */
	for (size_t row = 0; row < tile->height; row++)
		for (size_t column = (row + (size_t)odd) % 2; column < tile->width; column += 2)
			for (size_t c = 0; c < channels; c++) {
				size_t at = ((row % 2 * rows + row / 2) * columns + column / 2) * channels + c;
				int latent = latents[((tile->top + row) * width + tile->left + column) * channels + c];
				int off = latent - replay_value(&mean, at);
				if (replay_value(&index, at) > r->model.skip) {
					CHECK(n < table.count && replay_value(&table, n) == replay_value(&index, at));
					CHECK(n < table.count && off == 16 * replay_value(&symbol, n));
					n++;
				} else {
					CHECK(off == 0);
				}
			}
	CHECK(n == table.count && n == symbol.count);
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
	CHECK(aezip_open_tiles(&tiles, &file) == AEZIP_OK);
	size_t width = tiles.width;
	for (r->tile = 0; aezip_next_tile(&tiles, &tile); r->tile++) {
		test_stream(r, tile.stream);
		test_half(r, &tile, latents, width, 0);
		test_half(r, &tile, latents, width, 1);
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
	static const char *names[] = {"one-pixel", "grey", "odd", "fine", "escapes", "tiles"};
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
	test_coder(&r.model.tables);
	test_static_model(arguments[1]);
	test_errors();
	test_twice(r.package);
	replay_close(&r);
	printf(failures ? "%d failed\n" : "ok\n", failures);
	return failures != 0;
}
