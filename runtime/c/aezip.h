/*

aezip.h - the `.lat` container and its entropy coder, in portable C99

Copyright the aezip authors. SPDX-License-Identifier: Apache-2.0


-- About

A `.lat` file holds one picture as the entropy-coded latents of a neural codec;
runtime/FORMAT.md specifies it. This is all of a decoder but the network: it reads
the file, undoes the range ANS, and calls your network engine (an NPU's, a DSP's,
onnxruntime's) where the codec's graphs have to run. It also encodes streams. Pictures
that were stored without loss it decodes alone, with an inflate of its own.

It allocates nothing, keeps no state of its own, uses no floating point but in
aezip_set_rung and aezip_give_half, and needs memcpy, memmove, memset, memcmp and strlen
of libc, no more. Every buffer is the caller's; every size that a file names is bounded
before it is used. Whatever the bytes of a file or a model are, the functions return an
error or a result, and touch no memory but what they were given.

	container.c   header, sections, tiles
	package.c     a model package's members and arrays
	rans.c        tables, decoding and encoding of streams
	latents.c     quality -> numbers for the graphs; the three phases of a tile
	exact.c       exact pixels: of a whole file, or patches of one
	inflate.c     zlib streams

README.md beside this file tells how to embed it, and what else is in the folder.


-- Synopsis

	#include "aezip.h"

	static aezip_model model;
	static uint16_t last[AEZIP_LAST_MAX];
	int error = aezip_open_model(&model, package, last, AEZIP_LAST_MAX);

	aezip_file file;
	error = aezip_open(&file, bytes, 1 << 26);
	if (error) return fail(aezip_message(error));

	aezip_set_rung(&model, file.header.quality, &rung);

	aezip_tiles tiles;
	aezip_tile tile;
	error = aezip_open_tiles(&tiles, &file);
	while (!error && aezip_next_tile(&tiles, &tile)) {
		// if (!tile.stream.data) aezip_join_tile(&tile, room), room: tile.stream.size bytes
		// work: aezip_work_size(&model, tile.height, tile.width) bytes
		// latent: tile.height * tile.width * model.channels
		error = aezip_decode_tile(&tile, &model, &rung, &engine, work, work_size, latent);
		// put the tile at tile.top, tile.left of the picture's latents
	}
	// then run decoder.onnx on the picture's latents and rung.inverse_gain, and crop
	// its pixels to file.header.width x file.header.height

	if (file.pixels.data) {  // instead: no model, no latents
		aezip_exact exact;
		aezip_band band;
		error = aezip_open_exact(&exact, &file);
		while (!error && aezip_next_band(&exact, &band)) {
			// bytes: band.size, up to aezip_band_size(&exact)
			error = aezip_read_band(&exact, &band, bytes);
			for (uint32_t row = 0; !error && row < band.rows; row++)
				error = aezip_read_row(&exact, bytes, row, pixels of row band.top + row);
		}
	}


-- Documentation

All functions that can fail return AEZIP_OK, 0, or one of the errors below;
aezip_message() has a line for each, aezip_name() the name of the class that the Python
package raises in the same case. Pictures have up to 2^20 pixels a side; a tile never has
more than 2^16 positions.

Memory: aezip_model is 35 kB, and its `last` 2 bytes for each entry of the tables (the
model `photo`: 40 kB), made once for each model. aezip_decoder is 1 kB. A tile of h x w
positions needs about 2.5 * h * w * channels bytes of work and 2 * h * w * channels for the
latents. Exact pixels need a band, of 4 MB and a prediction's byte for each row (8 MB at
most), or what the picture has. Take 10 kB of stack. A model's and a file's bytes have to stay while they are used;
they may lie in flash.

The seam. An engine is two functions and a pointer of yours that they get as `self`.
Arrays are contiguous, the channel is the fastest index; `rung` holds the graphs' other
inputs, under the names they have in FORMAT.md, section 6.

	prior    runs prior.onnx. Gets the hyper-latents [rows][columns][hyper_channels].
	         Writes mean and index (of a table and a step) of a half of the positions,
	         [2][2 rows][2 columns][channels]. Keeps the graph's other outputs, such as
	         `features`, of 8 bits or more, as they are for `context`, which is called next,
	         for the same tile.
	context  runs context.onnx on what was kept and on `known`, of the size of mean and
	         index. Writes mean and index of the other half.

Each returns 0, or anything else to give up (AEZIP_ENGINE_FAILED). The third graph,
decoder.onnx, follows when all tiles are decoded: inputs `latent`, the int16 that
aezip_decode_tile wrote, and `inverse_gain`. Of the encoder's side there are
aezip_give_half, which makes symbols of latents, and aezip_encode, which turns them into
a stream.

The prior's and the context's outputs choose the frequency tables, so they have to be
those of every other machine. Both graphs are whole numbers, in float32 or 8 bits, and no
sum in them reaches 2^24: any engine that multiplies and adds in float32, or in 32-bit
integers, gets them right; one that rounds where the graphs do not does not.

*/

