/* Quality -> numbers for the graphs (FORMAT.md, section 5); the three phases of a tile (section 6). */

#include "aezip.h"

#include <string.h>

/* floor(v / 2^n) of negative numbers, too */
static int32_t shifted(int32_t v, int n)
{
	return v < 0 ? ~(~v >> n) : v >> n;
}

static int32_t divided(int32_t v, int32_t by)
{
	return v < 0 ? -((-v + by - 1) / by) : v / by;
}

static int32_t i32(const uint8_t *p)
{
	uint32_t v = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	return v >> 31 ? -(int32_t)(~v) - 1 : (int32_t)v;
}

/* A ladder's value at a quality. nodes: [9][channels] */
static int32_t between(const uint8_t *nodes, uint32_t channels, uint32_t channel, unsigned quality)
{
	unsigned n = quality / 125 < 7 ? quality / 125 : 7;
	int32_t r = (int32_t)(quality - 125 * n);
	const uint8_t *low = nodes + 4 * ((size_t)n * channels + channel);
	return divided(i32(low) * (125 - r) + i32(low + 4 * (size_t)channels) * r + 62, 125);
}

/* 2^(part / 4096) for 0 <= part < 4096, as a product of roots of 2 */
static double root(int32_t part)
{
	static const double roots[12] = {
		1.0001692397053022, 1.0003385080526823, 1.0006771306930664, 1.0013547198921082, 1.0027112750502025, 1.0054299011128027,
		1.0108892860517005, 1.0218971486541166, 1.0442737824274138, 1.0905077326652577, 1.189207115002721, 1.4142135623730951,
	};
	double product = 1;
	for (int bit = 0; bit < 12; bit++)
		if (part >> bit & 1)
			product *= roots[bit];
	return product;
}

static double scaled(double value, int32_t exponent)
{
	for (; exponent > 0; exponent--)
		value *= 2;
	for (; exponent < 0; exponent++)
		value /= 2;
	return value;
}

static float exact(int32_t log)
{
	int32_t mantissa = (int32_t)(root((int32_t)((uint32_t)shifted(log, 4) & 255) << 4) * 256 + 0.5);
	return (float)scaled(mantissa, shifted(log, 12) - 8);
}

static float fine(int32_t log)
{
	int32_t mantissa = (int32_t)(root((int32_t)((uint32_t)log & 4095)) * 32768 + 0.5);
	return (float)scaled(mantissa, shifted(log, 12) - 15);
}

static int32_t steps(int32_t log)
{
	return shifted(log * 11 + 4096, 13);
}

void aezip_set_rung(const aezip_model *model, unsigned quality, aezip_rung *rung)
{
	for (uint32_t c = 0; c < model->channels; c++) {
		int32_t gain = between(model->gain, model->channels, c, quality);
		int32_t inverse = between(model->inverse_gain, model->channels, c, quality);
		rung->mean_gain[c] = exact(gain - 2 * 4096);
		rung->context_gain[c] = exact(4096 - gain);
		rung->shift[c] = (float)(steps(gain) + 18);
		rung->inverse_gain[c] = fine(inverse - 4 * 4096);
	}
	for (uint32_t c = 0; c < model->hyper_channels; c++) {
		int32_t index = steps(between(model->hyper_scale, model->hyper_channels, c, quality)) + 18;
		rung->hyper_inverse[c] = exact(between(model->hyper_inverse, model->hyper_channels, c, quality) + 5 * 4096);
		rung->hyper_offset[c] = (float)between(model->hyper_offset, model->hyper_channels, c, quality);
		rung->hyper_index[c] = (uint8_t)(index < 0 ? 0 : index > 63 ? 63 : index);
	}
}

/* What a tile needs: hyper-latents, and of a half of the checkerboard what is known, means and indices. */
typedef struct {
	uint32_t rows, columns; /* of the hyper-latents */
	size_t hyper, half;     /* numbers of values */
} plan;

