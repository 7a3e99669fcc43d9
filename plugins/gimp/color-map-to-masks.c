/*
 * The GIMP procedure plug-in-ctm-color-map-to-masks: each flat colour of a drawable becomes a channel, or a layer with a
 * mask.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "plug-in.h"

#include <math.h>

static void query (void);
static void run (const gchar *name, gint n_params, const GimpParam *params, gint *n_values, GimpParam **values);

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

static const Settings defaults = { { 500, 5, 0, FIND_ALPHA_COLOR }, OUTPUT_CHANNELS };

MAIN ()

static void
query (void)
{
  static const GimpParamDef arguments[] = {
    { GIMP_PDB_INT32, "run-mode", "The run mode { RUN-INTERACTIVE (0), RUN-NONINTERACTIVE (1), RUN-WITH-LAST-VALS (2) }" },
    { GIMP_PDB_IMAGE, "image", "The image, which receives the channels or layers" },
    { GIMP_PDB_DRAWABLE, "drawable", "The colour map: a layer, layer group, channel or mask of the image" },
    { GIMP_PDB_INT32, "min-pixels", "Colours with fewer pixels get no mask; 0 or more" },
    { GIMP_PDB_INT32, "max-count", "Masks at most, the most frequent colours first; 1 to 65535" },
    { GIMP_PDB_FLOAT, "tolerance", "Colours without a mask join that of the nearest colour if it is not farther than "
                                   "this: Euclidean distance of the stored values, where white is 255; 0 for none" },
    { GIMP_PDB_INT32, "alpha", "What alpha is { COLOR (0): part of the colour, IGNORED (1), TRANSPARENT (2): fully "
                               "transparent pixels have no colour, that of the others is ignored }; no matter "
                               "where there is no alpha" },
    { GIMP_PDB_INT32, "output", "What is made { CHANNELS (0), LAYERS (1): a group with a copy of the layer for each "
                                "colour, with a layer mask; needs a layer }" },
  };
  static const GimpParamDef results[] = {
    { GIMP_PDB_INT32, "mask-count", "How many masks there are; 0 where no colour has enough pixels" },
    { GIMP_PDB_LAYER, "group", "The group with the layers, or -1; channels are the image's first ones" },
  };

  gimp_install_procedure (PROCEDURE,
                          "One channel or layer mask for each flat colour",
                          "Counts the exact colours of a colour map (an ID pass, a segmentation map, a map of regions in "
                          "flat colours), and makes a channel, or a layer with a mask, for each of the most frequent "
                          "ones, named by colour and share. Only what lies in the image and in the selection is "
                          "looked at; a pixel that is less than half selected has no colour. The mask is 100 % "
                          "inside and 0 outside. All is undone in one step.",
                          "The ctm project", "The ctm project; MIT or Apache-2.0", "2026", "Color Map to _Masks...", "*",
                          GIMP_PLUGIN, G_N_ELEMENTS (arguments), G_N_ELEMENTS (results), arguments, results);
  gimp_plugin_menu_register (PROCEDURE, "<Image>/Colors/Map");
}

/* The settings of a call that is not interactive. */
static gboolean
settings_from (Settings *settings, const GimpParam *params, GError **error)
{
  settings->find.min_pixels = params[3].data.d_int32;
  settings->find.max_count  = params[4].data.d_int32;
  settings->find.tolerance  = params[5].data.d_float;
  settings->find.alpha      = params[6].data.d_int32;
  settings->output          = params[7].data.d_int32;

  if (settings->find.min_pixels < 0)
    g_set_error (error, pixels_error_quark (), CTM_ERROR_INVALID_ARGUMENT, "min-pixels is %d; 0 or more is expected",
                 settings->find.min_pixels);
  else if (settings->find.max_count < 1 || settings->find.max_count > FIND_MAX_COUNT)
    g_set_error (error, pixels_error_quark (), CTM_ERROR_INVALID_ARGUMENT, "max-count is %d; 1 to %d is expected",
                 settings->find.max_count, FIND_MAX_COUNT);
  else if (! (settings->find.tolerance >= 0) || isinf (settings->find.tolerance))
    g_set_error (error, pixels_error_quark (), CTM_ERROR_INVALID_ARGUMENT, "tolerance is %g; 0 or more is expected",
                 settings->find.tolerance);
  else if (settings->find.alpha < FIND_ALPHA_COLOR || settings->find.alpha > FIND_ALPHA_TRANSPARENT)
    g_set_error (error, pixels_error_quark (), CTM_ERROR_INVALID_ARGUMENT,
                 "alpha is %d; 0 (part of the colour), 1 (ignored) or 2 (transparent pixels have no colour) is expected",
                 settings->find.alpha);
  else if (settings->output < OUTPUT_CHANNELS || settings->output > OUTPUT_LAYERS)
    g_set_error (error, pixels_error_quark (), CTM_ERROR_INVALID_ARGUMENT,
                 "output is %d; 0 (channels) or 1 (layers) is expected", settings->output);
  else
    return TRUE;
  return FALSE;
}

