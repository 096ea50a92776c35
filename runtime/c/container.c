/* Bytes of a `.lat` file -> header, sections, tiles (FORMAT.md, sections 1 and 2), and the texts of all errors. */

#include "aezip.h"

#include <string.h>

#define MAX_SIDE 1048576u
#define MAX_TILE_PIXELS 4194304u
#define SECTION_HEAD 12u
#define VERSION 1

static const uint8_t MAGIC[6] = {0xae, 'L', 'A', 'T', '\r', '\n'};
static const char KNOWN[][5] = {"LATN", "PIXL", "PTCH", "dPTH", "iCCP", "cICP", "eXIF", "xMPx", "rESO", "ALPH"};
enum { LATENTS, PIXELS, PATCHES, DEPTH, KINDS = sizeof KNOWN / sizeof KNOWN[0] };

static const struct {
	const char *name, *message;
} ERRORS[AEZIP_ERRORS] = {
	[AEZIP_OK] = {"", "no error"},
	[AEZIP_NOT_A_LAT] = {"NotALat", "not a .lat file; expected a file written by aezip"},
	[AEZIP_UNSUPPORTED_VERSION] = {"UnsupportedVersion", "a newer version of the format; expected version 1"},
	[AEZIP_TRUNCATED] = {"Truncated", "the file ends too early; expected all sections, latents or pixels last"},
	[AEZIP_HEADER_DAMAGED] = {"HeaderDamaged", "the header is damaged; expected its checksum, and fields within their ranges"},
	[AEZIP_SECTION_DAMAGED] = {"SectionDamaged", "a section is damaged; expected its checksum, and a type of four letters"},
	[AEZIP_SECTION_UNKNOWN] = {"SectionUnknown", "a critical section of an unknown type; expected a newer aezip to read it"},
	[AEZIP_SECTION_ORDER] = {"SectionOrder", "a section stands twice or in the wrong place; expected each once, latents or pixels last"},
	[AEZIP_LIMIT_EXCEEDED] = {"LimitExceeded", "too many pixels; expected no more than the limit"},
	[AEZIP_TILES_DAMAGED] = {"StreamDamaged", "the tiles' lengths do not add up; expected the latents' section"},
	[AEZIP_STREAM_HEAD] = {"StreamDamaged", "the stream's head is damaged; expected whole states from 65536 on, and whole words"},
	[AEZIP_STREAM_SHORT] = {"StreamDamaged", "the stream ends before its symbols do; expected all of its words"},
	[AEZIP_STREAM_ESCAPE] = {"StreamDamaged", "an escaped symbol is out of range; expected at most 4095 either way"},
	[AEZIP_STREAM_LONG] = {"StreamDamaged", "words of the stream were not used; expected none left"},
	[AEZIP_STREAM_STATES] = {"StreamDamaged", "the stream's states do not end where they began; expected 65536 in every lane"},
	[AEZIP_PACKAGE_DAMAGED] = {"PackageDamaged", "the model is damaged; expected a package with all its tables, stored"},
	[AEZIP_MODEL_STATIC] = {"ModelUnfit", "the model has no hyperprior and is not supported by this core; expected one with prior.onnx"},
	[AEZIP_TABLES_DAMAGED] = {"PackageDamaged", "the frequency tables are damaged; expected 64, whole and with sums of 65536"},
	[AEZIP_INDEX_RANGE] = {"PackageDamaged", "a table is out of range; expected 0 to 63"},
	[AEZIP_SYMBOL_RANGE] = {"UsageError", "a symbol is out of range; expected at most 4095 either way"},
	[AEZIP_NO_ROOM] = {"", "a buffer is too small; expected the size that the documentation tells"},
	[AEZIP_ENGINE_FAILED] = {"", "the network engine failed; expected it to run the graph"},
	[AEZIP_INFLATE_DAMAGED] = {"SectionDamaged", "bytes do not inflate, or to another size; expected a whole zlib stream"},
	[AEZIP_EXACT_DAMAGED] = {"SectionDamaged", "exact pixels are damaged; expected a head, samples and bands as pictures have"},
	[AEZIP_PATCHES_DAMAGED] = {"SectionDamaged", "patches are damaged; expected a bitmap that marks cells of the picture"},
	[AEZIP_NO_LATENTS] = {"UsageError", "the file has no latents; expected aezip_open_exact to be used"},
};

const char *aezip_message(int error)
{
	return error >= 0 && error < AEZIP_ERRORS ? ERRORS[error].message : "an unknown error";
}

const char *aezip_name(int error)
{
	return error >= 0 && error < AEZIP_ERRORS ? ERRORS[error].name : "?";
}

static uint32_t u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A side rounded up to a multiple of 64 pixels. */
static uint32_t whole_cells(uint32_t side)
{
	return (side + 63u) / 64u * 64u;
}

/* CRC-32 as in zlib and PNG, half a byte at a time. */
static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	crc = ~crc;
	for (; size; size--) {
		crc ^= *data++;
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return ~crc;
}

