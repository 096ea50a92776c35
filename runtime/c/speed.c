/* Measures the coder: symbols drawn from the tables, each as often as the table says; tables used as in photographs or alike.

	aezip-speed MODEL.aezm [MILLIONS]

   A symbol is an int16, so that a million symbols a second are 2 MB/s. Time is processor time, the best of five. */

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

static int measure(const aezip_tables *tables, const char *name, size_t count, unsigned lowest, unsigned span)
{
	uint8_t *index = malloc(count), *stream = malloc(AEZIP_STREAM_MAX(AEZIP_LANES, count));
	int16_t *symbol = malloc(2 * count), *decoded = malloc(2 * count);
	if (!index || !stream || !symbol || !decoded)
		return 1;
	for (size_t i = 0; i < count; i++) {
		/* like in photographs, low tables are the more frequent ones */
		index[i] = (uint8_t)(lowest + draw() % (1 + draw() % span));
		symbol[i] = symbol_of(tables, index[i]);
	}
	double best[2] = {1e9, 1e9};
	size_t size = 0;
	int error = 0;
	for (int repeat = 0; repeat < 5 && !error; repeat++) {
		aezip_phase phase = {index, symbol, count};
		aezip_decoder decoder;
		double start = seconds();
		size = AEZIP_STREAM_MAX(AEZIP_LANES, count);
		error = aezip_encode(tables, &phase, 1, AEZIP_LANES, stream, &size);
		double middle = seconds();
		aezip_bytes bytes = {stream, size};
		error = error ? error : aezip_begin(&decoder, tables, bytes);
		error = error ? error : aezip_take(&decoder, index, count, decoded);
		error = error ? error : aezip_finish(&decoder);
		double times[2] = {middle - start, seconds() - middle};
		for (int i = 0; i < 2; i++)
			best[i] = times[i] < best[i] ? times[i] : best[i];
	}
	if (error || memcmp(symbol, decoded, 2 * count) != 0) {
		fprintf(stderr, "aezip-speed: error: %s\n", aezip_message(error));
		return 1;
	}
	double n = (double)count;
	printf("%-24s %5.2f bits a symbol   encode %5.0f M symbols/s, %4.0f MB/s   decode %5.0f M symbols/s, %4.0f MB/s\n", name,
		8 * (double)size / n, n / best[0] / 1e6, 2 * n / best[0] / 1e6, n / best[1] / 1e6, 2 * n / best[1] / 1e6);
	free(index);
	free(stream);
	free(symbol);
	free(decoded);
	return 0;
}

int main(int count, char **arguments)
{
	static replay r;
	if (count < 2 || count > 3) {
		fputs("usage: aezip-speed MODEL.aezm [MILLIONS]\n", stderr);
		return 2;
	}
	const char *wrong = replay_open(&r, arguments[1], NULL);
	if (wrong) {
		fprintf(stderr, "aezip-speed: error: %s: %s\n", arguments[1], wrong);
		return 1;
	}
	size_t symbols = 1000000 * (count > 2 ? strtoul(arguments[2], NULL, 10) : 4);
	const aezip_tables *tables = &r.model.tables;
	int error = measure(tables, "tables 6 to 63", symbols, 6, 58) || measure(tables, "tables 6 to 25", symbols, 6, 20) ||
		measure(tables, "tables 40 to 63", symbols, 40, 24);
	replay_close(&r);
	return error;
}