#ifndef AEZIP_H
#define AEZIP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	AEZIP_OK,
	AEZIP_NOT_A_LAT,           /* wrong magic */
	AEZIP_UNSUPPORTED_VERSION, /* newer than this code */
	AEZIP_TRUNCATED,           /* ends before its sections do, or lacks its latents or pixels */
	AEZIP_HEADER_DAMAGED,      /* checksum or fields of the header */
	AEZIP_SECTION_DAMAGED,     /* checksum or type of a section */
	AEZIP_SECTION_UNKNOWN,     /* a critical section that this code does not know */
	AEZIP_SECTION_ORDER,       /* repeated, or in the wrong place */
	AEZIP_LIMIT_EXCEEDED,      /* more pixels than the caller allows */
	AEZIP_TILES_DAMAGED,       /* lengths of tiles that are not the section's */
	AEZIP_STREAM_HEAD,         /* lanes, states or an odd number of bytes */
	AEZIP_STREAM_SHORT,        /* words run out before symbols do */
	AEZIP_STREAM_ESCAPE,       /* an escaped symbol out of range */
	AEZIP_STREAM_LONG,         /* words are left over */
	AEZIP_STREAM_STATES,       /* states do not end where they began */
	AEZIP_PACKAGE_DAMAGED,     /* a model's members or arrays */
	AEZIP_MODEL_STATIC,        /* a model without a hyperprior (FORMAT.md, section 6), which is not for this core */
	AEZIP_TABLES_DAMAGED,      /* its radii or frequencies */
	AEZIP_INDEX_RANGE,         /* a table above 63, to take or to encode */
	AEZIP_SYMBOL_RANGE,        /* a symbol beyond 4095, to encode */
	AEZIP_NO_ROOM,             /* a buffer of the caller's is too small */
	AEZIP_ENGINE_FAILED,       /* the caller's engine said so */
	AEZIP_INFLATE_DAMAGED,     /* a zlib stream, or what it inflates to has another size */
	AEZIP_EXACT_DAMAGED,       /* head, bands, predictions or places in a palette of exact pixels */
	AEZIP_PATCHES_DAMAGED,     /* a bitmap of patches */
	AEZIP_NO_LATENTS,          /* tiles of a file of exact pixels */
	AEZIP_ERRORS
};

/* What was found and what was expected, in one line. */
const char *aezip_message(int error);

/* The Python package's name for it, such as "StreamDamaged". */
const char *aezip_name(int error);


typedef struct {
	const uint8_t *data;
	size_t size;
} aezip_bytes;


/* -- Container */

#define AEZIP_HEADER_SIZE 32
#define AEZIP_NO_SKIP 1      /* flags: no latent is skipped; */
#define AEZIP_PROGRESSIVE 2  /* symbols stand in the order of their tables, and several tiles' streams in slices */

typedef struct {
	uint32_t width, height;  /* pixels, 1 ... 2^20 */
	uint16_t quality;        /* 0 ... 1000 */
	uint8_t channels;        /* 3: RGB, 1: grey */
	uint8_t tile;            /* side of a tile in units of 64 pixels; 0: the picture is one */
	uint8_t version;
	uint8_t flags;           /* AEZIP_NO_SKIP and AEZIP_PROGRESSIVE */
	uint8_t fingerprint[8];  /* of the model; zeros: the file needs none */
} aezip_header;

typedef struct {
	const uint8_t *type;     /* four letters in the file, not ended by a zero */
	aezip_bytes data;
} aezip_section;

typedef struct {
	aezip_header header;
	aezip_bytes bytes;       /* the caller's, which have to stay */
	aezip_bytes latents;     /* no data: the file has exact pixels instead */
	aezip_bytes pixels;      /* no data: the file has latents */
	aezip_bytes patches;     /* no data: there are none */
	uint8_t depth;           /* bits of a sample, 8 ... AEZIP_DEPTH_MAX */
} aezip_file;

