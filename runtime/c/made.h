/* Bytes made for tests: zlib streams that are stored, exact pixels of one band, sections, checksums. Each writes at `to` and
   returns how much. */

#ifndef MADE_H
#define MADE_H

#include <stddef.h>
#include <stdint.h>

/* Up to 65535 bytes. */
size_t made_zlib(uint8_t *to, const uint8_t *data, size_t size);

/* head: what stands before the lengths of bands; rows: with their predictions */
size_t made_exact(uint8_t *to, const uint8_t *head, size_t head_size, const uint8_t *rows, size_t size);

/* PTCH: a bitmap, and what made_exact made. */
size_t made_patches(uint8_t *to, const uint8_t *bitmap, size_t bitmap_size, const uint8_t *exact, size_t size);

/* Without its checksum. data may stand in its place already. */
size_t made_section(uint8_t *to, const char *type, const uint8_t *data, size_t size);

/* Make a file's checksums right, and the length of its last section if that is too long. */
void made_right(uint8_t *data, size_t size);

#endif
