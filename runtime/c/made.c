#include "made.h"

#include "aezip.h"

#include <string.h>

static void put_u32(uint8_t *p, size_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i & 255);
}

static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size)
{
	crc = ~crc;
	while (size--) {
		crc ^= *data++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

size_t made_zlib(uint8_t *to, const uint8_t *data, size_t size)
{
	uint32_t a = 1, b = 0;
	const uint8_t head[] = {0x78, 0x01, 1, (uint8_t)(size & 255), (uint8_t)(size >> 8 & 255), (uint8_t)(~size & 255),
		(uint8_t)(~size >> 8 & 255)};
	memcpy(to, head, sizeof head);
	for (size_t i = 0; i < size; i++) {
		to[sizeof head + i] = data[i];
		a = (a + data[i]) % 65521;
		b = (b + a) % 65521;
	}
	const uint8_t sum[] = {(uint8_t)(b >> 8), (uint8_t)(b & 255), (uint8_t)(a >> 8), (uint8_t)(a & 255)};
	memcpy(to + sizeof head + size, sum, sizeof sum);
	return sizeof head + size + sizeof sum;
}

size_t made_exact(uint8_t *to, const uint8_t *head, size_t head_size, const uint8_t *rows, size_t size)
{
	memcpy(to, head, head_size);
	size_t length = made_zlib(to + head_size + 4, rows, size);
	put_u32(to + head_size, length);
	return head_size + 4 + length;
}

size_t made_patches(uint8_t *to, const uint8_t *bitmap, size_t bitmap_size, const uint8_t *exact, size_t size)
{
	size_t length = made_zlib(to + 4, bitmap, bitmap_size);
	put_u32(to, length);
	memcpy(to + 4 + length, exact, size);
	return 4 + length + size;
}

size_t made_section(uint8_t *to, const char *type, const uint8_t *data, size_t size)
{
	memmove(to + 12, data, size);
	memcpy(to, type, 4);
	put_u32(to + 4, size);
	return 12 + size;
}

void made_right(uint8_t *data, size_t size)
{
	if (size < AEZIP_HEADER_SIZE)
		return;
	put_u32(data + 28, crc32(0, data, 28));
	for (size_t at = AEZIP_HEADER_SIZE; size - at >= 12;) {
		const uint8_t *p = data + at + 4;
		size_t length = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
		if (length > size - at - 12) {
			length = size - at - 12; /* mend the length, too */
			put_u32(data + at + 4, length);
		}
		put_u32(data + at + 8, crc32(crc32(0, data + at, 4), data + at + 12, length));
		at += 12 + length;
	}
}
