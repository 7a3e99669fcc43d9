// The label map of an image of bytes, without blocking: node labels.mjs MAP WIDTH HEIGHT LABELS [MILLISECONDS]
//
// MAP is rows of red, green, blue; LABELS becomes a 16-bit number for each pixel: 0, or the number of its mask from 1 on.
// After so many milliseconds, or at Ctrl-C, the work is stopped. Sizes and offsets are those of docs/ffi.md's table.
import { readFileSync, writeFileSync } from "node:fs";
import koffi from "koffi";

function fail(sentence) {
    console.error(sentence);
    process.exit(1);
}

const [mapName, widthText, heightText, labelsName, milliseconds] = process.argv.slice(2);
if (process.argv.length < 6 || process.argv.length > 7) fail("usage: node labels.mjs MAP WIDTH HEIGHT LABELS [MILLISECONDS]");

const library = (() => {
    try {
        return koffi.load("libctm.so.0");
    } catch (error) {
        return fail(`libctm.so.0: ${error.message}`); // koffi leaves the name out
    }
})();
koffi.opaque("ctm_context");
const create = library.func("int32_t ctm_create(const void *options, _Out_ ctm_context **context)");
const destroy = library.func("void ctm_destroy(ctm_context *context)");
const lastError = library.func("const char *ctm_last_error(const ctm_context *context)");
const cancel = library.func("void ctm_cancel(ctm_context *context)");
const analyze = library.func(`int32_t ctm_analyze(ctm_context *context, const void *image, const void *params,
    const void *outputs, void *result)`);
const progressType = koffi.pointer(koffi.proto("int32_t ctm_progress(void *user, double done)"));

function check(status, context) {
    if (status !== 0) fail(`ctm: ${lastError(context)}`);
}

// A struct of ctm.h as bytes, which the library fills with the defaults.
function struct(name, size) {
    const bytes = Buffer.alloc(size); // aligned to 8
    check(library.func(`int32_t ctm_${name}_init(void *struct, size_t size)`)(bytes, size), null);
    return bytes;
}

const setAddress = (bytes, offset, of) => bytes.writeBigUInt64LE(koffi.address(of), offset);
const setSize = (bytes, offset, size) => bytes.writeBigUInt64LE(BigInt(size), offset);

const [width, height] = [Number(widthText), Number(heightText)];
const map = readFileSync(mapName);
if (map.length !== width * height * 3) fail(`${mapName}: its size is not that of WIDTH x HEIGHT x 3 bytes`);
const MAX_COUNT = 5;
const labels = new Uint16Array(width * height);

const image = struct("image", 104);
setAddress(image, 8, map); // pixels
image.writeUInt32LE(width, 16);
image.writeUInt32LE(height, 20);
image.writeUInt32LE(3, 24); // channels
image.writeUInt32LE(3, 28); // format: CTM_FORMAT_U8

// Called from the thread that works, while this one waits for events: koffi hands it over.
const deadline = milliseconds === undefined ? Infinity : performance.now() + Number(milliseconds);
const progress = koffi.register(() => (performance.now() >= deadline ? 1 : 0), progressType);
const params = struct("params", 192);
params.writeUInt32LE(MAX_COUNT, 16); // max_count
setAddress(params, 104, progress);

const outputs = struct("outputs", 168);
outputs.writeUInt32LE(1, 28); // label_format: CTM_LABEL_U16
setAddress(outputs, 32, labels);
setSize(outputs, 40, labels.byteLength);
const ENTRY = Number(outputs.readBigUInt64LE(64)); // palette_entry_size, which the library has written
const palette = Buffer.alloc(MAX_COUNT * ENTRY);
setAddress(outputs, 48, palette);
setSize(outputs, 56, MAX_COUNT); // palette_capacity
const result = struct("result", 136);

const holder = [null];
check(create(null, holder), null);
const [context] = holder;
process.on("SIGINT", () => cancel(context)); // from any thread, at any time: Node is not inside the signal's handler here

// On a thread of koffi's: other events are handled meanwhile. What was handed over stays where it is, and is used below.
const status = await new Promise((resolve, reject) =>
    analyze.async(context, image, params, outputs, result, (error, status) => (error ? reject(error) : resolve(status))),
);
koffi.unregister(progress);
check(status, context);
destroy(context);

for (let mask = 0; mask < result.readUInt32LE(8); mask++) {
    console.log(`mask ${mask + 1}: ${palette.readBigUInt64LE(mask * ENTRY + 16)} pixels`);
}
writeFileSync(labelsName, labels);
process.exit(0); // The handler of Ctrl-C would be waited for.
