// The label map of an image of bytes: labels MAP WIDTH HEIGHT LABELS
//
// MAP is rows of red, green, blue; LABELS becomes a 16-bit number for each pixel: 0, or the number of its mask from 1 on.
// The module `ctm` is what `zig translate-c` makes of ctm.h.
const std = @import("std");
const ctm = @import("ctm");

const max_count = 5;

fn fail(comptime format: []const u8, values: anytype) noreturn {
    std.debug.print(format ++ "\n", values);
    std.process.exit(1);
}

fn check(status: ctm.ctm_status, context: ?*ctm.ctm_context) void {
    if (status != ctm.CTM_OK) fail("ctm: {s}", .{std.mem.span(ctm.ctm_last_error(context))});
}

// A struct with the library's defaults, in place of the macro.
fn initial(comptime T: type, comptime init: fn ([*c]T, usize) callconv(.c) ctm.ctm_status) T {
    var value: T = undefined;
    check(init(&value, @sizeOf(T)), null);
    return value;
}

pub fn main(init: std.process.Init) !void {
    const gpa = init.gpa;
    const io = init.io;
    const arguments = try init.minimal.args.toSlice(init.arena.allocator());
    if (arguments.len != 5) fail("usage: labels MAP WIDTH HEIGHT LABELS", .{});
    const width = try std.fmt.parseInt(u32, arguments[2], 10);
    const height = try std.fmt.parseInt(u32, arguments[3], 10);
    const pixels = @as(usize, width) * height;
    const map = try std.Io.Dir.cwd().readFileAlloc(io, arguments[1], gpa, .unlimited);
    defer gpa.free(map);
    if (map.len != pixels * 3) fail("{s}: its size is not that of WIDTH x HEIGHT x 3 bytes", .{arguments[1]});
    const labels = try gpa.alloc(u16, pixels);
    defer gpa.free(labels);
    var palette: [max_count]ctm.ctm_palette_entry = undefined;

    var image = initial(ctm.ctm_image, ctm.ctm_image_init);
    image.pixels = map.ptr;
    image.width = width;
    image.height = height;
    image.channels = 3;
    image.format = ctm.CTM_FORMAT_U8;
    var params = initial(ctm.ctm_params, ctm.ctm_params_init);
    params.max_count = max_count;
    var outputs = initial(ctm.ctm_outputs, ctm.ctm_outputs_init);
    outputs.labels = labels.ptr;
    outputs.labels_size = pixels * @sizeOf(u16);
    outputs.label_format = ctm.CTM_LABEL_U16;
    outputs.palette = &palette;
    outputs.palette_capacity = max_count;
    var result = initial(ctm.ctm_result, ctm.ctm_result_init);

    var context: ?*ctm.ctm_context = null;
    check(ctm.ctm_create(null, &context), null);
    defer ctm.ctm_destroy(context);
    check(ctm.ctm_analyze(context, &image, &params, &outputs, &result), context);

    var buffer: [1024]u8 = undefined;
    var output = std.Io.File.stdout().writerStreaming(io, &buffer);
    for (palette[0..result.mask_count], 1..) |entry, mask| {
        try output.interface.print("mask {d}: {d} pixels\n", .{ mask, entry.pixel_count });
    }
    try output.interface.flush();
    try std.Io.Dir.cwd().writeFile(io, .{ .sub_path = arguments[4], .data = std.mem.sliceAsBytes(labels) });
}