static plan plan_of(const aezip_model *model, uint32_t height, uint32_t width)
{
	plan p;
	p.rows = (height + 3) / 4;
	p.columns = (width + 3) / 4;
	p.hyper = (size_t)p.rows * p.columns * model->hyper_channels;
	p.half = (size_t)p.rows * p.columns * 8 * model->channels;
	return p;
}

size_t aezip_work_size(const aezip_model *model, uint32_t height, uint32_t width)
{
	plan p = plan_of(model, height, width);
	return (p.hyper + 2 * p.half) * sizeof(int16_t) + p.half;
}

/* Half of a checkerboard of latents, its even rows before its odd ones. */
typedef struct {
	uint32_t height, width, channels;
	uint32_t rows, columns; /* of the even rows, and of the odd ones, with what lies beyond the tile */
	uint32_t odd;           /* 1: the positions with an odd sum of row and column; 0: the even ones */
	const int16_t *mean;
	const uint8_t *index;   /* of a table, and in the two highest bits of a step */
	int skip;               /* what has a higher table is coded */
} half;

#define TABLE (AEZIP_TABLES - 1) /* the bits of an index that name a table */

/* Steps, in 1/16 of the quality's. */
static const uint8_t step_of[4] = {16, 21, 9, 12};

/* The column of a half's first position in a row. */
static uint32_t first_column(const half *h, uint32_t row)
{
	return (row + h->odd) % 2;
}

/* Where a position stands among the half's values. */
static size_t place_in(const half *h, uint32_t row, uint32_t column)
{
	return (((size_t)(row % 2) * h->rows + row / 2) * h->columns + column / 2) * h->channels;
}

/* Symbols to come, and where they go, as many as a whole number of turns has. */
typedef struct {
	size_t count;
	const uint8_t *times; /* each, by the two highest bits of its index */
	uint8_t index[AEZIP_LANES];
	int16_t *place[AEZIP_LANES];
} gathered;

static int take_gathered(aezip_decoder *decoder, gathered *g)
{
	uint8_t table[AEZIP_LANES];
	int16_t symbol[AEZIP_LANES];
	for (size_t i = 0; i < g->count; i++)
		table[i] = g->index[i] & TABLE;
	int error = aezip_take(decoder, table, g->count, symbol);
	for (size_t i = 0; i < g->count && !error; i++)
		*g->place[i] = (int16_t)(*g->place[i] + g->times[g->index[i] / AEZIP_TABLES] * symbol[i]);
	g->count = 0;
	return error;
}

/* Of a position's channels, those whose tables are from `low` to `high`. */
static int gather(
	aezip_decoder *decoder, gathered *g, const uint8_t *index, uint32_t channels, int low, int high, int16_t *to)
{
	int error = AEZIP_OK;
	for (uint32_t c = 0; c < channels && !error; c++) {
		int table = index[c] & TABLE;
		g->index[g->count] = index[c];
		g->place[g->count] = to + c;
		g->count += table >= low && table <= high;
		if (g->count == AEZIP_LANES)
			error = take_gathered(decoder, g);
	}
	return error;
}

/* The last table of those that are taken together from `low` on. */
static int highest(int low, int progressive)
{
	return progressive ? low : TABLE;
}

/* All positions' hyper-latents [rows * columns][channels]. progressive: table by table, from the highest. */
static int take_hyper(
	aezip_decoder *decoder, const uint8_t *index, size_t positions, uint32_t channels, int progressive, int16_t *hyper)
{
	static const uint8_t once[4] = {1, 1, 1, 1};
	gathered g;
	int error = AEZIP_OK;
	g.count = 0;
	g.times = once;
	memset(hyper, 0, positions * channels * sizeof *hyper);
	for (int low = progressive ? AEZIP_TABLES - 1 : 0; low >= 0; low--)
		for (size_t i = 0; i < positions && !error; i++)
			error = gather(decoder, &g, index, channels, low, highest(low, progressive), hyper + i * channels);
	return error ? error : take_gathered(decoder, &g);
}

