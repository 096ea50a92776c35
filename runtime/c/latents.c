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

#define TABLE (AEZIP_TABLES - 1) /* the bits of an index that name a table */

/* Steps, in 1/16 of the quality's. */
static const uint8_t step_of[4] = {16, 21, 9, 12};

/* Rows and columns of a half's even rows, and of its odd ones, with what lies beyond the tile. */
static uint32_t rows_of(const aezip_half *h)
{
	return (h->height + 3) / 4 * 2;
}

static uint32_t columns_of(const aezip_half *h)
{
	return (h->width + 3) / 4 * 2;
}

/* The column of a half's first position in a row. */
static uint32_t first_column(const aezip_half *h, uint32_t row)
{
	return (row + h->odd) % 2;
}

/* Where a position stands among the half's values. */
static size_t place_in(const aezip_half *h, uint32_t row, uint32_t column)
{
	return (((size_t)(row % 2) * rows_of(h) + row / 2) * columns_of(h) + column / 2) * h->channels;
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

static int is_among(const uint8_t *index, uint32_t channels, int table)
{
	while (channels > 0)
		if (index[--channels] == table)
			return 1;
	return 0;
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
	for (int low = progressive ? TABLE : 0; low >= 0; low--)
		if (!progressive || is_among(index, channels, low))
			for (size_t i = 0; i < positions && !error; i++)
				error = gather(decoder, &g, index, channels, low, progressive ? low : TABLE, hyper + i * channels);
	return error ? error : take_gathered(decoder, &g);
}

/* The half's latents whose tables are from `low` to `high`, position by position. */
static int gather_tables(
	aezip_decoder *decoder, gathered *g, const aezip_half *h, const uint8_t *index, int low, int high, int16_t *latent)
{
	int error = AEZIP_OK;
	for (uint32_t row = 0; row < h->height; row++)
		for (uint32_t column = first_column(h, row); column < h->width && !error; column += 2) {
			size_t at = place_in(h, row, column);
			error = gather(decoder, g, index + at, h->channels, low, high, latent + at);
		}
	return error;
}

/* How many of the half's latents have each table. */
static void count_tables(const aezip_half *h, const uint8_t *index, size_t *count)
{
	size_t counts[2][AEZIP_TABLES] = {{0}}; /* of even channels and of odd ones: neighbours often have one table */
	for (uint32_t row = 0; row < h->height; row++)
		for (uint32_t column = first_column(h, row); column < h->width; column += 2) {
			const uint8_t *here = index + place_in(h, row, column);
			for (uint32_t c = 0; c < h->channels; c++)
				counts[c % 2][here[c] & TABLE]++;
		}
	for (int t = 0; t < AEZIP_TABLES; t++)
		count[t] = counts[0][t] + counts[1][t];
}

/* Places of the half's latents whose tables are from `low` to `high`, those of the highest first. Returns how many. */
static size_t sort_tables(
	const aezip_half *h, const uint8_t *index, const size_t *count, int low, int high, uint32_t *place)
{
	size_t total = 0, next[AEZIP_TABLES];
	for (int t = high; t >= low; t--) {
		next[t] = total;
		total += count[t];
	}
	for (uint32_t row = 0; row < h->height; row++)
		for (uint32_t column = first_column(h, row); column < h->width; column += 2) {
			size_t at = place_in(h, row, column);
			for (uint32_t c = 0; c < h->channels; c++) {
				int t = index[at + c] & TABLE;
				if (t >= low && t <= high)
					place[next[t]++] = (uint32_t)(at + c);
			}
		}
	return total;
}

/* Those at these places. */
static int gather_places(
	aezip_decoder *decoder, gathered *g, const uint32_t *place, size_t count, const uint8_t *index, int16_t *latent)
{
	int error = AEZIP_OK;
	for (size_t i = 0; i < count && !error; i++) {
		g->index[g->count] = index[place[i]];
		g->place[g->count++] = latent + place[i];
		if (g->count == AEZIP_LANES)
			error = take_gathered(decoder, g);
	}
	return error;
}

/* Those that are coded, table by table, from the highest, as many at once as there is room for. A table that has more than that is
   looked for all over the half. */
static int gather_sorted(
	aezip_decoder *decoder, gathered *g, const aezip_half *h, const uint8_t *index, int16_t *latent, uint32_t *place, size_t room)
{
	size_t count[AEZIP_TABLES];
	int error = AEZIP_OK;
	count_tables(h, index, count);
	for (int high = TABLE, low; high > h->skip && !error; high = low - 1) {
		size_t total = count[high];
		for (low = high; low - 1 > h->skip && total + count[low - 1] <= room; low--)
			total += count[low - 1];
		if (total > room)
			error = gather_tables(decoder, g, h, index, low, high, latent);
		else if (total)
			error = gather_places(decoder, g, place, sort_tables(h, index, count, low, high, place), index, latent);
	}
	return error;
}

static void clear_beyond(const aezip_half *h, int16_t *latent)
{
	uint32_t rows = rows_of(h), columns = columns_of(h);
	for (uint32_t row = 0; row < 2 * rows; row++)
		for (uint32_t column = first_column(h, row); column < 2 * columns; column += 2)
			if (row >= h->height || column >= h->width)
				memset(latent + place_in(h, row, column), 0, h->channels * sizeof *latent);
}

int aezip_take_half(
	aezip_decoder *decoder, const aezip_half *h, const uint8_t *index, int16_t *latent, uint32_t *place, size_t room)
{
	gathered g;
	int error;
	g.count = 0;
	g.times = step_of;
	clear_beyond(h, latent);
	if (h->progressive)
		error = gather_sorted(decoder, &g, h, index, latent, place, room);
	else
		error = gather_tables(decoder, &g, h, index, h->skip + 1, TABLE, latent);
	return error ? error : take_gathered(decoder, &g);
}

/* The nearest symbol, half a step upwards. */
static int32_t nearest(int32_t off, int32_t step)
{
	int32_t twice = 2 * off + step, symbol = twice / (2 * step) - (twice < 0 && twice % (2 * step) != 0);
	return symbol > AEZIP_SYMBOL_MAX ? AEZIP_SYMBOL_MAX : symbol < -AEZIP_SYMBOL_MAX ? -AEZIP_SYMBOL_MAX : symbol;
}

static float cost_of(const aezip_wanted *w, size_t t, int32_t symbol)
{
	int32_t radius = w->tables->radius[t];
	return w->cost[w->tables->zero[t] + (uint32_t)(symbol > radius || symbol < -radius ? radius + 1 : symbol)];
}

/* A symbol that is not 0, or its neighbour towards 0. */
static int32_t cheaper(const aezip_wanted *w, size_t t, int32_t off, int32_t symbol, int32_t step)
{
	int32_t less = symbol > 0 ? symbol - 1 : symbol + 1;
	int64_t left = off - step * less, before = off - step * symbol;
	float saved = cost_of(w, t, symbol) - cost_of(w, t, less);
	double error = (double)(left * left - before * before) / (double)(step * step);
	return (double)saved > w->worth * error ? less : symbol;
}

size_t aezip_give_half(
	const aezip_half *h, const aezip_wanted *w, const uint8_t *index, int16_t *mean, uint8_t *table, int16_t *symbol, int32_t *lost)
{
	size_t count = 0;
	*lost = 0;
	clear_beyond(h, mean);
	for (uint32_t row = 0; row < h->height; row++)
		for (uint32_t column = first_column(h, row); column < h->width; column += 2) {
			size_t at = place_in(h, row, column), end = at + h->channels;
			int search = w->cost && !(w->flat && w->flat[at / h->channels]);
			for (; at < end; at++) {
				int32_t off = w->latent[at] - mean[at], step = step_of[index[at] / AEZIP_TABLES];
				size_t t = index[at] & TABLE;
				if ((int)t <= h->skip) {
					*lost = off > *lost ? off : -off > *lost ? -off : *lost;
					continue;
				}
				int32_t s = nearest(off, step);
				s = search && s ? cheaper(w, t, off, s, step) : s;
				mean[at] = (int16_t)(mean[at] + step * s);
				table[count] = (uint8_t)t;
				symbol[count++] = (int16_t)s;
			}
		}
	return count;
}

/* Put a half's latents where they lie in the tile, [height][width][channels]. */
static void place_half(const aezip_half *h, const int16_t *latent, int16_t *tile)
{
	for (uint32_t row = 0; row < h->height; row++)
		for (uint32_t column = first_column(h, row); column < h->width; column += 2)
			memcpy(tile + ((size_t)row * h->width + column) * h->channels, latent + place_in(h, row, column),
				h->channels * sizeof *tile);
}

int aezip_decode_tile(
	const aezip_tile *tile, const aezip_model *model, const aezip_rung *rung, const aezip_engine *engine, void *work,
	size_t work_size, int16_t *latent)
{
	uint32_t h = tile->height, w = tile->width;
	plan p = plan_of(model, h, w);
	if (work_size < aezip_work_size(model, h, w) || !tile->stream.data)
		return AEZIP_NO_ROOM;
	/* Of the halves, one has latents while there is room for places in the other. */
	int16_t *first = work, *second = first + p.half, *hyper = second + p.half;
	uint8_t *index = (uint8_t *)(hyper + p.hyper);
	int skip = tile->flags & AEZIP_NO_SKIP ? -1 : model->skip, progressive = tile->flags & AEZIP_PROGRESSIVE;
	aezip_half half = {h, w, model->channels, 0, skip, progressive};
	size_t room = p.half * sizeof *first / sizeof(uint32_t);

	aezip_decoder decoder;
	int error = aezip_begin(&decoder, &model->tables, tile->stream);
	if (error)
		return error;
	size_t positions = (size_t)p.rows * p.columns;
	error = take_hyper(&decoder, rung->hyper_index, positions, model->hyper_channels, progressive, hyper);
	if (error)
		return error;
	if (engine->prior(engine->self, hyper, p.rows, p.columns, rung, first, index) != 0)
		return AEZIP_ENGINE_FAILED;
	if ((error = aezip_take_half(&decoder, &half, index, first, (uint32_t *)(void *)second, room)) != AEZIP_OK)
		return error;
	place_half(&half, first, latent);
	if (engine->context(engine->self, first, p.rows, p.columns, rung, second, index) != 0)
		return AEZIP_ENGINE_FAILED;
	half.odd = 1;
	if ((error = aezip_take_half(&decoder, &half, index, second, (uint32_t *)(void *)first, room)) != AEZIP_OK)
		return error;
	place_half(&half, second, latent);
	return aezip_finish(&decoder);
}
