/*
 * For the tests: writes drawables' pixels as they are stored, behind a line with their format, width, height and offsets:
 * the first to PREFIX.1, the second to PREFIX.2, and so on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <libgimp/gimp.h>
#include <stdio.h>

static void
query (void)
{
  static const GimpParamDef arguments[] = {
    { GIMP_PDB_INT32, "count", "" },
    { GIMP_PDB_INT32ARRAY, "drawables", "" },
    { GIMP_PDB_STRING, "prefix", "" },
  };

  gimp_install_procedure ("plug-in-ctm-test-dump", "", "", "", "", "", NULL, "*", GIMP_PLUGIN, 3, 0, arguments, NULL);
}

static gboolean
dump (gint32 drawable, const gchar *name)
{
  GeglBuffer          *buffer = gimp_drawable_get_buffer (drawable);
  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);
  const Babl          *format = gegl_buffer_get_format (buffer);
  FILE                *file   = fopen (name, "wb");
  gint                 x, y;
  gsize                size;
  gchar               *pixels;
  gboolean             done;

  if (! file)
    return FALSE;
  gimp_drawable_offsets (drawable, &x, &y);
  if (babl_format_is_palette (format))
    format = babl_format (babl_format_has_alpha (format) ? "R'G'B'A u8" : "R'G'B' u8");
  size   = (gsize) extent->width * extent->height * babl_format_get_bytes_per_pixel (format);
  pixels = g_malloc (size);
  gegl_buffer_get (buffer, extent, 1.0, format, pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  fprintf (file, "%s|%d|%d|%d|%d\n", babl_format_get_encoding (format), extent->width, extent->height, x, y);
  done = fwrite (pixels, 1, size, file) == size;
  done = fclose (file) == 0 && done;
  g_free (pixels);
  g_object_unref (buffer);
  return done;
}

static void
run (const gchar *procedure, gint n_params, const GimpParam *params, gint *n_values, GimpParam **values)
{
  static GimpParam status = { GIMP_PDB_STATUS, { .d_status = GIMP_PDB_SUCCESS } };

  gegl_init (NULL, NULL);
  for (gint i = 0; i < params[0].data.d_int32; i++)
    {
      gchar *name = g_strdup_printf ("%s.%d", params[2].data.d_string, i + 1);

      if (! dump (params[1].data.d_int32array[i], name))
        status.data.d_status = GIMP_PDB_EXECUTION_ERROR;
      g_free (name);
    }
  *n_values = 1;
  *values   = &status;
}

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

MAIN ()
