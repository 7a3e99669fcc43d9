/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "pixels.h"

#include <math.h>
#include <string.h>

/* Rows that are read at a time: a few rows of tiles, so that progress is seen. */
#define BAND 256

G_DEFINE_QUARK (ctm-error-quark, pixels_error)

/* "R'G'B'A u8" has the model "R'G'B'A". */
static gchar *
model_of (const Babl *format)
{
  const gchar *encoding = babl_format_get_encoding (format);
  const gchar *type     = strrchr (encoding, ' ');

  return type ? g_strndup (encoding, type - encoding) : g_strdup (encoding);
}

static const Babl *
with_type (const Babl *format, const gchar *type)
{
  gchar      *model = model_of (format);
  gchar      *name  = g_strdup_printf ("%s %s", model, type);
  const Babl *typed = babl_format_with_space (name, format);

  g_free (name);
  g_free (model);
  return typed;
}

static const gchar *
type_of (const Babl *format)
{
  return babl_get_name (babl_format_get_type (format, 0));
}

const Babl *
pixels_read_format (const Babl *format)
{
  static const gchar *const models[] = { "Y", "Y'", "Y~", "YA", "Y'A", "Y~A", "RGB", "R'G'B'", "R~G~B~", "RGBA", "R'G'B'A",
                                         "R~G~B~A", NULL };
  static const gchar *const types[]  = { "u8", "u16", "u32", "half", "float", "double", NULL };
  const gboolean            palette  = babl_format_is_palette (format);
  gchar                    *model;
  gboolean                  kept;

  /* A palette's colours are bytes. */
  if (palette)
    return babl_format_with_space (babl_format_has_alpha (format) ? "R'G'B'A u8" : "R'G'B' u8", format);

  model = model_of (format);
  kept  = g_strv_contains (models, model) && g_strv_contains (types, type_of (format));
  g_free (model);
  if (kept)
    return format;
  return babl_format_with_space (babl_format_has_alpha (format) ? "RGBA float" : "RGB float", format);
}

static void
floats_of_u32 (const guint32 *from, gfloat *to, gsize count)
{
  for (gsize i = 0; i < count; i++)
    to[i] = (gfloat) (from[i] / 4294967295.0);
}

static void
floats_of_doubles (const gdouble *from, gfloat *to, gsize count)
{
  for (gsize i = 0; i < count; i++)
    to[i] = (gfloat) from[i];
}

