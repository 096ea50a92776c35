/* Shows what is in `.lat` files, or dumps their latents, or their pixels where no model is needed.

	aezip-dump FILE.lat...                            header, sections, tiles
	aezip-dump MODEL.aezm VECTORS.npz FILE.lat        the latents, i16 little-endian [rows][columns][channels], to stdout
	aezip-dump FILE.lat --pixels OUT.ppm              the pixels of a file without loss; grey ones as PGM; no alpha

   Vectors hold what the graphs say of a file (tests/golden/README.md), under the file's name without folder and ending.
   Exit code 0; 1: a file is damaged, or does not fit its vectors; 2: wrong usage. */

#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PIXELS ((uint64_t)1 << 28)

static int fail(const char *path, const char *name, const char *line)
{
	fprintf(stderr, "aezip-dump: error: %s: %s%s%s\n", path, name, *name ? ": " : "", line);
	return 1;
}

static int fail_of(const char *path, int error)
{
	return fail(path, aezip_name(error), aezip_message(error));
}

static void show(const char *path, const aezip_file *file, aezip_tiles *tiles)
{
	const aezip_header *h = &file->header;
	printf("%s: version %u, %lu x %lu pixels, %u channels, quality %u, tile %u, model ", path, h->version,
		(unsigned long)h->width, (unsigned long)h->height, h->channels, h->quality, h->tile);
	for (int i = 0; i < 8; i++)
		printf("%02x", h->fingerprint[i]);
	printf("\n");
	size_t position = 0;
	for (aezip_section section; aezip_next_section(file, &position, &section);)
		printf("  section %.4s, %lu bytes\n", (const char *)section.type, (unsigned long)section.data.size);
	for (aezip_tile tile; tiles && aezip_next_tile(tiles, &tile);)
		printf("  tile at %lu, %lu: %lu x %lu positions, %lu bytes\n", (unsigned long)tile.top, (unsigned long)tile.left,
			(unsigned long)tile.height, (unsigned long)tile.width, (unsigned long)tile.stream.size);
}

static int show_all(int count, char **paths)
{
	int code = 0;
	for (int i = 0; i < count; i++) {
		aezip_file file;
		aezip_tiles tiles;
		aezip_bytes bytes = replay_read(paths[i]);
		int error = bytes.data ? aezip_open(&file, bytes, MAX_PIXELS) : AEZIP_OK;
		int tiled = bytes.data && !error && file.latents.data;
		if (tiled)
			error = aezip_open_tiles(&tiles, &file);
		if (!bytes.data)
			code = fail(paths[i], "", "cannot be read");
		else if (error)
			code = fail_of(paths[i], error);
		else
			show(paths[i], &file, tiled ? &tiles : NULL);
		free((void *)bytes.data);
	}
	return code;
}

/* The file's name without folder and ending. */
static const char *stem_of(const char *path, char *stem, size_t room)
{
	const char *slash = strrchr(path, '/'), *from = slash ? slash + 1 : path, *dot = strrchr(from, '.');
	size_t length = dot ? (size_t)(dot - from) : strlen(from);
	length = length < room ? length : room - 1;
	memcpy(stem, from, length);
	stem[length] = 0;
	return stem;
}

static int dump(replay *r, const char *path)
{
	char stem[40];
	aezip_file file;
	int16_t *latents = NULL;
	size_t count = 0;
	aezip_bytes bytes = replay_read(path);
	if (!bytes.data)
		return fail(path, "", "cannot be read");
	int error = aezip_open(&file, bytes, MAX_PIXELS);
	if (!error)
		error = replay_decode(r, stem_of(path, stem, sizeof stem), &file, &latents, &count);
	if (error == AEZIP_ENGINE_FAILED)
		fail(path, r->wrong, "not in the vectors, or others");
	else if (error)
		fail_of(path, error);
	for (size_t i = 0; i < count && !error; i++) {
		putchar(latents[i] & 255);
		putchar((uint16_t)latents[i] >> 8);
	}
	free(latents);
	free((void *)bytes.data);
	return error != AEZIP_OK;
}

static void high_bytes_first(uint8_t *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint16_t sample;
		memcpy(&sample, samples + 2 * i, 2);
		samples[2 * i] = (uint8_t)(sample >> 8);
		samples[2 * i + 1] = (uint8_t)sample;
	}
}

static int dump_pixels(const char *path, const char *to)
{
	aezip_file file;
	uint8_t *pixels = NULL;
	aezip_bytes bytes = replay_read(path);
	if (!bytes.data)
		return fail(path, "", "cannot be read");
	int error = aezip_open(&file, bytes, MAX_PIXELS), code = 1;
	if (!error && !file.pixels.data) {
		fail(path, "", "its pixels need a model; expected a file without loss");
	} else if (error || (error = replay_pixels(&file, &pixels)) != AEZIP_OK) {
		fail_of(path, error);
	} else {
		const aezip_header *h = &file.header;
		size_t count = (size_t)h->width * h->height;
		FILE *out = fopen(to, "wb");
		if (out) {
			size_t size = h->channels * replay_sample_size(&file);
			fprintf(out, "P%c %lu %lu %u\n", h->channels == 3 ? '6' : '5', (unsigned long)h->width, (unsigned long)h->height,
				(1u << file.depth) - 1);
			if (file.depth > 8)
				high_bytes_first(pixels, count * h->channels);
			code = fwrite(pixels, size, count, out) != count;
			code = fclose(out) != 0 || code;
		}
		if (code)
			fail(to, "", "cannot be written");
	}
	free(pixels);
	free((void *)bytes.data);
	return code;
}

int main(int count, char **arguments)
{
	static replay r;
	const char *ending = count > 1 ? strrchr(arguments[1], '.') : NULL;
	int with_model = ending && strcmp(ending, ".aezm") == 0;
	if (count < 2 || (with_model && count != 4)) {
		fputs("usage: aezip-dump FILE.lat... | MODEL.aezm VECTORS.npz FILE.lat | FILE.lat --pixels OUT.ppm\n", stderr);
		return 2;
	}
	if (count == 4 && strcmp(arguments[2], "--pixels") == 0)
		return dump_pixels(arguments[1], arguments[3]);
	if (!with_model)
		return show_all(count - 1, arguments + 1);
	const char *wrong = replay_open(&r, arguments[1], arguments[2]);
	r.strict = 1;
	int code = wrong ? fail(arguments[1], "", wrong) : dump(&r, arguments[3]);
	replay_close(&r);
	return code;
}
