/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "plug-in.h"

#include <string.h>

static void
show_progress (gdouble fraction, gpointer user_data)
{
  gimp_progress_update (fraction * 0.3);
}

/* The part of the drawable that is in the image and in the bounds of its selection. */
static gboolean
find_rectangle (Source *source)
{
  GeglRectangle image = { 0, 0, gimp_image_width (source->image), gimp_image_height (source->image) };
  GeglRectangle chosen;

  gimp_drawable_offsets (source->drawable, &source->offset_x, &source->offset_y);
  image.x -= source->offset_x;
  image.y -= source->offset_y;
  return gimp_drawable_mask_intersect (source->drawable, &chosen.x, &chosen.y, &chosen.width, &chosen.height) &&
         gegl_rectangle_intersect (&source->rectangle, &chosen, &image);
}

/* Takes the colour from pixels that are not selected, if there are any. */
static gboolean
apply_selection (Source *source, GError **error)
{
  const GeglRectangle rectangle = { source->rectangle.x + source->offset_x, source->rectangle.y + source->offset_y,
                                    source->rectangle.width, source->rectangle.height };
  const gsize         count     = (gsize) rectangle.width * rectangle.height;
  gboolean            done      = TRUE;
  guint8             *selected;
  GeglBuffer         *buffer;

  if (gimp_selection_is_empty (source->image))
    return TRUE;
  selected = g_try_malloc (count);
  if (! selected)
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_OUT_OF_MEMORY, "there is no memory for the selection");
      return FALSE;
    }
  buffer = gimp_drawable_get_buffer (gimp_image_get_selection (source->image));
  gegl_buffer_get (buffer, &rectangle, 1.0, babl_format ("Y u8"), selected, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  g_object_unref (buffer);

  for (gsize i = 0; i < count; i++)
    if (selected[i] < 128)
      {
        done = pixels_choose (&source->pixels, selected, error);
        break;
      }
  g_free (selected);
  return done;
}

gboolean
source_read (Source *source, gint32 image, gint32 drawable, GError **error)
{
  GeglBuffer *buffer;
  gboolean    done;

  memset (source, 0, sizeof *source);
  source->image    = image;
  source->drawable = drawable;
  if (gimp_item_get_image (drawable) != image)
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_INVALID_ARGUMENT, "drawable %d is not one of image %d", drawable,
                   image);
      return FALSE;
    }
  if (! find_rectangle (source))
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_INVALID_ARGUMENT,
                   "the drawable has no pixel in the image and its selection; at least one is expected");
      return FALSE;
    }

  gimp_progress_init ("Color map to masks");
  buffer = gimp_drawable_get_buffer (drawable);
  done   = pixels_read (buffer, &source->rectangle, gimp_drawable_get_format (drawable), show_progress, NULL, &source->pixels,
                        error);
  g_object_unref (buffer);
  if (done && ! apply_selection (source, error))
    {
      source_clear (source);
      return FALSE;
    }
  return done;
}

void
source_clear (Source *source)
{
  pixels_clear (&source->pixels);
}
