/* A model package, a zip of stored members, and the arrays of its tables.npz (FORMAT.md, sections 4, 5 and 7). Nothing is
   copied: all pointers point into the package. */

#include "aezip.h"

#include <string.h>

#define LOG_LIMIT 61440 /* of a ladder's values, in 1/4096 octave; more would not be a gain that float32 holds */

static uint32_t u16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
	return u16(p) | u16(p + 2) << 16;
}

int aezip_find_member(aezip_bytes zip, const char *name, aezip_bytes *member)
{
	enum { END = 22, ENTRY = 46, LOCAL = 30 }; /* sizes of what a zip's parts have before names */
	if (zip.size < END || memcmp(zip.data + zip.size - END, "PK\5\6", 4) != 0)
		return AEZIP_PACKAGE_DAMAGED;
	const uint8_t *end = zip.data + zip.size - END;
	size_t count = u16(end + 10), at = u32(end + 16), length = strlen(name);
	member->data = NULL;
	for (; count > 0; count--) {
		if (at > zip.size || zip.size - at < ENTRY || memcmp(zip.data + at, "PK\1\2", 4) != 0)
			return AEZIP_PACKAGE_DAMAGED;
		const uint8_t *entry = zip.data + at;
		size_t names = u16(entry + 28), size = u32(entry + 24), local = u32(entry + 42);
		if (zip.size - at - ENTRY < names)
			return AEZIP_PACKAGE_DAMAGED;
		if (names == length && memcmp(entry + ENTRY, name, length) == 0) {
			if (member->data || u16(entry + 10) != 0 || local > zip.size || zip.size - local < LOCAL)
				return AEZIP_PACKAGE_DAMAGED; /* there twice, compressed, or nowhere */
			local += LOCAL + u16(zip.data + local + 26) + u16(zip.data + local + 28);
			if (local > zip.size || zip.size - local < size)
				return AEZIP_PACKAGE_DAMAGED;
			member->data = zip.data + local;
			member->size = size;
		}
		at += ENTRY + names + u16(entry + 30) + u16(entry + 32);
	}
	return member->data ? AEZIP_OK : AEZIP_PACKAGE_DAMAGED;
}

/* The place after a text in a .npy file's head. */
static const uint8_t *after(const uint8_t *from, const uint8_t *end, const char *text)
{
	size_t length = strlen(text);
	for (; (size_t)(end - from) >= length; from++)
		if (memcmp(from, text, length) == 0)
			return from + length;
	return NULL;
}

int aezip_find_array(aezip_bytes npz, const char *name, aezip_array *array)
{
	char member[64];
	size_t length = strlen(name);
	aezip_bytes npy;
	if (length + sizeof ".npy" > sizeof member)
		return AEZIP_PACKAGE_DAMAGED;
	memcpy(member, name, length);
	memcpy(member + length, ".npy", sizeof ".npy");
	if (aezip_find_member(npz, member, &npy) || npy.size < 10 || memcmp(npy.data, "\x93NUMPY\1\0", 8) != 0)
		return AEZIP_PACKAGE_DAMAGED;
	size_t head = 10 + u16(npy.data + 8);
	if (head > npy.size)
		return AEZIP_PACKAGE_DAMAGED;
	/* {'descr': '<i4', 'fortran_order': False, 'shape': (9, 256), } as every numpy writes it; '|' for single bytes */
	const uint8_t *end = npy.data + head, *type = after(npy.data, end, "'descr': '");
	if (!type || end - type < 3 || (type[0] != '<' && type[0] != '|') || type[2] < '1' || type[2] > '8' ||
		!after(type, end, "'fortran_order': False"))
		return AEZIP_PACKAGE_DAMAGED;
	array->item = (size_t)(type[2] - '0');
	array->kind = (char)type[1];
	array->data = end;
	array->count = (npy.size - head) / array->item;
	return AEZIP_OK;
}

/* An array of i32. */
static int find_i32(aezip_bytes npz, const char *name, aezip_array *array)
{
	int error = aezip_find_array(npz, name, array);
	return error || array->kind != 'i' || array->item != 4 ? AEZIP_PACKAGE_DAMAGED : AEZIP_OK;
}

/* The array i32 [9][channels] of a ladder; *channels is set by the first. */
static int find_ladder(aezip_bytes npz, const char *name, uint32_t *channels, const uint8_t **ladder)
{
	aezip_array found;
	if (find_i32(npz, name, &found))
		return AEZIP_PACKAGE_DAMAGED;
	if (!*channels)
		*channels = (uint32_t)(found.count / AEZIP_NODES);
	if (!found.count || *channels > AEZIP_CHANNELS_MAX || found.count != (size_t)AEZIP_NODES * *channels)
		return AEZIP_PACKAGE_DAMAGED;
	for (size_t i = 0; i < found.count; i++)
		if (u32(found.data + 4 * i) + (LOG_LIMIT - 1) > 2 * (LOG_LIMIT - 1))
			return AEZIP_PACKAGE_DAMAGED;
	*ladder = found.data;
	return AEZIP_OK;
}

int aezip_open_model(aezip_model *model, aezip_bytes package, uint16_t *last, size_t room)
{
	aezip_bytes npz;
	if (aezip_find_member(package, "tables.npz", &npz))
		npz = package;
	memset(model, 0, sizeof *model);
	aezip_array radius, frequency, skip, table;
	if (!find_i32(npz, "table", &table) && find_i32(npz, "skip", &skip))
		return AEZIP_MODEL_STATIC;
	if (find_i32(npz, "radius", &radius) || find_i32(npz, "frequency", &frequency) || find_i32(npz, "skip", &skip) ||
		radius.count != AEZIP_TABLES || skip.count != 1 || u32(skip.data) >= AEZIP_TABLES)
		return AEZIP_PACKAGE_DAMAGED;
	model->skip = skip.data[0];
	uint32_t *channels = &model->channels, *hyper = &model->hyper_channels;
	if (find_ladder(npz, "gain", channels, &model->gain) ||
		find_ladder(npz, "inverse_gain", channels, &model->inverse_gain) ||
		find_ladder(npz, "hyper_inverse", hyper, &model->hyper_inverse) ||
		find_ladder(npz, "hyper_scale", hyper, &model->hyper_scale) ||
		find_ladder(npz, "hyper_offset", hyper, &model->hyper_offset))
		return AEZIP_PACKAGE_DAMAGED;
	return aezip_make_tables(&model->tables, radius.data, frequency.data, frequency.count, last, room);
}
