/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "plug-in.h"

#include <string.h>

/* Rows that are written at a time: a row of GIMP's tiles. */
#define BAND 64

gchar *
mask_name (const Source *source, const Settings *settings, const ctm_palette_entry *entry)
{
  const gdouble share = 100.0 * entry->pixel_count / source->pixels.chosen;
  guint8        rgba[4];

  pixels_color (&source->pixels, entry->color, settings->find.alpha == FIND_ALPHA_COLOR, rgba);
  if (rgba[3] == 255)
    return g_strdup_printf ("#%02x%02x%02x %.2f %%", rgba[0], rgba[1], rgba[2], share);
  return g_strdup_printf ("#%02x%02x%02x%02x %.2f %%", rgba[0], rgba[1], rgba[2], rgba[3], share);
}

/* White as a channel of GIMP's stores it. Bytes that babl converts come out near it only, 4294966784 for example. */
static gsize
white_of (const Babl *format, guint8 *white)
{
  static const guint16 half    = 0x3c00;
  static const gfloat  single  = 1;
  static const gdouble precise = 1;
  const gsize          size    = babl_format_get_bytes_per_pixel (format);
  const gchar         *type    = babl_get_name (babl_format_get_type (format, 0));

  memset (white, 0xff, size); /* u8, u16, u32 */
  if (! strcmp (type, "half"))
    memcpy (white, &half, size);
  else if (! strcmp (type, "float"))
    memcpy (white, &single, size);
  else if (! strcmp (type, "double"))
    memcpy (white, &precise, size);
  return size;
}

/* Writes white where the label is the mask's into a drawable that is 0; x and y are where the source's rectangle begins. */
static gboolean
write_mask (gint32 drawable, gint x, gint y, const Source *source, const Found *found, guint index, GError **error)
{
  const ctm_palette_entry *entry  = &found->palette[index];
  const guint16            label  = index + 1;
  const gsize              width  = source->rectangle.width;
  GeglBuffer              *buffer = gimp_drawable_get_buffer (drawable);
  const Babl              *format = gimp_drawable_get_format (drawable);
  guint8                   white[sizeof (gdouble)];
  const gsize              size   = white_of (format, white);
  guint8                  *band   = g_try_malloc ((gsize) entry->width * BAND * size);

  if (! band || ! buffer)
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_OUT_OF_MEMORY, "there is no memory for a mask");
      g_free (band);
      g_clear_object (&buffer);
      return FALSE;
    }
  for (guint top = 0; top < entry->height; top += BAND)
    {
      const guint         rows      = MIN (BAND, entry->height - top);
      const GeglRectangle rectangle = { x + entry->left, y + entry->top + top, entry->width, rows };
      guint8             *to        = band;

      memset (band, 0, (gsize) entry->width * rows * size);
      for (guint row = 0; row < rows; row++)
        {
          const guint16 *labels = found->labels + (entry->top + top + row) * width + entry->left;

          for (guint column = 0; column < entry->width; column++, to += size)
            if (labels[column] == label)
              memcpy (to, white, size);
        }
      gegl_buffer_set (buffer, &rectangle, 0, format, band, GEGL_AUTO_ROWSTRIDE);
    }
  g_free (band);
  g_object_unref (buffer);
  gimp_drawable_update (drawable, x + entry->left, y + entry->top, entry->width, entry->height);
  return TRUE;
}

/* The foreground colour must be black. */
static gint32
add_channel (const Source *source, const Settings *settings, const Found *found, guint index, GError **error)
{
  const gint32 image = source->image;
  gchar       *name  = mask_name (source, settings, &found->palette[index]);
  guint8       rgba[4];
  GimpRGB      color;
  gint32       channel;

  pixels_color (&source->pixels, found->palette[index].color, FALSE, rgba);
  gimp_rgb_set_uchar (&color, rgba[0], rgba[1], rgba[2]);
  channel = gimp_channel_new (image, name, gimp_image_width (image), gimp_image_height (image), 50.0, &color);
  g_free (name);
  if (channel < 0 || ! gimp_image_insert_channel (image, channel, -1, index))
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_OUT_OF_MEMORY, "GIMP did not make the channel: %s",
                   gimp_get_pdb_error ());
      return -1;
    }
  gimp_item_set_visible (channel, FALSE);
  gimp_drawable_fill (channel, GIMP_FILL_FOREGROUND);
  write_mask (channel, source->rectangle.x + source->offset_x, source->rectangle.y + source->offset_y, source, found, index,
              error);
  return channel;
}

