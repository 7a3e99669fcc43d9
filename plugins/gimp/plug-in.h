/*
 * The plug-in's parts: what is looked at, the dialog, and the writing of masks into the image.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef PLUG_IN_H
#define PLUG_IN_H

#include <libgimp/gimp.h>

#include "find.h"

#define PROCEDURE "plug-in-ctm-color-map-to-masks"
#define BINARY    "color-map-to-masks"

typedef enum {
  OUTPUT_CHANNELS,
  OUTPUT_LAYERS,
} Output;

/* What the user chose; kept by GIMP until it ends. */
typedef struct {
  FindSettings find;
  gint         output; /* an Output */
} Settings;

/* The part of a drawable that is looked at. */
typedef struct {
  gint32        image;
  gint32        drawable;
  GeglRectangle rectangle; /* in the drawable */
  gint          offset_x;  /* of the drawable in the image */
  gint          offset_y;
  Pixels        pixels;
} Source;

/* Reads the pixels of `drawable` that lie in the image and in its selection. */
gboolean source_read (Source *source, gint32 image, gint32 drawable, GError **error);
void     source_clear (Source *source);

/* A mask's name: its colour and its share of the pixels looked at, "#aacde6 66.95 %". To be freed. */
gchar *mask_name (const Source *source, const Settings *settings, const ctm_palette_entry *entry);

/* Adds a channel or a layer for each mask to the image, most frequent colour first, as one step of undo. `group` receives
 * the layers' group, or -1. */
gboolean masks_write (const Source *source, const Settings *settings, const Found *found, gint32 *group, GError **error);

/* FALSE where the user cancelled; else `settings` has changed. */
gboolean dialog_run (const Source *source, Settings *settings);

#endif