/* Between reading and writing. */
static void
show_progress (gdouble fraction, gpointer user_data)
{
  gimp_progress_update (0.3 + 0.2 * fraction);
}

/* Finds and writes. */
static gboolean
make_masks (const Source *source, const Settings *settings, gboolean interactive, gint32 *count, gint32 *group,
            GError **error)
{
  Found    found;
  gboolean done;

  if (! find_masks (&source->pixels, &settings->find, show_progress, NULL, &found, error))
    return FALSE;
  done = masks_write (source, settings, &found, group, error);
  if (done)
    *count = found.count;
  if (done && interactive && ! found.count)
    g_message ("No colour has %d pixels or more.", MAX (settings->find.min_pixels, 1));
  found_clear (&found);
  return done;
}

static void
run (const gchar *name, gint n_params, const GimpParam *params, gint *n_values, GimpParam **values)
{
  static GimpParam  returned[3];
  const GimpRunMode mode     = params[0].data.d_int32;
  Settings          settings = defaults;
  Source            source   = { .image = params[1].data.d_image };
  gint32            count    = 0;
  gint32            group    = -1;
  GError           *error    = NULL;
  GimpPDBStatusType status   = GIMP_PDB_EXECUTION_ERROR;

  gegl_init (NULL, NULL);

  if (mode != GIMP_RUN_NONINTERACTIVE)
    gimp_get_data (PROCEDURE, &settings);
  else if (n_params == 8 && ! settings_from (&settings, params, &error))
    status = GIMP_PDB_CALLING_ERROR;
  else if (n_params != 8)
    status = GIMP_PDB_CALLING_ERROR;

  if (status != GIMP_PDB_CALLING_ERROR && source_read (&source, params[1].data.d_image, params[2].data.d_drawable, &error))
    {
      if (mode == GIMP_RUN_INTERACTIVE && ! dialog_run (&source, &settings))
        status = GIMP_PDB_CANCEL;
      else if (make_masks (&source, &settings, mode != GIMP_RUN_NONINTERACTIVE, &count, &group, &error))
        status = GIMP_PDB_SUCCESS;
      source_clear (&source);
    }

  if (status == GIMP_PDB_SUCCESS && mode == GIMP_RUN_INTERACTIVE)
    gimp_set_data (PROCEDURE, &settings, sizeof settings);
  if (mode != GIMP_RUN_NONINTERACTIVE)
    gimp_displays_flush ();

  /* GIMP shows the sentence that comes with an error. No array can be among the results: with errors GIMP 2.10.34 takes
   * the sentence's address for its length. */
  *values                   = returned;
  *n_values                 = 1;
  returned[0].type          = GIMP_PDB_STATUS;
  returned[0].data.d_status = status;
  if (status == GIMP_PDB_SUCCESS)
    {
      *n_values                = 3;
      returned[1].type         = GIMP_PDB_INT32;
      returned[1].data.d_int32 = count;
      returned[2].type         = GIMP_PDB_LAYER;
      returned[2].data.d_layer = group;
    }
  else if (error)
    {
      *n_values                 = 2;
      returned[1].type          = GIMP_PDB_STRING;
      returned[1].data.d_string = error->message;
    }
}
