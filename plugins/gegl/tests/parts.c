/*
 * Asks ctm:color-map-mask for its output in parts of all shapes, from inputs of all formats, and compares with masks that
 * the tool has made: parts WORLD.png MASK-1.png ... MASK-5.png
 *
 * parts --same A.png ... B.png ...: whether the pictures of the first half are those of the second.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <gegl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH  2048
#define HEIGHT 1024
#define MASKS  5

static guint8  *masks[MASKS];
static gint     checks;
static gint     failures;
static gint     warnings; /* of the operation */
static gboolean quiet;    /* they are expected */

static void
expect (gboolean right, const gchar *format, ...) G_GNUC_PRINTF (2, 3);

static void
expect (gboolean right, const gchar *format, ...)
{
  va_list arguments;

  checks++;
  if (right)
    return;
  failures++;
  va_start (arguments, format);
  g_printerr ("gegl: ");
  vfprintf (stderr, format, arguments);
  g_printerr ("\n");
  va_end (arguments);
}

static void
count_warning (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data)
{
  if (strstr (message, "ctm:color-map-mask"))
    warnings++;
  if (! quiet)
    g_log_default_handler (domain, level, message, data);
}

static GeglBuffer *
load (const gchar *path)
{
  GeglBuffer *buffer = NULL;
  GeglNode   *graph  = gegl_node_new ();
  GeglNode   *source = gegl_node_new_child (graph, "operation", "gegl:png-load", "path", path, NULL);
  GeglNode   *sink   = gegl_node_new_child (graph, "operation", "gegl:buffer-sink", "buffer", &buffer, NULL);

  gegl_node_link (source, sink);
  gegl_node_process (sink);
  g_object_unref (graph);
  if (! buffer || gegl_buffer_get_width (buffer) != WIDTH || gegl_buffer_get_height (buffer) != HEIGHT)
    g_error ("%s is not a picture of %d x %d pixels", path, WIDTH, HEIGHT);
  return buffer;
}

/* A copy in another format, with another origin and other tiles. */
static GeglBuffer *
convert (GeglBuffer *buffer, const gchar *format, gint x, gint y, gint tile_width, gint tile_height)
{
  GeglBuffer *copy = g_object_new (GEGL_TYPE_BUFFER, "format", babl_format (format), "x", x, "y", y, "width", WIDTH, "height",
                                   HEIGHT, "tile-width", tile_width, "tile-height", tile_height, NULL);

  gegl_buffer_copy (buffer, NULL, GEGL_ABYSS_NONE, copy, GEGL_RECTANGLE (x, y, WIDTH, HEIGHT));
  return copy;
}

typedef struct {
  GeglNode *graph, *source, *operation;
} Chain;

static Chain
chain (GeglBuffer *buffer)
{
  Chain made;

  made.graph     = gegl_node_new ();
  made.source    = gegl_node_new_child (made.graph, "operation", "gegl:buffer-source", "buffer", buffer, NULL);
  made.operation = gegl_node_new_child (made.graph, "operation", "ctm:color-map-mask", NULL);
  gegl_node_link (made.source, made.operation);
  return made;
}

/* With an operation before it that computes no more than what it is asked for. */
static Chain
computed_chain (GeglBuffer *buffer)
{
  Chain     made   = chain (buffer);
  GeglNode *invert = gegl_node_new_child (made.graph, "operation", "gegl:invert-gamma", NULL);

  gegl_node_link_many (made.source, invert, made.operation, NULL);
  return made;
}

/* What the mask is at a place of the image, beyond it too. NULL: 0 everywhere. */
static guint8
wanted (const guint8 *mask, gint x, gint y)
{
  return mask && x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT ? mask[y * WIDTH + x] : 0;
}

/* Whether a part of the operation's output is that of the mask. */
static gboolean
is_part (const guint8 *got, const GeglRectangle *part, const guint8 *mask, gint x0, gint y0)
{
  for (gint y = 0; y < part->height; y++)
    for (gint x = 0; x < part->width; x++)
      if (got[(gsize) y * part->width + x] != wanted (mask, part->x + x - x0, part->y + y - y0))
        return FALSE;
  return TRUE;
}