static int is_zero(const uint8_t fingerprint[8])
{
	static const uint8_t none[8];
	return memcmp(fingerprint, none, sizeof none) == 0;
}

static int tiles_fit(const aezip_header *h)
{
	uint32_t side = h->tile ? 64u * h->tile : MAX_SIDE;
	return (uint64_t)whole_cells(smaller(side, h->width)) * whole_cells(smaller(side, h->height)) <= MAX_TILE_PIXELS;
}

int aezip_read_header(aezip_header *header, aezip_bytes bytes)
{
	const uint8_t *data = bytes.data;
	if (!bytes.size || memcmp(data, MAGIC, bytes.size < sizeof MAGIC ? bytes.size : sizeof MAGIC) != 0)
		return AEZIP_NOT_A_LAT;
	if (bytes.size < AEZIP_HEADER_SIZE)
		return AEZIP_TRUNCATED;
	if (crc32(0, data, AEZIP_HEADER_SIZE - 4) != u32(data + 28))
		return AEZIP_HEADER_DAMAGED;
	aezip_header h;
	h.version = data[6];
	h.channels = data[7];
	h.width = u32(data + 8);
	h.height = u32(data + 12);
	h.quality = (uint16_t)(data[16] | data[17] << 8);
	h.tile = data[18];
	h.flags = data[19];
	memcpy(h.fingerprint, data + 20, sizeof h.fingerprint);
	if (h.version > VERSION)
		return AEZIP_UNSUPPORTED_VERSION;
	if (h.version < 1 || (h.channels != 1 && h.channels != 3) || h.width < 1 || h.width > MAX_SIDE || h.height < 1 ||
		h.height > MAX_SIDE || h.quality > 1000 || h.flags > (AEZIP_NO_SKIP | AEZIP_PROGRESSIVE))
		return AEZIP_HEADER_DAMAGED;
	if (!is_zero(h.fingerprint) && !tiles_fit(&h))
		return AEZIP_HEADER_DAMAGED;
	*header = h;
	return AEZIP_OK;
}

