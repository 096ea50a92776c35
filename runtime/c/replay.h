/* A device for tests and tools: it has files and malloc, and an "engine" that replays what the graphs said of golden files
   (tests/golden/vectors.npz). It also shows how to embed the core: replay.c is what a device has to write. */

#ifndef REPLAY_H
#define REPLAY_H

#include "aezip.h"

typedef struct {
	aezip_model model;
	uint16_t last[AEZIP_LAST_MAX];
	aezip_rung rung;
	float gains[6][AEZIP_CHANNELS_MAX];
	uint8_t hyper_index[AEZIP_CHANNELS_MAX];
	aezip_bytes package, vectors;
	const char *name;  /* of the golden file */
	unsigned tile;     /* of it */
	int strict;        /* 1: inputs and sizes have to be the recorded ones; 0: outputs are repeated to whatever size, with all steps */
	const char *wrong; /* the array that did not fit */
} replay;

/* A whole file in malloc's memory, or no data. */
aezip_bytes replay_read(const char *path);

/* A model package, and vectors unless they are NULL. NULL: done; otherwise what is wrong. replay_close takes either. */
const char *replay_open(replay *r, const char *package, const char *vectors);
void replay_close(replay *r);

/* The array NAME.TILE.what of the vectors, or NAME.what where that is none. Returns 0 if there is none at all. */
int replay_find(const replay *r, const char *what, aezip_array *array);

/* Its value. */
int32_t replay_value(const aezip_array *array, size_t i);
float replay_float(const aezip_array *array, size_t i);

/* Decode the latents of a file, [rows][columns][channels] in malloc's memory. name: of its vectors. Buffers are as large as they
   must be, and no larger. */
int replay_decode(replay *r, const char *name, const aezip_file *file, int16_t **latents, size_t *count);

/* Bytes of a sample, in the machine's order: 2 of files of more than 8 bits, else 1. */
size_t replay_sample_size(const aezip_file *file);

/* The pixels [height][width][channels] of a file of exact pixels in malloc's memory; of another file black, with its patches laid
   over them as a device lays them over what its decoder made. */
int replay_pixels(const aezip_file *file, uint8_t **pixels);

/* Lay a file's patches over its pixels [height][width][channels]. */
int replay_patch(const aezip_file *file, uint8_t *pixels);

#endif