gboolean
pixels_read (GeglBuffer *buffer, const GeglRectangle *rectangle, const Babl *format, PixelsProgress progress,
             gpointer user_data, Pixels *pixels, GError **error)
{
  const Babl  *read   = pixels_read_format (format);
  const gchar *type   = type_of (read);
  const gsize  row    = (gsize) rectangle->width * babl_format_get_n_components (read);
  gsize        value  = sizeof (gfloat);
  gpointer     wide   = NULL; /* a band of values that ctm does not have */
  gsize        bytes;

  memset (pixels, 0, sizeof *pixels);
  pixels->width        = rectangle->width;
  pixels->height       = rectangle->height;
  pixels->chosen       = (gsize) rectangle->width * rectangle->height;
  pixels->channels     = babl_format_get_n_components (read);
  pixels->ctm_format   = CTM_FORMAT_F32;
  pixels->white        = 1;
  pixels->has_alpha    = babl_format_has_alpha (read);
  pixels->color_format = with_type (read, "double");

  if (! strcmp (type, "u8"))
    {
      pixels->ctm_format = CTM_FORMAT_U8;
      pixels->white      = 255;
      value              = 1;
    }
  else if (! strcmp (type, "u16"))
    {
      pixels->ctm_format = CTM_FORMAT_U16;
      pixels->white      = 65535;
      value              = 2;
    }
  else if (! strcmp (type, "half"))
    {
      pixels->ctm_format = CTM_FORMAT_F16;
      value              = 2;
    }
  else if (strcmp (type, "float"))
    {
      wide = g_try_malloc (row * BAND * babl_format_get_bytes_per_pixel (read) / pixels->channels);
    }

  if (g_size_checked_mul (&bytes, row, rectangle->height) && g_size_checked_mul (&bytes, bytes, value))
    pixels->data = g_try_malloc (bytes);
  if (! pixels->data || (! wide && (! strcmp (type, "u32") || ! strcmp (type, "double"))))
    {
      g_free (wide);
      pixels_clear (pixels);
      g_set_error (error, pixels_error_quark (), CTM_ERROR_OUT_OF_MEMORY, "there is no memory for %d × %d pixels",
                   rectangle->width, rectangle->height);
      return FALSE;
    }

  for (gint y = 0; y < rectangle->height; y += BAND)
    {
      const gint          rows = MIN (BAND, rectangle->height - y);
      const GeglRectangle band = { rectangle->x, rectangle->y + y, rectangle->width, rows };
      guint8             *to   = (guint8 *) pixels->data + y * row * value;

      gegl_buffer_get (buffer, &band, 1.0, read, wide ? wide : to, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      if (wide && ! strcmp (type, "u32"))
        floats_of_u32 (wide, (gfloat *) to, rows * row);
      else if (wide)
        floats_of_doubles (wide, (gfloat *) to, rows * row);
      if (progress)
        progress ((gdouble) (y + rows) / rectangle->height, user_data);
    }
  g_free (wide);
  return TRUE;
}

/* Integers become floats of the same values, so that there is a NaN, which belongs to no colour. */
static gboolean
make_floats (Pixels *pixels, GError **error)
{
  const gsize count  = (gsize) pixels->width * pixels->height * pixels->channels;
  gfloat     *floats = g_try_malloc_n (count, sizeof (gfloat));

  if (! floats)
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_OUT_OF_MEMORY,
                   "there is no memory for %d × %d pixels with a selection", pixels->width, pixels->height);
      return FALSE;
    }
  if (pixels->ctm_format == CTM_FORMAT_U8)
    for (gsize i = 0; i < count; i++)
      floats[i] = ((const guint8 *) pixels->data)[i];
  else
    for (gsize i = 0; i < count; i++)
      floats[i] = ((const guint16 *) pixels->data)[i];

  g_free (pixels->data);
  pixels->data       = floats;
  pixels->ctm_format = CTM_FORMAT_F32;
  return TRUE;
}

gboolean
pixels_choose (Pixels *pixels, const guint8 *chosen, GError **error)
{
  const gsize count = (gsize) pixels->width * pixels->height;

  if (pixels->ctm_format == CTM_FORMAT_U8 || pixels->ctm_format == CTM_FORMAT_U16)
    if (! make_floats (pixels, error))
      return FALSE;

  for (gsize i = 0; i < count; i++)
    if (chosen[i] < 128)
      {
        pixels->chosen--;
        if (pixels->ctm_format == CTM_FORMAT_F16)
          ((guint16 *) pixels->data)[i * pixels->channels] = 0x7e00; /* NaN */
        else
          ((gfloat *) pixels->data)[i * pixels->channels] = NAN;
      }
  return TRUE;
}

void
pixels_color (const Pixels *pixels, const float *color, gboolean alpha_is_color, guint8 *rgba)
{
  gdouble values[4] = { 0, 0, 0, 0 };

  for (guint c = 0; c < pixels->channels; c++)
    values[c] = color[c] / pixels->white;
  if (pixels->has_alpha && ! alpha_is_color)
    values[pixels->channels - 1] = 1;
  babl_process (babl_fish (pixels->color_format, babl_format_with_space ("R'G'B'A u8", pixels->color_format)), values,
                rgba, 1);
}

void
pixels_clear (Pixels *pixels)
{
  g_free (pixels->data);
  pixels->data = NULL;
}
