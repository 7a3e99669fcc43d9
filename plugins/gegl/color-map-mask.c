/*
 * The GEGL operation ctm:color-map-mask: the mask of one of the most frequent colours of its input, or all of these masks
 * in their colours.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define GETTEXT_PACKAGE "ctm"
#include <glib/gi18n-lib.h>

#include "find.h"

#ifdef GEGL_PROPERTIES

enum_start (ctm_mask_output)
  enum_value (CTM_MASK_OUTPUT_MASK, "mask", "Mask of one colour")
  enum_value (CTM_MASK_OUTPUT_COLORS, "colors", "All masks in their colours")
enum_end (CtmMaskOutput)

enum_start (ctm_mask_alpha)
  enum_value (CTM_MASK_ALPHA_COLOR, "color", "Part of the colour")
  enum_value (CTM_MASK_ALPHA_IGNORED, "ignored", "Ignored")
  enum_value (CTM_MASK_ALPHA_TRANSPARENT, "transparent", "Transparent pixels have no colour")
enum_end (CtmMaskAlpha)

property_int (index, "Index", 0)
  description ("Which colour's mask: 0 is the most frequent colour's. All 0 where there are fewer colours")
  value_range (0, FIND_MAX_COUNT - 1)
  ui_range (0, 50)

property_int (min_pixels, "Minimum pixels", 500)
  description ("Colours with fewer pixels get no mask")
  value_range (0, G_MAXINT)
  ui_range (0, 10000)
  ui_gamma (3.0)

property_int (max_count, "How many", 5)
  description ("Masks at most, the most frequent colours first")
  value_range (1, FIND_MAX_COUNT)
  ui_range (1, 50)

property_double (tolerance, "Tolerance", 0.0)
  description ("Colours without a mask join that of the nearest colour if it is not farther than this: Euclidean distance of "
               "the stored values, where white is 255. 0: exact colours only")
  value_range (0.0, 1000.0)
  ui_range (0.0, 100.0)

property_enum (alpha, "Alpha", CtmMaskAlpha, ctm_mask_alpha, CTM_MASK_ALPHA_COLOR)
  description ("What alpha is, where there is one; in the last two cases that of the other pixels is ignored")

property_enum (output, "Output", CtmMaskOutput, ctm_mask_output, CTM_MASK_OUTPUT_MASK)
  description ("A mask, 1 inside and 0 outside, or each mask in its flat colour and the rest transparent")

#else

#define GEGL_OP_FILTER
#define GEGL_OP_NAME     color_map_mask
#define GEGL_OP_C_SOURCE color-map-mask.c

#include "gegl-op.h"

/* Values as they are stored, so that colours are compared exactly. */
static const Babl *
input_format (GeglOperation *operation)
{
  const Babl *source = gegl_operation_get_source_format (operation, "input");

  return pixels_read_format (source ? source : babl_format ("R'G'B'A float"));
}

static void
prepare (GeglOperation *operation)
{
  const GeglProperties *o      = GEGL_PROPERTIES (operation);
  const Babl           *input  = input_format (operation);
  const gchar          *output = o->output == CTM_MASK_OUTPUT_MASK ? "Y' u8" : "R'G'B'A u8";

  gegl_operation_set_format (operation, "input", input);
  gegl_operation_set_format (operation, "output", babl_format_with_space (output, input));
}

static GeglRectangle
whole_input (GeglOperation *operation)
{
  const GeglRectangle *input = gegl_operation_source_get_bounding_box (operation, "input");

  return input ? *input : (GeglRectangle) { 0, 0, 0, 0 };
}

/* An input without bounds cannot be asked for; `process` refuses it. */
static GeglRectangle
whole_input_or (GeglOperation *operation, const GeglRectangle *roi)
{
  const GeglRectangle whole = whole_input (operation);

  return gegl_rectangle_is_infinite_plane (&whole) ? *roi : whole;
}

/* Each pixel of the output depends on how often its colour is in all of the input. */
static GeglRectangle
get_required_for_output (GeglOperation *operation, const gchar *pad, const GeglRectangle *roi)
{
  return whole_input_or (operation, roi);
}

static GeglRectangle
get_invalidated_by_change (GeglOperation *operation, const gchar *pad, const GeglRectangle *roi)
{
  return whole_input_or (operation, roi);
}

/* Whichever part is asked for first, all is computed, and kept for those that follow. */
static GeglRectangle
get_cached_region (GeglOperation *operation, const GeglRectangle *roi)
{
  return whole_input_or (operation, roi);
}