#define AEZIP_DEPTH_MAX 16

/* Read a header from the first bytes of a file. */
int aezip_read_header(aezip_header *header, aezip_bytes bytes);

/* Check a whole file against every rule of the container. Refuses pictures of more than max_pixels. */
int aezip_open(aezip_file *file, aezip_bytes bytes, uint64_t max_pixels);

/* The section at *position of an open file, which moves on; start with 0. Returns 0 after the last. */
int aezip_next_section(const aezip_file *file, size_t *position, aezip_section *section);

typedef struct {
	uint8_t primaries, transfer;  /* code points of ITU-T H.273; 1 and 13: sRGB */
	uint8_t full_range;           /* 0: samples of 8 bits go from 16 to 235 */
} aezip_colours;

/* What the code points of an open file say of its colours; sRGB, if it has none. Files without may have an ICC profile, iCCP. */
int aezip_read_colours(const aezip_file *file, aezip_colours *colours);

#define AEZIP_SLICES 64  /* of each stream, in files with AEZIP_PROGRESSIVE that have several tiles */

typedef struct {
	uint32_t top, left, height, width;  /* in positions of 16 x 16 pixels */
	uint8_t flags;                      /* of the header */
	aezip_bytes stream;                 /* no data: it is in slices, until aezip_join_tile puts them together */
	const uint8_t *slice[AEZIP_SLICES];
} aezip_tile;

typedef struct {
	uint32_t height, width, side;  /* of the picture and of a tile, in positions */
	uint32_t top, left;            /* of the next tile */
	uint8_t flags;
	const uint8_t *length, *stream, *end;
	const uint8_t *slice[AEZIP_SLICES];  /* of the next tile */
} aezip_tiles;

/* Walk over the tiles of an open file. AEZIP_NO_LATENTS, if it has none. */
int aezip_open_tiles(aezip_tiles *tiles, const aezip_file *file);

/* The next tile, in row-major order. Returns 0 after the last. */
int aezip_next_tile(aezip_tiles *tiles, aezip_tile *tile);

/* Put a stream's slices together. room: of tile->stream.size bytes, which have to stay; not used, if there is one piece. */
void aezip_join_tile(aezip_tile *tile, uint8_t *room);


/* -- Entropy coder */

#define AEZIP_TABLES 64
#define AEZIP_LANES 256
#define AEZIP_SYMBOL_MAX 4095
#define AEZIP_RADIUS_MAX 1023
#define AEZIP_LAST_MAX 65537

/* An entry e of a table owns the slots last[e - 1] + 1 ... last[e] of 0 ... 65535. Tables stand one after the other, and each
   ends at 65535, so that the slots of a table's first entry begin at 65535 + 1 modulo 2^16, which is 0. */
typedef struct {
	const uint16_t *last;
	uint32_t zero[AEZIP_TABLES];           /* the entry of symbol 0 */
	uint16_t radius[AEZIP_TABLES];
	uint16_t guess[AEZIP_TABLES][256];     /* the entry of slot 256 * i */
} aezip_tables;

/* Make tables of radius [64] and frequency [count], arrays of tables.npz: i32, little-endian, anywhere. room: of `last`, which
   takes 1 + count. */
int aezip_make_tables(
	aezip_tables *tables, const uint8_t *radius, const uint8_t *frequency, size_t count, uint16_t *last, size_t room);

typedef struct {
	const aezip_tables *tables;
	const uint8_t *words;
	size_t used, length;     /* of the words */
	uint32_t lanes;
	uint32_t state[AEZIP_LANES];
} aezip_decoder;

/* Begin to decode a stream, take its phases one by one, and check that it ends as it must. A phase may be taken in parts of
   whole turns. After an error the decoder is of no more use. */
int aezip_begin(aezip_decoder *decoder, const aezip_tables *tables, aezip_bytes stream);
int aezip_take(aezip_decoder *decoder, const uint8_t *index, size_t count, int16_t *symbol);
int aezip_finish(const aezip_decoder *decoder);

typedef struct {
	const uint8_t *index;    /* the table of each symbol */
	const int16_t *symbol;
	size_t count;
} aezip_phase;

/* What a stream can take at most. */
#define AEZIP_STREAM_MAX(lanes, symbols) (1 + 4 * (size_t)(lanes) + 4 * (size_t)(symbols))

/* Code phases as one stream of `lanes` lanes, a power of two up to 256; one for each 512 bytes that are to be expected keeps
   their cost under 1 %. *size: the room in `stream`, then what was used. */
