/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "plug-in.h"

#include <libgimp/gimpui.h>
#include <string.h>

#define PREVIEW_SIZE 320
#define CHECK_SIZE   8
#define CHECK_LIGHT  0xaa
#define CHECK_DARK   0x88
/* Milliseconds between a change and the new preview, so that typing a number does not compute one for each digit. */
#define DELAY 150
/* Masks at most, in the dialog: GIMP's lists are slow far beyond that. */
#define MOST_MASKS 1000

enum { COLUMN_COLOR, COLUMN_NAME, COLUMN_PIXELS, COLUMNS };

typedef struct {
  const Source  *source;
  Settings       settings;
  GtkWidget     *dialog;
  GtkWidget     *picture;
  GtkWidget     *summary;
  GtkWidget     *first; /* where typing begins */
  GtkListStore  *list;
  GtkAdjustment *min_pixels;
  GtkAdjustment *max_count;
  GtkAdjustment *tolerance;
  gint           alpha;
  gint           output;
  guint          timeout;
} Dialog;

/* The masks in their colours, on checks where no mask is: each pixel of the picture is one of the source. */
static GdkPixbuf *
draw (const Source *source, const Found *found)
{
  const gint   width  = source->pixels.width;
  const gint   height = source->pixels.height;
  const gint   longer = MAX (width, height);
  const gint   columns = longer > PREVIEW_SIZE ? MAX (1, (gint64) width * PREVIEW_SIZE / longer) : width;
  const gint   rows    = longer > PREVIEW_SIZE ? MAX (1, (gint64) height * PREVIEW_SIZE / longer) : height;
  GdkPixbuf   *pixbuf  = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, columns, rows);
  guint8      *colors  = g_new (guint8, (found->count + 1) * 4);

  for (guint i = 0; i < found->count; i++)
    pixels_color (&source->pixels, found->palette[i].color, FALSE, colors + 4 * (i + 1));
  for (gint y = 0; y < rows; y++)
    {
      const gsize from = (gsize) ((gint64) y * height / rows) * width;
      guint8     *to   = gdk_pixbuf_get_pixels (pixbuf) + y * gdk_pixbuf_get_rowstride (pixbuf);

      for (gint x = 0; x < columns; x++, to += 3)
        {
          const guint16 label = found->labels[from + (gint64) x * width / columns];

          if (label)
            memcpy (to, colors + 4 * label, 3);
          else
            memset (to, (x / CHECK_SIZE + y / CHECK_SIZE) % 2 ? CHECK_DARK : CHECK_LIGHT, 3);
        }
    }
  g_free (colors);
  return pixbuf;
}

static void
list_masks (Dialog *dialog, const Found *found)
{
  gtk_list_store_clear (dialog->list);
  for (guint i = 0; i < found->count; i++)
    {
      GdkPixbuf *swatch = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 24, 14);
      gchar     *name   = mask_name (dialog->source, &dialog->settings, &found->palette[i]);
      gchar     *pixels = g_strdup_printf ("%" G_GUINT64_FORMAT, found->palette[i].pixel_count);
      guint8     rgba[4];

      pixels_color (&dialog->source->pixels, found->palette[i].color, FALSE, rgba);
      gdk_pixbuf_fill (swatch, (guint32) rgba[0] << 24 | rgba[1] << 16 | rgba[2] << 8 | 0xff);
      gtk_list_store_insert_with_values (dialog->list, NULL, -1, COLUMN_COLOR, swatch, COLUMN_NAME, name, COLUMN_PIXELS,
                                         pixels, -1);
      g_object_unref (swatch);
      g_free (name);
      g_free (pixels);
    }
}

static gchar *
summarise (const Dialog *dialog, const Found *found)
{
  guint64 covered = 0;
  gchar  *of      = found->distinct_colors ? g_strdup_printf (" of %" G_GUINT64_FORMAT " colours", found->distinct_colors)
                                           : g_strdup ("");
  gchar  *text;

  for (guint i = 0; i < found->count; i++)
    covered += found->palette[i].pixel_count;
  if (found->count)
    text = g_strdup_printf ("%u %s%s, %.2f %% of the pixels", found->count, found->count == 1 ? "mask" : "masks", of,
                            100.0 * covered / dialog->source->pixels.chosen);
  else
    text = g_strdup_printf ("No colour%s has %d pixels or more", of, MAX (dialog->settings.find.min_pixels, 1));
  g_free (of);
  return text;
}