static void
check_blit (GeglNode *operation, const GeglRectangle *part, const guint8 *mask, gint x0, gint y0, const gchar *what)
{
  guint8 *got = g_malloc ((gsize) part->width * part->height);

  memset (got, 0x55, (gsize) part->width * part->height);
  gegl_node_blit (operation, 1.0, part, babl_format ("Y' u8"), got, GEGL_AUTO_ROWSTRIDE, GEGL_BLIT_DEFAULT);
  expect (is_part (got, part, mask, x0, y0), "%s: the part %d, %d, %d x %d differs", what, part->x, part->y, part->width,
          part->height);
  g_free (got);
}

static const GeglRectangle parts[] = {
  { 0, 0, WIDTH, HEIGHT }, { 1000, 500, 1, 1 },      { 3, 5, 127, 129 },     { 1021, 0, 1, HEIGHT }, { 0, 511, WIDTH, 1 },
  { -50, -70, 111, 93 },   { 2000, 1000, 100, 100 }, { -9, 300, 2100, 257 }, { 128, 128, 128, 128 }, { 2100, 0, 64, 64 },
};

/* Each part as the first that a new graph is asked for, and all of one graph, with caches and without. */
static void
check_parts (GeglBuffer *world)
{
  static const GeglCachePolicy policies[] = { GEGL_CACHE_POLICY_AUTO, GEGL_CACHE_POLICY_NEVER, GEGL_CACHE_POLICY_ALWAYS };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      Chain fresh    = chain (world);
      Chain computed = computed_chain (world);

      check_blit (fresh.operation, &parts[i], masks[0], 0, 0, "a new graph");
      check_blit (computed.operation, &parts[i], masks[0], 0, 0, "a new graph with a filter");
      g_object_unref (fresh.graph);
      g_object_unref (computed.graph);
    }
  for (guint policy = 0; policy < G_N_ELEMENTS (policies); policy++)
    {
      Chain kept = computed_chain (world);

      g_object_set (kept.operation, "cache-policy", policies[policy], NULL);
      gegl_node_set (kept.operation, "index", 1, NULL);
      for (guint i = G_N_ELEMENTS (parts); i-- > 0;)
        check_blit (kept.operation, &parts[i], masks[1], 0, 0, "a kept graph");
      g_object_unref (kept.graph);
    }
}

static void
check_chunks (GeglBuffer *world)
{
  static const gint chunks[] = { 4096, 65536, 1 << 20, 1 << 24 };

  for (guint i = 0; i < G_N_ELEMENTS (chunks); i++)
    {
      const GeglRectangle part   = i % 2 ? (GeglRectangle) { 13, 17, 1111, 777 } : parts[0];
      Chain               whole  = i < 2 ? chain (world) : computed_chain (world);
      GeglBuffer         *target = gegl_buffer_new (&parts[0], babl_format ("Y' u8"));
      GeglNode           *sink   = gegl_node_new_child (whole.graph, "operation", "gegl:write-buffer", "buffer", target, NULL);
      guint8             *got    = g_malloc ((gsize) part.width * part.height);
      GeglProcessor      *processor;

      g_object_set (gegl_config (), "chunk-size", chunks[i], NULL);
      gegl_node_set (whole.operation, "index", 2, NULL);
      gegl_node_link (whole.operation, sink);
      processor = gegl_node_new_processor (sink, &part);
      while (gegl_processor_work (processor, NULL))
        ;
      gegl_buffer_get (target, &part, 1.0, babl_format ("Y' u8"), got, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      expect (is_part (got, &part, masks[2], 0, 0), "chunks of %d pixels: the mask differs", chunks[i]);
      g_object_unref (processor);
      g_object_unref (target);
      g_object_unref (whole.graph);
      g_free (got);
    }
}

/* In all of these the map's colours stay different, and as frequent as they are. */
static void
check_formats (GeglBuffer *world)
{
  static const gchar *const formats[] = {
    "R'G'B' u8",  "R'G'B'A u8", "R'G'B' u16",   "RGB u16",       "R'G'B' half",  "RGBA half",       "R'G'B' float",
    "RGBA float", "RGB u32",    "R'G'B'A u32",  "RGB double",    "R'G'B' double", "R'aG'aB'aA float", "RaGaBaA float",
  };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      const gint  x = 37 * i - 200, y = 90 - 41 * i;
      GeglBuffer *other = convert (world, formats[i], x, y, 16 + 13 * i, 128 - 7 * i);
      Chain       made  = chain (other);

      for (gint index = 0; index < MASKS; index += 2)
        {
          gegl_node_set (made.operation, "index", index, NULL);
          check_blit (made.operation, GEGL_RECTANGLE (x - 1, y + 400, WIDTH + 2, 333), masks[index], x, y, formats[i]);
        }
      g_object_unref (made.graph);
      g_object_unref (other);
    }
}

