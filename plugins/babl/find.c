/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "find.h"

#include <float.h>
#include <string.h>

/* One context serves the process: its threads, device and memory are there for the next image. It is never destroyed,
 * unless it has failed for good. */
static GMutex       context_lock;
static ctm_context *context;

static gboolean
fail (ctm_status status, const ctm_context *failed, GError **error)
{
  const char *detail = ctm_last_error (failed);

  g_set_error_literal (error, pixels_error_quark (), status, *detail ? detail : ctm_status_string (status));
  return FALSE;
}

static gboolean
is_for_good (ctm_status status)
{
  return status == CTM_ERROR_DEVICE_LOST || status == CTM_ERROR_TIMEOUT || status == CTM_ERROR_INTERNAL;
}

static gboolean
analyze (const ctm_image *image, const ctm_params *params, const ctm_outputs *outputs, ctm_result *result, GError **error)
{
  gboolean   done = TRUE;
  ctm_status status;

  g_mutex_lock (&context_lock);
  if (! context && (status = ctm_create (NULL, &context)) != CTM_OK)
    {
      done = fail (status, NULL, error);
    }
  else if ((status = ctm_analyze (context, image, params, outputs, result)) != CTM_OK)
    {
      done = fail (status, context, error);
      if (is_for_good (status))
        {
          ctm_destroy (context);
          context = NULL;
        }
    }
  g_mutex_unlock (&context_lock);
  return done;
}

typedef struct {
  PixelsProgress show;
  gpointer       user_data;
  gdouble        shown;
} Progress;

/* The library tells every few milliseconds; a step of a hundredth is worth showing. */
static int32_t
tell (void *user, double done)
{
  Progress *progress = user;

  if (done >= progress->shown + 0.01)
    {
      progress->shown = done;
      progress->show (done, progress->user_data);
    }
  return 0; /* go on */
}

gboolean
find_masks (const Pixels *pixels, const FindSettings *settings, PixelsProgress progress, gpointer user_data, Found *found,
            GError **error)
{
  Progress    told    = { progress, user_data, 0 };
  const gsize count   = (gsize) pixels->width * pixels->height;
  ctm_image   image   = CTM_IMAGE_INIT;
  ctm_params  params  = CTM_PARAMS_INIT;
  ctm_outputs outputs = CTM_OUTPUTS_INIT;
  ctm_result  result  = CTM_RESULT_INIT;

  memset (found, 0, sizeof *found);
  found->labels  = g_try_malloc_n (count, sizeof *found->labels);
  found->palette = g_try_malloc_n (settings->max_count, sizeof *found->palette);
  if (! found->labels || ! found->palette)
    {
      found_clear (found);
      g_set_error (error, pixels_error_quark (), CTM_ERROR_OUT_OF_MEMORY,
                   "there is no memory for the labels of %d × %d pixels", pixels->width, pixels->height);
      return FALSE;
    }

  image.pixels   = pixels->data;
  image.width    = pixels->width;
  image.height   = pixels->height;
  image.channels = pixels->channels;
  image.format   = pixels->ctm_format;

  if (progress)
    {
      params.progress      = tell;
      params.progress_user = &told;
    }
  params.min_pixels = settings->min_pixels;
  params.max_count  = settings->max_count;
  if (settings->tolerance > 0)
    {
      params.nearest   = CTM_NEAREST_EUCLIDEAN;
      params.tolerance = settings->tolerance * pixels->white / 255;
    }
  if (pixels->has_alpha && settings->alpha == FIND_ALPHA_IGNORED)
    {
      params.alpha = CTM_ALPHA_IGNORED;
    }
  else if (pixels->has_alpha && settings->alpha == FIND_ALPHA_TRANSPARENT)
    {
      params.alpha       = CTM_ALPHA_AT_LEAST;
      params.least_alpha = pixels->white > 1 ? 1 : FLT_TRUE_MIN;
    }

  outputs.label_format     = CTM_LABEL_U16;
  outputs.labels           = found->labels;
  outputs.labels_size      = count * sizeof *found->labels;
  outputs.palette          = found->palette;
  outputs.palette_capacity = settings->max_count;

  if (! analyze (&image, &params, &outputs, &result, error))
    {
      found_clear (found);
      return FALSE;
    }
  found->count           = result.mask_count;
  found->distinct_colors = result.distinct_colors;
  return TRUE;
}

void
found_clear (Found *found)
{
  g_free (found->labels);
  g_free (found->palette);
  found->labels  = NULL;
  found->palette = NULL;
}