int aezip_encode(
	const aezip_tables *tables, const aezip_phase *phases, size_t count, unsigned lanes, uint8_t *stream, size_t *size);


/* -- Model */

#define AEZIP_NODES 9
#define AEZIP_CHANNELS_MAX 1024

/* What decoding needs of a package's tables.npz. Ladders are i32, little-endian, in the package's bytes, which have to stay. */
typedef struct {
	aezip_tables tables;
	uint32_t channels, hyper_channels;
	const uint8_t *gain, *inverse_gain;                         /* [9][channels] */
	const uint8_t *hyper_inverse, *hyper_scale, *hyper_offset;  /* [9][hyper_channels] */
	uint8_t skip;
} aezip_model;

/* Open a package, or its tables.npz alone. Digests are not checked: do it when you install a model. room: of `last`, up to
   AEZIP_LAST_MAX. */
int aezip_open_model(aezip_model *model, aezip_bytes package, uint16_t *last, size_t room);

typedef struct {
	const uint8_t *data;     /* little-endian, not aligned */
	size_t count, item;      /* number of values, bytes of each */
	char kind;               /* i, u or f, as numpy's */
} aezip_array;

/* A stored member of a zip; an array of an .npz, which is a zip, too. AEZIP_PACKAGE_DAMAGED, if it is not there. */
int aezip_find_member(aezip_bytes zip, const char *name, aezip_bytes *member);
int aezip_find_array(aezip_bytes npz, const char *name, aezip_array *array);


/* -- Latents */

/* What a quality means: inputs of the graphs. The arrays are the caller's. */
typedef struct {
	float *mean_gain, *context_gain, *shift, *inverse_gain;     /* [channels] */
	float *hyper_inverse, *hyper_offset;                        /* [hyper_channels] */
	uint8_t *hyper_index;                                       /* [hyper_channels] tables of the hyper-latents */
} aezip_rung;

/* Fill the arrays of a rung. quality: 0 ... 1000. */
void aezip_set_rung(const aezip_model *model, unsigned quality, aezip_rung *rung);

/* Your network engine; see "The seam". */
typedef struct {
	void *self;
	int (*prior)(
		void *self, const int16_t *hyper, uint32_t rows, uint32_t columns, const aezip_rung *rung, int16_t *mean, uint8_t *index);
	int (*context)(
		void *self, const int16_t *known, uint32_t rows, uint32_t columns, const aezip_rung *rung, int16_t *mean,
		uint8_t *index);
} aezip_engine;

/* Half of a tile's latents, those of the positions whose row and column have an even sum, or an odd one. Its values are
   [2][2 rows][2 columns][channels], rows and columns of the hyper-latents, as the graphs say them. */
typedef struct {
	uint32_t height, width;  /* of the tile, in positions */
	uint32_t channels;
	uint32_t odd;            /* 0 or 1 */
	int skip;                /* latents of a higher table are coded; -1: all are */
	int progressive;         /* symbols stand table by table, the highest first */
} aezip_half;

/* Take a half's symbols. index: of its tables and steps. latent: its means, which become its latents; 0 beyond the tile.
   place: room to sort symbols; with less than a place for each of them it takes longer. */
int aezip_take_half(
	aezip_decoder *decoder, const aezip_half *half, const uint8_t *index, int16_t *latent, uint32_t *place, size_t room);

/* The inverse: choose the symbols of a half's latents, where they are coded. They come in the order of positions: for a progressive
   file sort them by their tables, the highest first, before aezip_encode. Of symbols that are not 0 the neighbour towards 0 is
   taken where it saves more bits than its error is worth. */
typedef struct {
	const int16_t *latent;   /* what is wanted; laid out as the half */
	const uint8_t *flat;     /* 1 at positions where symbols are only rounded, [2][2 rows][2 columns]; NULL: nowhere */
	const aezip_tables *tables;
	const float *cost;       /* bits of each entry: 16 - log2(frequency), of an escape 16 more; NULL: all are only rounded */
	double worth;            /* bits that an error of a step, squared, is worth */
} aezip_wanted;

/* mean: the half's means, which become the latents that aezip_take_half will make. table, symbol: room for as many as there are latents. lost:
   the largest distance between a latent that is not coded and its mean. Returns how many symbols there are. */