/* Properties and inputs that change. */
static void
check_changes (GeglBuffer *world)
{
  const GeglRectangle half   = { 0, 0, WIDTH, HEIGHT / 2 };
  Chain               made   = chain (world);
  GeglBuffer         *flat   = gegl_buffer_new (&parts[0], babl_format ("R'G'B' u8"));
  guint8             *white  = g_malloc (WIDTH * HEIGHT);
  GeglColor          *color  = gegl_color_new ("#4080c0");

  memset (white, 255, WIDTH * HEIGHT);
  gegl_buffer_set_color (flat, NULL, color);
  check_blit (made.operation, &half, masks[0], 0, 0, "before changes");
  gegl_node_set (made.operation, "index", 3, NULL);
  check_blit (made.operation, &half, masks[3], 0, 0, "another index");
  gegl_node_set (made.operation, "index", 5, NULL);
  check_blit (made.operation, &half, NULL, 0, 0, "an index beyond max-count");
  gegl_node_set (made.operation, "index", 0, "min-pixels", 1404003, NULL);
  check_blit (made.operation, &half, masks[0], 0, 0, "just enough pixels");
  gegl_node_set (made.operation, "min-pixels", 1404004, NULL);
  check_blit (made.operation, &half, NULL, 0, 0, "one pixel too few");
  gegl_node_set (made.operation, "min-pixels", 1, "tolerance", 500.0, "max-count", 1, NULL);
  check_blit (made.operation, &half, white, 0, 0, "all colours are near");
  gegl_node_set (made.operation, "tolerance", 0.0, "max-count", 5, NULL);
  gegl_node_set (made.source, "buffer", flat, NULL);
  check_blit (made.operation, &half, white, 0, 0, "another input");
  gegl_node_set (made.source, "buffer", world, NULL);
  check_blit (made.operation, &half, masks[0], 0, 0, "the first input again");
  g_object_unref (made.graph);
  g_object_unref (color);
  g_object_unref (flat);
  g_free (white);
}

/* Each mask in its colour, the rest transparent. */
static void
check_colors (GeglBuffer *world)
{
  static const guint8 colors[MASKS][3] = { { 170, 205, 230 }, { 63, 224, 56 }, { 75, 145, 166 }, { 224, 177, 101 },
                                           { 156, 224, 135 } };
  guint8             *got   = g_malloc (4 * WIDTH * HEIGHT);
  gint                wrong = 0;
  Chain               made  = chain (world);

  gegl_node_set (made.operation, "output", 1, NULL);
  gegl_node_blit (made.operation, 1.0, &parts[0], babl_format ("R'G'B'A u8"), got, GEGL_AUTO_ROWSTRIDE, GEGL_BLIT_DEFAULT);
  for (gint i = 0; i < WIDTH * HEIGHT; i++)
    {
      gint mask = 0;

      while (mask < MASKS && ! masks[mask][i])
        mask++;
      if (mask < MASKS)
        wrong += memcmp (got + 4 * i, colors[mask], 3) != 0 || got[4 * i + 3] != 255;
      else
        wrong += got[4 * i + 3] != 0;
    }
  expect (! wrong, "colours: %d pixels differ", wrong);
  g_object_unref (made.graph);
  g_free (got);
}