/* Finds the masks with the settings as they are now, and shows them. */
static gboolean
update (gpointer data)
{
  Dialog *dialog = data;
  GError *error  = NULL;
  gchar  *text   = NULL;
  Found   found;

  dialog->timeout                  = 0;
  dialog->settings.find.min_pixels = gtk_adjustment_get_value (dialog->min_pixels);
  dialog->settings.find.max_count  = gtk_adjustment_get_value (dialog->max_count);
  dialog->settings.find.tolerance  = gtk_adjustment_get_value (dialog->tolerance);
  dialog->settings.find.alpha      = dialog->alpha;
  dialog->settings.output          = dialog->output;

  if (find_masks (&dialog->source->pixels, &dialog->settings.find, NULL, NULL, &found, &error))
    {
      GdkPixbuf *pixbuf = draw (dialog->source, &found);

      gtk_image_set_from_pixbuf (GTK_IMAGE (dialog->picture), pixbuf);
      g_object_unref (pixbuf);
      list_masks (dialog, &found);
      text = summarise (dialog, &found);
      gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK, found.count > 0);
      found_clear (&found);
    }
  else
    {
      gtk_list_store_clear (dialog->list);
      gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK, FALSE);
    }
  gtk_label_set_text (GTK_LABEL (dialog->summary), error ? error->message : text);
  g_clear_error (&error);
  g_free (text);
  return G_SOURCE_REMOVE;
}

static void
changed (Dialog *dialog)
{
  if (dialog->timeout)
    g_source_remove (dialog->timeout);
  dialog->timeout = g_timeout_add (DELAY, update, dialog);
}

static void
alpha_changed (GtkWidget *combo, Dialog *dialog)
{
  gimp_int_combo_box_get_active (GIMP_INT_COMBO_BOX (combo), &dialog->alpha);
  changed (dialog);
}

static void
output_changed (GtkWidget *combo, Dialog *dialog)
{
  gimp_int_combo_box_get_active (GIMP_INT_COMBO_BOX (combo), &dialog->output);
  changed (dialog);
}

static GtkAdjustment *
add_number (Dialog *dialog, GtkWidget *table, gint row, const gchar *label, gdouble value, gdouble least, gdouble most,
            gint digits, const gchar *help)
{
  GtkAdjustment *adjustment = GTK_ADJUSTMENT (gtk_adjustment_new (value, least, most, 1, 10, 0));
  GtkWidget     *spin       = gimp_spin_button_new (adjustment, 1, digits);

  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (spin), TRUE);
  gtk_entry_set_activates_default (GTK_ENTRY (spin), TRUE);
  gimp_help_set_help_data (spin, help, NULL);
  if (row == 0)
    dialog->first = spin;
  gimp_table_attach_aligned (GTK_TABLE (table), 0, row, label, 0, 0.5, spin, 1, FALSE);
  g_signal_connect_swapped (adjustment, "value-changed", G_CALLBACK (changed), dialog);
  return adjustment;
}

static void
add_controls (Dialog *dialog, GtkWidget *table)
{
  const Settings *settings = &dialog->settings;
  const gboolean  layer    = gimp_item_is_layer (dialog->source->drawable);
  GtkWidget      *combo;

  dialog->min_pixels = add_number (dialog, table, 0, "_Minimum pixels:", settings->find.min_pixels, 0, G_MAXINT, 0,
                                   "Colours with fewer pixels get no mask");
  dialog->max_count  = add_number (dialog, table, 1, "Ho_w many:", MIN (settings->find.max_count, MOST_MASKS), 1, MOST_MASKS,
                                   0, "Masks at most, the most frequent colours first");
  dialog->tolerance  = add_number (dialog, table, 2, "_Tolerance:", settings->find.tolerance, 0, 442, 2,
                                   "Colours without a mask join that of the nearest colour if it is not farther than "
                                   "this, where white is 255 and the distance Euclidean. 0: exact colours only");

  combo = gimp_int_combo_box_new ("Part of the colour", FIND_ALPHA_COLOR, "Ignored", FIND_ALPHA_IGNORED,
                                  "Transparent pixels have no colour", FIND_ALPHA_TRANSPARENT, NULL);
  dialog->alpha = settings->find.alpha;
  gimp_int_combo_box_connect (GIMP_INT_COMBO_BOX (combo), dialog->alpha, G_CALLBACK (alpha_changed), dialog);
  gtk_widget_set_sensitive (combo, dialog->source->pixels.has_alpha);
  gimp_table_attach_aligned (GTK_TABLE (table), 0, 3, "_Alpha:", 0, 0.5, combo, 1, FALSE);

  combo = gimp_int_combo_box_new ("Channels", OUTPUT_CHANNELS, "Layers with masks", OUTPUT_LAYERS, NULL);
  dialog->output = layer ? settings->output : OUTPUT_CHANNELS;
  gimp_int_combo_box_connect (GIMP_INT_COMBO_BOX (combo), dialog->output, G_CALLBACK (output_changed), dialog);
  gtk_widget_set_sensitive (combo, layer);
  gimp_table_attach_aligned (GTK_TABLE (table), 0, 4, "C_reate:", 0, 0.5, combo, 1, FALSE);
}

