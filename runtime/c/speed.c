/* Measures the coder on one core.

	aezip-speed MODEL.aezm [MILLIONS]                       symbols drawn from tables, each as often as its table says
	aezip-speed MODEL.aezm MILLIONS VECTORS.npz NAME...     symbols of files, as vectors hold them; tools/measure_engines.py

   A symbol is an int16, so that a million symbols a second are 2 MB/s. Symbols of files are repeated to as many millions. Time is
   processor time, the best of five. */

#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint32_t random_state = 1;

static uint32_t draw(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return random_state >> 16;
}

/* A symbol with the probability that its table gives it; escapes become the largest symbol. */
static int16_t symbol_of(const aezip_tables *tables, size_t t)
{
	uint32_t slot = draw() & 65535;
	const uint16_t *entry = tables->last + tables->guess[t][slot >> 8];
	while (slot > *entry)
		entry++;
	long symbol = (long)(entry - tables->last) - (long)tables->zero[t];
	return (int16_t)(symbol > tables->radius[t] ? tables->radius[t] : symbol);
}

static double seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void say(const char *name, size_t count, size_t size, const double *best)
{
	double n = (double)count;
	printf("%-24s %5.2f bits a symbol   encode %5.0f M symbols/s, %4.0f MB/s   decode %5.0f M symbols/s, %4.0f MB/s\n", name,
		8 * (double)size / n, n / best[0] / 1e6, 2 * n / best[0] / 1e6, n / best[1] / 1e6, 2 * n / best[1] / 1e6);
}

/* Encode and decode five times. Room for the stream and for decoded symbols is the caller's. */
static int measure(const aezip_tables *tables, const char *name, const aezip_phase *phase, uint8_t *stream, int16_t *decoded)
{
	double best[2] = {1e9, 1e9};
	size_t size = 0;
	int error = 0;
	for (int repeat = 0; repeat < 5 && !error; repeat++) {
		aezip_decoder decoder;
		double start = seconds();
		size = AEZIP_STREAM_MAX(AEZIP_LANES, phase->count);
		error = aezip_encode(tables, phase, 1, AEZIP_LANES, stream, &size);
		double middle = seconds();
		aezip_bytes bytes = {stream, size};
		error = error ? error : aezip_begin(&decoder, tables, bytes);
		error = error ? error : aezip_take(&decoder, phase->index, phase->count, decoded);
		error = error ? error : aezip_finish(&decoder);
		double times[2] = {middle - start, seconds() - middle};
		for (int i = 0; i < 2; i++)
			best[i] = times[i] < best[i] ? times[i] : best[i];
	}
	if (error || memcmp(phase->symbol, decoded, 2 * phase->count) != 0) {
		fprintf(stderr, "aezip-speed: error: %s: %s\n", name, error ? aezip_message(error) : "other symbols come back");
		return 1;
	}
	say(name, phase->count, size, best);
	return 0;
}
/* Room for a measurement of so many symbols. */
typedef struct {
	uint8_t *index, *stream;
	int16_t *symbol, *decoded;
} room;

static int take_room(room *of, size_t count)
{
	of->index = malloc(count);
	of->stream = malloc(AEZIP_STREAM_MAX(AEZIP_LANES, count));
	of->symbol = malloc(2 * count);
	of->decoded = malloc(2 * count);
	return count && of->index && of->stream && of->symbol && of->decoded;
}

static void free_room(room *of)
{
	free(of->index);
	free(of->stream);
	free(of->symbol);
	free(of->decoded);
}

static int drawn(const aezip_tables *tables, const room *of, const char *name, size_t count, unsigned lowest, unsigned span)
{
	for (size_t i = 0; i < count; i++) {
		/* low tables are the more frequent ones */
		of->index[i] = (uint8_t)(lowest + draw() % (1 + draw() % span));
		of->symbol[i] = symbol_of(tables, of->index[i]);
	}
	aezip_phase phase = {of->index, of->symbol, count};
	return measure(tables, name, &phase, of->stream, of->decoded);
}

/* Copy a phase of a tile behind what there is. Returns the symbols that there are then, or 0 if the vectors lack it. */
static size_t add_phase(const replay *r, unsigned phase, const room *of, size_t at, size_t count)
{
	char table[16], symbol[16];
	aezip_array tables, symbols;
	snprintf(table, sizeof table, "table.%u", phase);
	snprintf(symbol, sizeof symbol, "symbol.%u", phase);
	if (!replay_find(r, table, &tables) || !replay_find(r, symbol, &symbols) || tables.count != symbols.count)
		return 0;
	for (size_t i = 0; i < tables.count && at < count; i++, at++) {
		of->index[at] = (uint8_t)replay_value(&tables, i);
		of->symbol[at] = (int16_t)replay_value(&symbols, i);
	}
	return at;
}

/* The first count symbols of the files, and then again. */
static int of_files(replay *r, const room *of, size_t count, char **names)
{
	size_t at = 0;
	for (; *names; names++) {
		r->name = *names;
		for (r->tile = 0; at < count; r->tile++) {
			size_t before = at, after = 0;
			for (unsigned phase = 0; phase < 3 && (after = add_phase(r, phase, of, at, count)) > 0; phase++)
				at = after;
			if (!after) {
				at = before;
				break;
			}
		}
		if (r->tile == 0 && at < count) {
			fprintf(stderr, "aezip-speed: error: %s: not in the vectors\n", *names);
			return 1;
		}
	}
	for (size_t i = at; i < count; i++) {
		of->index[i] = of->index[i - at];
		of->symbol[i] = of->symbol[i - at];
	}
	aezip_phase phase = {of->index, of->symbol, count};
	return measure(&r->model.tables, "symbols of the files", &phase, of->stream, of->decoded);
}

int main(int count, char **arguments)
{
	static replay r;
	if (count < 2 || count == 4) {
		fputs("usage: aezip-speed MODEL.aezm [MILLIONS [VECTORS.npz NAME...]]\n", stderr);
		return 2;
	}
	const char *wrong = replay_open(&r, arguments[1], count > 3 ? arguments[3] : NULL);
	if (wrong) {
		fprintf(stderr, "aezip-speed: error: %s: %s\n", arguments[1], wrong);
		return 1;
	}
	size_t symbols = 1000000 * (count > 2 ? strtoul(arguments[2], NULL, 10) : 4);
	const aezip_tables *tables = &r.model.tables;
	room of;
	int error = !take_room(&of, symbols);
	if (error)
		fputs("aezip-speed: error: no room for so many millions; expected 1 or more\n", stderr);
	else if (count > 4)
		error = of_files(&r, &of, symbols, arguments + 4);
	else
		error = drawn(tables, &of, "tables 6 to 63", symbols, 6, 58) || drawn(tables, &of, "tables 6 to 25", symbols, 6, 20) ||
			drawn(tables, &of, "tables 40 to 63", symbols, 40, 24);
	free_room(&of);
	replay_close(&r);
	return error;
}