/* A copy of the source for the image; of a group, its projection. */
static gint32
copy_layer (const Source *source)
{
  const gint32 drawable = source->drawable;
  gint32       copy;
  GeglBuffer  *from, *to;

  if (! gimp_item_is_group (drawable))
    return gimp_layer_copy (drawable);

  copy = gimp_layer_new (source->image, "", gimp_drawable_width (drawable), gimp_drawable_height (drawable),
                         gimp_drawable_type (drawable), gimp_layer_get_opacity (drawable), gimp_layer_get_mode (drawable));
  gimp_layer_set_offsets (copy, source->offset_x, source->offset_y);
  from = gimp_drawable_get_buffer (drawable);
  to   = gimp_drawable_get_buffer (copy);
  gegl_buffer_copy (from, NULL, GEGL_ABYSS_NONE, to, NULL);
  g_object_unref (from);
  g_object_unref (to);
  return copy;
}

static gint32
add_layer (const Source *source, const Settings *settings, const Found *found, gint32 group, guint index, GError **error)
{
  gchar *name  = mask_name (source, settings, &found->palette[index]);
  gint32 layer = copy_layer (source);
  gint32 mask  = -1;

  if (layer >= 0 && gimp_image_insert_layer (source->image, layer, group, index))
    {
      gimp_item_set_name (layer, name);
      gimp_item_set_lock_content (layer, FALSE);
      if (gimp_layer_get_mask (layer) >= 0)
        gimp_layer_remove_mask (layer, GIMP_MASK_DISCARD);
      mask = gimp_layer_create_mask (layer, GIMP_ADD_MASK_BLACK);
    }
  g_free (name);
  if (mask < 0 || ! gimp_layer_add_mask (layer, mask))
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_OUT_OF_MEMORY, "GIMP did not make the layer: %s",
                   gimp_get_pdb_error ());
      return layer;
    }
  write_mask (mask, source->rectangle.x, source->rectangle.y, source, found, index, error);
  return layer;
}

/* The group that receives the layers, above the source. */
static gint32
add_group (const Source *source, GError **error)
{
  const gint32 group  = gimp_layer_group_new (source->image);
  gchar       *source_name;
  gchar       *name;

  if (group < 0 || ! gimp_image_insert_layer (source->image, group, gimp_item_get_parent (source->drawable),
                                              gimp_image_get_item_position (source->image, source->drawable)))
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_OUT_OF_MEMORY, "GIMP did not make the layer group: %s",
                   gimp_get_pdb_error ());
      return -1;
    }
  source_name = gimp_item_get_name (source->drawable);
  name        = g_strdup_printf ("Masks of %s", source_name);
  gimp_item_set_name (group, name);
  g_free (name);
  g_free (source_name);
  return group;
}

/* New items become active; the next filter is meant for what was active before. */
static void
activate (gint32 image, gint32 drawable)
{
  if (gimp_item_is_layer_mask (drawable))
    {
      gimp_image_set_active_layer (image, gimp_layer_from_mask (drawable));
      gimp_layer_set_edit_mask (gimp_layer_from_mask (drawable), TRUE);
    }
  else if (gimp_item_is_layer (drawable))
    gimp_image_set_active_layer (image, drawable);
  else if (gimp_item_is_channel (drawable))
    gimp_image_set_active_channel (image, drawable);
}

gboolean
masks_write (const Source *source, const Settings *settings, const Found *found, gint32 *group, GError **error)
{
  const GimpRGB black   = { 0, 0, 0, 1 };
  const gint32  active  = gimp_image_get_active_drawable (source->image);
  GError       *failure = NULL;
  gint32       *items;
  guint         made    = 0;

  *group = -1;
  if (settings->output == OUTPUT_LAYERS && ! gimp_item_is_layer (source->drawable))
    {
      g_set_error (error, pixels_error_quark (), CTM_ERROR_INVALID_ARGUMENT,
                   "output is 1 (layers) and the drawable is a channel or a mask; a layer is expected");
      return FALSE;
    }
  if (! found->count)
    return TRUE;

  items = g_new (gint32, found->count);
  gimp_context_push ();
  gimp_context_set_foreground (&black);
  gimp_image_undo_group_start (source->image);
  if (settings->output == OUTPUT_LAYERS)
    *group = add_group (source, &failure);
  while (made < found->count && ! failure)
    {
      if (settings->output == OUTPUT_LAYERS)
        items[made] = add_layer (source, settings, found, *group, made, &failure);
      else
        items[made] = add_channel (source, settings, found, made, &failure);
      gimp_progress_update (0.5 + 0.5 * ++made / found->count);
    }
  if (failure && *group >= 0)
    gimp_image_remove_layer (source->image, *group);
  else if (failure)
    while (made-- > 0)
      if (gimp_item_is_valid (items[made]))
        gimp_image_remove_channel (source->image, items[made]);
  activate (source->image, active);
  gimp_image_undo_group_end (source->image);
  gimp_context_pop ();
  gimp_progress_update (1.0);
  g_free (items);

  if (! failure)
    return TRUE;
  g_propagate_error (error, failure);
  return FALSE;
}