static GtkWidget *
new_list (Dialog *dialog)
{
  GtkWidget *scrolled = gtk_scrolled_window_new (NULL, NULL);
  GtkWidget *view;

  dialog->list = gtk_list_store_new (COLUMNS, GDK_TYPE_PIXBUF, G_TYPE_STRING, G_TYPE_STRING);
  view         = gtk_tree_view_new_with_model (GTK_TREE_MODEL (dialog->list));
  g_object_unref (dialog->list);
  gtk_tree_view_set_headers_visible (GTK_TREE_VIEW (view), FALSE);
  gtk_tree_view_insert_column_with_attributes (GTK_TREE_VIEW (view), -1, "", gtk_cell_renderer_pixbuf_new (), "pixbuf",
                                               COLUMN_COLOR, NULL);
  gtk_tree_view_insert_column_with_attributes (GTK_TREE_VIEW (view), -1, "", gtk_cell_renderer_text_new (), "text",
                                               COLUMN_NAME, NULL);
  gtk_tree_view_insert_column_with_attributes (GTK_TREE_VIEW (view), -1, "", gtk_cell_renderer_text_new (), "text",
                                               COLUMN_PIXELS, NULL);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (scrolled), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (scrolled), view);
  return scrolled;
}

static void
fill (Dialog *dialog)
{
  GtkWidget *columns = gtk_hbox_new (FALSE, 12);
  GtkWidget *left    = gtk_vbox_new (FALSE, 6);
  GtkWidget *right   = gtk_vbox_new (FALSE, 12);
  GtkWidget *frame   = gtk_frame_new (NULL);
  GtkWidget *table   = gtk_table_new (5, 2, FALSE);

  dialog->picture = gtk_image_new ();
  gtk_widget_set_size_request (dialog->picture, PREVIEW_SIZE, -1);
  dialog->summary = gtk_label_new (NULL);
  gtk_label_set_line_wrap (GTK_LABEL (dialog->summary), TRUE);
  gtk_misc_set_alignment (GTK_MISC (dialog->summary), 0, 0);
  gtk_widget_set_size_request (dialog->summary, PREVIEW_SIZE, 40);
  gtk_frame_set_shadow_type (GTK_FRAME (frame), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (frame), dialog->picture);
  gtk_box_pack_start (GTK_BOX (left), frame, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (left), dialog->summary, FALSE, FALSE, 0);

  gtk_table_set_row_spacings (GTK_TABLE (table), 6);
  gtk_table_set_col_spacings (GTK_TABLE (table), 6);
  add_controls (dialog, table);
  gtk_box_pack_start (GTK_BOX (right), table, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (right), new_list (dialog), TRUE, TRUE, 0);

  gtk_container_set_border_width (GTK_CONTAINER (columns), 12);
  gtk_box_pack_start (GTK_BOX (columns), left, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (columns), right, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (dialog->dialog))), columns, TRUE, TRUE, 0);
  gtk_widget_show_all (columns);
}

gboolean
dialog_run (const Source *source, Settings *settings)
{
  Dialog   dialog = { .source = source, .settings = *settings };
  gboolean accepted;

  gimp_ui_init (BINARY, TRUE);
  dialog.dialog = gimp_dialog_new ("Color Map to Masks", BINARY, NULL, 0, NULL, NULL, /* no help */
                                   GTK_STOCK_CANCEL, GTK_RESPONSE_CANCEL, GTK_STOCK_OK, GTK_RESPONSE_OK, NULL);
  gtk_dialog_set_default_response (GTK_DIALOG (dialog.dialog), GTK_RESPONSE_OK);
  gimp_window_set_transient (GTK_WINDOW (dialog.dialog));
  gtk_window_set_default_size (GTK_WINDOW (dialog.dialog), -1, 420);
  fill (&dialog);
  gtk_widget_grab_focus (dialog.first);
  changed (&dialog);

  accepted = gimp_dialog_run (GIMP_DIALOG (dialog.dialog)) == GTK_RESPONSE_OK;
  if (dialog.timeout)
    {
      g_source_remove (dialog.timeout);
      update (&dialog); /* what was typed last */
    }
  gtk_widget_destroy (dialog.dialog);
  if (accepted)
    *settings = dialog.settings;
  return accepted;
}