/* Transparent pixels: a colour of their own, the same as others, or none. */
static void
check_alpha (void)
{
  static const guint8 pixels[]     = { 9, 9, 9, 255, 9, 9, 9, 0, 9, 9, 9, 255, 9, 9, 9, 7 };
  static const guint8 expected[][4] = { { 255, 0, 255, 0 }, { 255, 255, 255, 255 }, { 255, 0, 255, 255 } };
  GeglBuffer         *buffer       = gegl_buffer_new (GEGL_RECTANGLE (0, 0, 4, 1), babl_format ("R'G'B'A u8"));
  Chain               made         = chain (buffer);
  guint8              got[4];

  gegl_buffer_set (buffer, NULL, 0, NULL, pixels, GEGL_AUTO_ROWSTRIDE);
  gegl_node_set (made.operation, "min-pixels", 1, NULL);
  for (gint alpha = 0; alpha < 3; alpha++)
    {
      gegl_node_set (made.operation, "alpha", alpha, NULL);
      gegl_node_blit (made.operation, 1.0, GEGL_RECTANGLE (0, 0, 4, 1), babl_format ("Y' u8"), got, GEGL_AUTO_ROWSTRIDE,
                      GEGL_BLIT_DEFAULT);
      expect (! memcmp (got, expected[alpha], 4), "alpha %d: %d %d %d %d", alpha, got[0], got[1], got[2], got[3]);
    }
  g_object_unref (made.graph);
  g_object_unref (buffer);
}

/* Inputs without bounds are refused with a sentence; without an input there is nothing to do. */
static void
check_refusals (void)
{
  guint8    got[64 * 64];
  GeglNode *graph     = gegl_node_new ();
  GeglNode *source    = gegl_node_new_child (graph, "operation", "gegl:checkerboard", NULL);
  GeglNode *operation = gegl_node_new_child (graph, "operation", "ctm:color-map-mask", NULL);

  gegl_node_blit (operation, 1.0, GEGL_RECTANGLE (0, 0, 64, 64), babl_format ("Y' u8"), got, GEGL_AUTO_ROWSTRIDE,
                  GEGL_BLIT_DEFAULT);
  expect (warnings == 0, "without an input, or before: %d warnings", warnings);
  quiet = TRUE;
  gegl_node_link (source, operation);
  gegl_node_blit (operation, 1.0, GEGL_RECTANGLE (0, 0, 64, 64), babl_format ("Y' u8"), got, GEGL_AUTO_ROWSTRIDE,
                  GEGL_BLIT_DEFAULT);
  expect (warnings == 1, "an input without bounds: %d warnings", warnings);
  g_object_unref (graph);
}

static guint8 *
load_mask (const gchar *path)
{
  GeglBuffer *buffer = load (path);
  guint8     *mask   = g_malloc (WIDTH * HEIGHT);

  gegl_buffer_get (buffer, NULL, 1.0, babl_format ("Y' u8"), mask, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  g_object_unref (buffer);
  return mask;
}

static int
compare (gint count, char **paths)
{
  for (gint i = 0; i < count / 2; i++)
    {
      guint8 *one = load_mask (paths[i]), *other = load_mask (paths[count / 2 + i]);

      expect (! memcmp (one, other, WIDTH * HEIGHT), "%s and %s differ", paths[i], paths[count / 2 + i]);
      g_free (one);
      g_free (other);
    }
  return failures || ! checks ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  GeglBuffer *world;

  gegl_init (&argc, &argv);
  if (argc > 1 && ! strcmp (argv[1], "--same"))
    return compare (argc - 2, argv + 2);
  if (argc != 2 + MASKS || ! gegl_has_operation ("ctm:color-map-mask"))
    g_error ("usage: parts WORLD.png MASK-1.png ... MASK-5.png, with the operation in GEGL_PATH");
  g_log_set_default_handler (count_warning, NULL);
  world = load (argv[1]);
  for (gint i = 0; i < MASKS; i++)
    masks[i] = load_mask (argv[2 + i]);

  check_parts (world);
  check_chunks (world);
  check_formats (world);
  check_changes (world);
  check_colors (world);
  check_alpha ();
  check_refusals ();

  g_object_unref (world);
  for (gint i = 0; i < MASKS; i++)
    g_free (masks[i]);
  gegl_exit ();
  if (failures)
    g_printerr ("gegl: %d of %d checks failed\n", failures, checks);
  else
    g_print ("gegl: %d checks of parts, chunks, formats, changes: all as expected\n", checks);
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
