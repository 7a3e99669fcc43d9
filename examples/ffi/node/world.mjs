// A colour map of raw floats becomes masks: node world.mjs MAP WIDTH HEIGHT MASKS
import { readFileSync, writeFileSync } from "node:fs";
import koffi from "koffi";

function fail(sentence) {
    console.error(sentence);
    process.exit(1);
}

if (process.argv.length !== 6) fail("usage: node world.mjs MAP WIDTH HEIGHT MASKS");

function load(name) {
    try {
        return koffi.load(name);
    } catch (error) {
        throw new Error(`${name}: ${error.message}`); // koffi leaves the name out
    }
}

const library = load("libctm.so.0");
koffi.opaque("ctm_context");
const create = library.func("int32_t ctm_create(const void *options, _Out_ ctm_context **context)");
const run = library.func(`int32_t ctm_run(ctm_context *context, const void *color_map,
    uint32_t width, uint32_t height, uint32_t channels, uint64_t min_pixels, uint32_t max_count,
    void *masks, size_t masks_len, _Out_ uint32_t *mask_count)`);
const destroy = library.func("void ctm_destroy(ctm_context *context)");
const lastError = library.func("const char *ctm_last_error(const ctm_context *context)");
const version = library.func("const char *ctm_version()");

const CHANNELS = 3, MIN_PIXELS = 500, MAX_COUNT = 5;
const [mapName, widthText, heightText, masksName] = process.argv.slice(2);
const [width, height] = [Number(widthText), Number(heightText)];
const plane = width * height;

function check(status, context) {
    if (status !== 0) fail(`ctm: ${lastError(context)}`);
}

const map = readFileSync(mapName);
if (map.length !== plane * CHANNELS * 4) fail(`${mapName}: its size is not that of WIDTH x HEIGHT x 3 floats`);

const holder = [null];
check(create(null, holder), null);
const [context] = holder;
console.log(`ctm ${version()}`);

// The library writes to the array's own memory.
const masks = new Float32Array(MAX_COUNT * plane);
const count = [0];
check(run(context, map, width, height, CHANNELS, MIN_PIXELS, MAX_COUNT, masks, masks.length, count), context);
destroy(context);

for (let mask = 0; mask < count[0]; mask++) {
    const pixels = masks.subarray(mask * plane, (mask + 1) * plane).reduce((sum, value) => sum + value, 0);
    console.log(`mask ${mask + 1}: ${pixels} pixels`);
}
writeFileSync(masksName, masks.subarray(0, count[0] * plane));