size_t aezip_give_half(
	const aezip_half *half, const aezip_wanted *wanted, const uint8_t *index, int16_t *mean, uint8_t *table, int16_t *symbol,
	int32_t *lost);

/* Bytes of work for a tile. */
size_t aezip_work_size(const aezip_model *model, uint32_t height, uint32_t width);

/* Decode a tile to latents [height][width][channels], in 1/16 of a step. work: aligned for uint32_t, such as malloc's. */
int aezip_decode_tile(
	const aezip_tile *tile, const aezip_model *model, const aezip_rung *rung, const aezip_engine *engine, void *work,
	size_t work_size, int16_t *latent);


/* -- Exact pixels */

/* How pixels are stored, and which band comes next. Pointers point into the file. */
typedef struct {
	uint64_t height, top;    /* pixels; of them, above the next band */
	uint32_t width, row;     /* pixels, and bytes of a row */
	uint32_t rows;           /* of a band; the last one has what remains */
	uint16_t colours;        /* of the palette; 0: there is none */
	uint8_t channels;        /* 3: RGB, 1: grey */
	uint8_t samples, bits;   /* of a pixel, of a sample */
	uint8_t green;           /* 1: it was subtracted from red and blue */
	uint8_t depth;           /* of the picture */
	const uint8_t *palette;  /* [colours][channels] */
	const uint8_t *length, *band;
} aezip_exact;

typedef struct {
	uint64_t top;            /* its first row */
	uint32_t rows;
	size_t size;             /* bytes that it inflates to: for each row a prediction and its bytes */
	aezip_bytes zlib;
} aezip_band;

/* Read the head of an open file's pixels, which has some. */
int aezip_open_exact(aezip_exact *exact, const aezip_file *file);

/* Bytes of the largest band. */
size_t aezip_band_size(const aezip_exact *exact);

/* The next band, from the top. Returns 0 after the last. */
int aezip_next_band(aezip_exact *exact, aezip_band *band);

/* Inflate a band and undo its predictions. bytes: band.size. To inflate elsewhere, fill `bytes` and call the second alone. */
int aezip_read_band(const aezip_exact *exact, const aezip_band *band, uint8_t *bytes);
int aezip_undo_predictions(const aezip_exact *exact, const aezip_band *band, uint8_t *bytes);

/* The pixels [width][channels] of a row of a band, counted from the band's first, whose predictions are undone; in 8 bits,
   whatever the depth. */
int aezip_read_row(const aezip_exact *exact, const uint8_t *bytes, uint32_t row, uint8_t *pixels);

/* The same in all bits, of a depth above 8. */
int aezip_read_deep_row(const aezip_exact *exact, const uint8_t *bytes, uint32_t row, uint16_t *samples);

/* The head of a section ALPH that begins with a 2, of a file of more than 8 bits: opacities as exact pixels of one channel. */
int aezip_open_deep_alpha(aezip_exact *exact, const aezip_file *file, aezip_bytes alpha);

/* A sample of a depth above 8 from what the decoder graph makes before it rounds to levels, 0 ... 255. */
uint16_t aezip_sample_of(float level, unsigned depth);

/* A zlib stream of the size that it has to inflate to; also what a band of alpha has behind its prediction. */
int aezip_inflate(aezip_bytes zlib, uint8_t *out, size_t size);

#define AEZIP_CELL 16

/* Cells of AEZIP_CELL x AEZIP_CELL pixels, to be laid over the decoded picture, but for its alpha. Their pixels stand below each
   other in `exact`: rows AEZIP_CELL * n and so on are those of the n-th cell, from 0. */
typedef struct {
	aezip_exact exact;
	uint64_t cells;            /* that are patched */
	uint64_t next;             /* where to look for one */
	uint32_t width, height;    /* of the picture, in pixels */
	const uint8_t *bitmap;
} aezip_patches;

typedef struct {
	uint32_t top, left, height, width;  /* in pixels; less than AEZIP_CELL of them, where the picture ends */
} aezip_cell;

/* Bytes of the bitmap of a file's patches: a bit for each cell of the picture. */
size_t aezip_bitmap_size(const aezip_file *file);

/* Read the head of an open file's patches, which has some. bitmap: of that size, has to stay. */
int aezip_open_patches(aezip_patches *patches, const aezip_file *file, uint8_t *bitmap);

/* The next cell, in row-major order. Returns 0 after the last. */
int aezip_next_cell(aezip_patches *patches, aezip_cell *cell);

#ifdef __cplusplus
}
#endif

#endif /* AEZIP_H */