/* Symbols of the half's latents whose tables are from `low` to `high`. */
static int take_tables(aezip_decoder *decoder, gathered *g, const half *h, int low, int high, int16_t *latent)
{
	int error = AEZIP_OK;
	for (uint32_t row = 0; row < h->height; row++)
		for (uint32_t column = first_column(h, row); column < h->width && !error; column += 2) {
			int16_t *to = latent + ((size_t)row * h->width + column) * h->channels;
			error = gather(decoder, g, h->index + place_in(h, row, column), h->channels, low, high, to);
		}
	return error;
}

/* Latents [height][width][channels] of the half's positions; the others stay as they are. progressive: as of take_hyper. */
static int take_half(aezip_decoder *decoder, const half *h, int progressive, int16_t *latent)
{
	gathered g;
	int error = AEZIP_OK;
	g.count = 0;
	g.times = step_of;
	for (uint32_t row = 0; row < h->height; row++)
		for (uint32_t column = first_column(h, row); column < h->width; column += 2) {
			int16_t *to = latent + ((size_t)row * h->width + column) * h->channels;
			memcpy(to, h->mean + place_in(h, row, column), h->channels * sizeof *to);
		}
	for (int low = progressive ? AEZIP_TABLES - 1 : h->skip + 1; low > h->skip && !error; low--)
		error = take_tables(decoder, &g, h, low, highest(low, progressive), latent);
	return error ? error : take_gathered(decoder, &g);
}

/* The half's latents as the context wants them; zeros beyond the tile. */
static void give_half(const half *h, const int16_t *latent, int16_t *known)
{
	memset(known, 0, (size_t)2 * h->rows * h->columns * h->channels * sizeof *known);
	for (uint32_t row = 0; row < h->height; row++)
		for (uint32_t column = first_column(h, row); column < h->width; column += 2) {
			const int16_t *from = latent + ((size_t)row * h->width + column) * h->channels;
			memcpy(known + place_in(h, row, column), from, h->channels * sizeof *known);
		}
}

int aezip_decode_tile(
	const aezip_tile *tile, const aezip_model *model, const aezip_rung *rung, const aezip_engine *engine, void *work,
	size_t work_size, int16_t *latent)
{
	uint32_t h = tile->height, w = tile->width;
	plan p = plan_of(model, h, w);
	if (work_size < aezip_work_size(model, h, w) || !tile->stream.data)
		return AEZIP_NO_ROOM;
	int16_t *hyper = work, *mean = hyper + p.hyper, *known = mean + p.half;
	uint8_t *index = (uint8_t *)(known + p.half);
	int skip = tile->flags & AEZIP_NO_SKIP ? -1 : model->skip, progressive = tile->flags & AEZIP_PROGRESSIVE;
	half first = {h, w, model->channels, 2 * p.rows, 2 * p.columns, 0, mean, index, skip};
	half second = first;
	second.odd = 1;

	aezip_decoder decoder;
	int error = aezip_begin(&decoder, &model->tables, tile->stream);
	if (error)
		return error;
	size_t positions = (size_t)p.rows * p.columns;
	error = take_hyper(&decoder, rung->hyper_index, positions, model->hyper_channels, progressive, hyper);
	if (error)
		return error;
	if (engine->prior(engine->self, hyper, p.rows, p.columns, rung, mean, index) != 0)
		return AEZIP_ENGINE_FAILED;
	if ((error = take_half(&decoder, &first, progressive, latent)) != AEZIP_OK)
		return error;
	give_half(&first, latent, known);
	if (engine->context(engine->self, known, p.rows, p.columns, rung, mean, index) != 0)
		return AEZIP_ENGINE_FAILED;
	if ((error = take_half(&decoder, &second, progressive, latent)) != AEZIP_OK)
		return error;
	return aezip_finish(&decoder);
}