static int is_letter(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The number of a known type in KNOWN, or KINDS. */
static int kind_of(const uint8_t *type)
{
	int kind = 0;
	while (kind < KINDS && memcmp(type, KNOWN[kind], 4) != 0)
		kind++;
	return kind;
}

static int check_section(const uint8_t *data, size_t left, aezip_section *section)
{
	if (left < SECTION_HEAD)
		return AEZIP_TRUNCATED;
	section->type = data;
	section->data.data = data + SECTION_HEAD;
	section->data.size = u32(data + 4);
	if (section->data.size > left - SECTION_HEAD)
		return AEZIP_TRUNCATED;
	if (crc32(crc32(0, data, 4), section->data.data, section->data.size) != u32(data + 8))
		return AEZIP_SECTION_DAMAGED;
	for (int i = 0; i < 4; i++)
		if (!is_letter(data[i]))
			return AEZIP_SECTION_DAMAGED;
	if (kind_of(data) == KINDS && data[0] <= 'Z')
		return AEZIP_SECTION_UNKNOWN;
	return AEZIP_OK;
}

/* What the types that were seen, the last of all and whether any stood twice, mean beside the header and the depth. */
static int check_body(const aezip_header *h, unsigned seen, int last, int twice, aezip_bytes depth)
{
	if (!(seen & (1u << LATENTS | 1u << PIXELS)))
		return AEZIP_TRUNCATED;
	if (twice || (last != LATENTS && last != PIXELS) || (seen & 1u << LATENTS && seen & 1u << PIXELS))
		return AEZIP_SECTION_ORDER;
	if (seen & 1u << DEPTH && (depth.size != 1 || depth.data[0] < 9 || depth.data[0] > AEZIP_DEPTH_MAX))
		return AEZIP_SECTION_DAMAGED;
	if (last == LATENTS)
		return tiles_fit(h) ? AEZIP_OK : AEZIP_HEADER_DAMAGED;
	if (!is_zero(h->fingerprint) || h->tile || h->flags || h->quality != 1000)
		return AEZIP_HEADER_DAMAGED;
	return seen & 1u << PATCHES ? AEZIP_SECTION_ORDER : AEZIP_OK;
}

int aezip_open(aezip_file *file, aezip_bytes bytes, uint64_t max_pixels)
{
	memset(file, 0, sizeof *file);
	int error = aezip_read_header(&file->header, bytes);
	if (error)
		return error;
	if ((uint64_t)file->header.width * file->header.height > max_pixels)
		return AEZIP_LIMIT_EXCEEDED;
	unsigned seen = 0, twice = 0;
	int last = KINDS;
	aezip_bytes depth = {NULL, 0};
	for (size_t position = AEZIP_HEADER_SIZE; position < bytes.size;) {
		aezip_section section;
		error = check_section(bytes.data + position, bytes.size - position, &section);
		if (error)
			return error;
		position += SECTION_HEAD + section.data.size;
		last = kind_of(section.type);
		twice |= seen & ~(1u << KINDS) & 1u << last;
		seen |= 1u << last;
		if (last <= PATCHES)
			*(last == LATENTS ? &file->latents : last == PIXELS ? &file->pixels : &file->patches) = section.data;
		if (last == DEPTH)
			depth = section.data;
	}
	error = check_body(&file->header, seen, last, twice != 0, depth);
	file->depth = depth.size ? depth.data[0] : 8;
	if (!error)
		file->bytes = bytes;
	return error;
}

int aezip_next_section(const aezip_file *file, size_t *position, aezip_section *section)
{
	size_t at = AEZIP_HEADER_SIZE + *position;
	if (at >= file->bytes.size)
		return 0;
	section->type = file->bytes.data + at;
	section->data.data = section->type + SECTION_HEAD;
	section->data.size = u32(section->type + 4);
	*position += SECTION_HEAD + section->data.size;
	return 1;
}

int aezip_read_colours(const aezip_file *file, aezip_colours *colours)
{
	aezip_section section;
	*colours = (aezip_colours){1, 13, 1};
	for (size_t position = 0; aezip_next_section(file, &position, &section);) {
		const uint8_t *data = section.data.data;
		if (memcmp(section.type, "cICP", 4) != 0)
			continue;
		if (section.data.size != 4 || data[2] || data[3] > 1)
			return AEZIP_SECTION_DAMAGED;
		*colours = (aezip_colours){data[0], data[1], data[3]};
	}
	return AEZIP_OK;
}

/* Bytes of a stream in front of its slice n. */
static size_t cut(size_t size, unsigned n)
{
	return (size_t)((uint64_t)size * n / AEZIP_SLICES);
}

/* Where the slices of the first of several tiles are: the first slices of all come first. */
static void find_slices(aezip_tiles *tiles, uint64_t count)
{
	const uint8_t *at = tiles->stream;
	for (unsigned n = 0; n < AEZIP_SLICES; n++) {
		tiles->slice[n] = at;
		for (uint64_t i = 0; i < count; i++) {
			size_t size = u32(tiles->length + 4 * (size_t)i);
			at += cut(size, n + 1) - cut(size, n);
		}
	}
}

int aezip_open_tiles(aezip_tiles *tiles, const aezip_file *file)
{
	aezip_bytes latents = file->latents;
	if (!latents.data)
		return AEZIP_NO_LATENTS;
	tiles->flags = file->header.flags;
	tiles->height = (file->header.height + 15) / 16;
	tiles->width = (file->header.width + 15) / 16;
	tiles->side = file->header.tile ? 4u * file->header.tile : MAX_SIDE;
	tiles->top = tiles->left = 0;
	tiles->length = NULL;
	tiles->stream = latents.data;
	tiles->end = latents.data + latents.size;
	uint64_t rows = (tiles->height + tiles->side - 1) / tiles->side, columns = (tiles->width + tiles->side - 1) / tiles->side;
	uint64_t count = rows * columns, sum = 4 * count;
	if (count == 1)
		return AEZIP_OK;
	if (sum > latents.size)
		return AEZIP_TILES_DAMAGED;
	for (uint64_t i = 0; i < count; i++)
		sum += u32(latents.data + 4 * (size_t)i);
	if (sum != latents.size)
		return AEZIP_TILES_DAMAGED;
	tiles->length = latents.data;
	tiles->stream = latents.data + 4 * (size_t)count;
	if (tiles->flags & AEZIP_PROGRESSIVE)
		find_slices(tiles, count);
	return AEZIP_OK;
}

int aezip_next_tile(aezip_tiles *tiles, aezip_tile *tile)
{
	if (tiles->top >= tiles->height)
		return 0;
	tile->top = tiles->top;
	tile->left = tiles->left;
	tile->flags = tiles->flags;
	tile->height = smaller(tiles->side, tiles->height - tiles->top);
	tile->width = smaller(tiles->side, tiles->width - tiles->left);
	tile->stream.data = tiles->stream;
	tile->stream.size = (size_t)(tiles->end - tiles->stream);
	if (tiles->length) {
		tile->stream.size = u32(tiles->length);
		tiles->length += 4;
		tiles->stream += tile->stream.size;
	}
	if (tiles->length && tiles->flags & AEZIP_PROGRESSIVE) {
		tile->stream.data = NULL;
		memcpy(tile->slice, tiles->slice, sizeof tile->slice);
		for (unsigned n = 0; n < AEZIP_SLICES; n++)
			tiles->slice[n] += cut(tile->stream.size, n + 1) - cut(tile->stream.size, n);
	}
	tiles->left += tile->width;
	if (tiles->left >= tiles->width) {
		tiles->left = 0;
		tiles->top += tile->height;
	}
	return 1;
}

void aezip_join_tile(aezip_tile *tile, uint8_t *room)
{
	if (tile->stream.data)
		return;
	for (unsigned n = 0; n < AEZIP_SLICES; n++) {
		size_t from = cut(tile->stream.size, n), to = cut(tile->stream.size, n + 1);
		memcpy(room + from, tile->slice[n], to - from);
	}
	tile->stream.data = room;
}
