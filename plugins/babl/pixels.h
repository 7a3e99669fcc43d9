/*
 * The pixels of a GeglBuffer as they are stored, for ctm: no value is converted where ctm has the format.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef PIXELS_H
#define PIXELS_H

#include <ctm.h>
#include <gegl.h>

typedef struct {
  gpointer    data; /* rows from the top, channels interleaved, no padding */
  gint        width;
  gint        height;
  gsize       chosen; /* pixels that count: width * height, or what `pixels_choose` has left */
  guint       channels;
  guint       ctm_format; /* CTM_FORMAT_... of `data` */
  gdouble     white;      /* what 100 % is in `data`: 255, 65535 or 1 */
  gboolean    has_alpha;
  const Babl *color_format; /* doubles with 1 for white, to convert single colours from */
} Pixels;

/* Called with 0 to 1. */
typedef void (*PixelsProgress) (gdouble fraction, gpointer user_data);

/* The format in which pixels stored in `format` are read: itself, but for palettes and for colour models without
 * red, green and blue or grey. */
const Babl *pixels_read_format (const Babl *format);

/* Reads a rectangle of a buffer whose pixels are stored in `format`. Integers of 32 bits and doubles become floats,
 * divided by 2^32 - 1 and rounded to the nearest; all else keeps its bits. `progress` may be NULL. FALSE: `error` is set
 * and there is nothing to free. */
gboolean pixels_read (GeglBuffer *buffer, const GeglRectangle *rectangle, const Babl *format, PixelsProgress progress,
                      gpointer user_data, Pixels *pixels, GError **error);

/* Takes the colour from all pixels whose byte in `chosen` (width * height, no padding) is less than 128. */
gboolean pixels_choose (Pixels *pixels, const guint8 *chosen, GError **error);

/* A colour that ctm has reported as the bytes red, green, blue and alpha, in the buffer's own colour space. With
 * `alpha_is_color` FALSE its alpha is 255. */
void pixels_color (const Pixels *pixels, const float *color, gboolean alpha_is_color, guint8 *rgba);

void pixels_clear (Pixels *pixels);

/* The domain of all errors here and in find.h; codes are ctm_status. */
GQuark pixels_error_quark (void);

#endif
