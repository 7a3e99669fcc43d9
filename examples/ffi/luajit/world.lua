-- A colour map of raw floats becomes masks: luajit world.lua MAP WIDTH HEIGHT MASKS
local ffi = require("ffi")
if #arg ~= 4 then
    io.stderr:write("usage: luajit world.lua MAP WIDTH HEIGHT MASKS\n")
    os.exit(1)
end

ffi.cdef [[
    typedef struct ctm_context ctm_context;
    int32_t ctm_create(const void *options, ctm_context **context);
    int32_t ctm_run(ctm_context *context, const float *color_map, uint32_t width, uint32_t height, uint32_t channels,
                    uint64_t min_pixels, uint32_t max_count, float *masks, size_t masks_len, uint32_t *mask_count);
    void ctm_destroy(ctm_context *context);
    const char *ctm_last_error(const ctm_context *context);
    const char *ctm_version(void);
]]
local ctm = ffi.load("libctm.so.0")

local CHANNELS, MIN_PIXELS, MAX_COUNT = 3, 500, 5
local map_name, width, height, masks_name = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]
local plane = width * height

local function check(status, context)
    if status ~= 0 then
        io.stderr:write("ctm: ", ffi.string(ctm.ctm_last_error(context)), "\n")
        os.exit(1)
    end
end

local file = assert(io.open(map_name, "rb"))
local bytes = file:read("*a")
file:close()
assert(#bytes == plane * CHANNELS * 4, map_name .. ": its size is not that of WIDTH x HEIGHT x 3 floats")
local map = ffi.cast("const float *", bytes)

local holder = ffi.new("ctm_context *[1]")
check(ctm.ctm_create(nil, holder), nil)
local context = ffi.gc(holder[0], ctm.ctm_destroy)
io.write("ctm ", ffi.string(ctm.ctm_version()), "\n")

local masks = ffi.new("float[?]", MAX_COUNT * plane)
local count = ffi.new("uint32_t[1]")
check(ctm.ctm_run(context, map, width, height, CHANNELS, MIN_PIXELS, MAX_COUNT, masks, MAX_COUNT * plane, count), context)

for mask = 0, count[0] - 1 do
    local pixels = 0
    for pixel = mask * plane, (mask + 1) * plane - 1 do pixels = pixels + masks[pixel] end
    io.write(("mask %d: %d pixels\n"):format(mask + 1, pixels))
end
local output = assert(io.open(masks_name, "wb"))
output:write(ffi.string(masks, count[0] * plane * 4))
output:close()