static void
write_mask (const Found *found, const GeglRectangle *whole, guint label, GeglBuffer *output, const GeglRectangle *part)
{
  GeglBufferIterator *tiles = gegl_buffer_iterator_new (output, part, 0, babl_format ("Y' u8"), GEGL_ACCESS_WRITE,
                                                        GEGL_ABYSS_NONE, 1);

  while (gegl_buffer_iterator_next (tiles))
    {
      const GeglRectangle *tile = &tiles->items[0].roi;
      guint8              *to   = tiles->items[0].data;

      for (gint y = tile->y; y < tile->y + tile->height; y++)
        {
          const guint16 *labels = found->labels + (gsize) (y - whole->y) * whole->width + tile->x - whole->x;

          for (gint x = 0; x < tile->width; x++)
            *to++ = labels[x] == label ? 255 : 0;
        }
    }
}

static void
write_colors (const Pixels *pixels, gboolean alpha_is_color, const Found *found, const GeglRectangle *whole, GeglBuffer *output,
              const GeglRectangle *part)
{
  const Babl         *format = babl_format_with_space ("R'G'B'A u8", pixels->color_format);
  GeglBufferIterator *tiles  = gegl_buffer_iterator_new (output, part, 0, format, GEGL_ACCESS_WRITE, GEGL_ABYSS_NONE, 1);
  guint8             *colors = g_new0 (guint8, 4 * ((gsize) found->count + 1));

  for (guint i = 0; i < found->count; i++)
    pixels_color (pixels, found->palette[i].color, alpha_is_color, colors + 4 * (i + 1));
  while (gegl_buffer_iterator_next (tiles))
    {
      const GeglRectangle *tile = &tiles->items[0].roi;
      guint8              *to   = tiles->items[0].data;

      for (gint y = tile->y; y < tile->y + tile->height; y++)
        {
          const guint16 *labels = found->labels + (gsize) (y - whole->y) * whole->width + tile->x - whole->x;

          for (gint x = 0; x < tile->width; x++, to += 4)
            memcpy (to, colors + 4 * labels[x], 4);
        }
    }
  g_free (colors);
}

static void
show_progress (gdouble fraction, gpointer operation)
{
  gegl_operation_progress (operation, fraction * 0.8, "");
}

static gboolean
process (GeglOperation *operation, GeglBuffer *input, GeglBuffer *output, const GeglRectangle *roi, gint level)
{
  const GeglProperties *o        = GEGL_PROPERTIES (operation);
  const GeglRectangle   whole    = whole_input (operation);
  const FindSettings    settings = { o->min_pixels, o->max_count, o->tolerance, (gint) o->alpha };
  GError               *error    = NULL;
  GeglRectangle         part;
  Pixels                pixels;
  Found                 found;

  if (gegl_rectangle_is_infinite_plane (&whole))
    {
      g_warning ("ctm:color-map-mask: the input is without bounds; an image is expected (crop it first)");
      return FALSE;
    }
  if (! gegl_rectangle_intersect (&part, roi, &whole))
    return TRUE;

  gegl_operation_progress (operation, 0.0, "");
  if (pixels_read (input, &whole, gegl_operation_get_format (operation, "input"), show_progress, operation, &pixels, &error))
    {
      /* Hosts may process graphs while they show progress, so none is told from in there. */
      if (find_masks (&pixels, &settings, NULL, NULL, &found, &error))
        {
          if (o->output == CTM_MASK_OUTPUT_MASK)
            write_mask (&found, &whole, o->index + 1, output, &part);
          else
            write_colors (&pixels, o->alpha == CTM_MASK_ALPHA_COLOR, &found, &whole, output, &part);
          found_clear (&found);
        }
      pixels_clear (&pixels);
    }
  gegl_operation_progress (operation, 1.0, "");

  if (! error)
    return TRUE;
  g_warning ("ctm:color-map-mask: %s", error->message);
  g_error_free (error);
  return FALSE;
}

static void
gegl_op_class_init (GeglOpClass *klass)
{
  GeglOperationClass       *operation = GEGL_OPERATION_CLASS (klass);
  GeglOperationFilterClass *filter    = GEGL_OPERATION_FILTER_CLASS (klass);

  operation->prepare                   = prepare;
  operation->get_required_for_output   = get_required_for_output;
  operation->get_invalidated_by_change = get_invalidated_by_change;
  operation->get_cached_region         = get_cached_region;
  operation->opencl_support            = FALSE;
  operation->threaded                  = FALSE;
  filter->process                      = process;

  gegl_operation_class_set_keys (operation,
                                 "name", "ctm:color-map-mask",
                                 "title", "Color Map to Mask",
                                 "categories", "color:segmentation",
                                 "description", "The mask of one flat colour of a colour map, most frequent colours first",
                                 NULL);
}

#endif
