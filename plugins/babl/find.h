/*
 * The masks of a buffer's pixels, found by ctm.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIND_H
#define FIND_H

#include "pixels.h"

typedef enum {
  FIND_ALPHA_COLOR,       /* part of the colour */
  FIND_ALPHA_IGNORED,     /* ignored */
  FIND_ALPHA_TRANSPARENT, /* pixels with alpha 0 have no colour; that of the others is ignored */
} FindAlpha;

typedef struct {
  gint    min_pixels; /* at least 0 */
  gint    max_count;  /* 1 to FIND_MAX_COUNT */
  gdouble tolerance;  /* how far near colours may be, in 255ths of white; 0: none join */
  gint    alpha;      /* a FindAlpha; buffers without alpha do not care */
} FindSettings;

/* As many as labels of 16 bits can number. */
#define FIND_MAX_COUNT 65535

typedef struct {
  guint              count;
  guint64            distinct_colors; /* 0: unknown */
  guint16           *labels;          /* width * height: 0, or the mask's number plus one */
  ctm_palette_entry *palette;         /* `count` entries, most frequent first */
} Found;

/* Finds the masks of `pixels`. FALSE: `error` holds the library's sentence and there is nothing to free. Any thread, one
 * after the other; `progress`, which may be NULL, must not come back here. */
gboolean find_masks (const Pixels *pixels, const FindSettings *settings, PixelsProgress progress, gpointer user_data,
                     Found *found, GError **error);

void found_clear (Found *found);

#endif
