# A colour map of raw floats becomes masks: ruby world.rb MAP WIDTH HEIGHT MASKS
require "fiddle/import"

abort "usage: ruby world.rb MAP WIDTH HEIGHT MASKS" unless ARGV.size == 4

module Ctm
  extend Fiddle::Importer
  dlload "libctm.so.0"
  extern "int ctm_create(const void *options, void **context)"
  extern "int ctm_run(void *context, const void *color_map, unsigned int width, unsigned int height,
                      unsigned int channels, unsigned long long min_pixels, unsigned int max_count,
                      void *masks, size_t masks_len, void *mask_count)"
  extern "void ctm_destroy(void *context)"
  extern "char *ctm_last_error(const void *context)"
  extern "char *ctm_version()"
end

CHANNELS, MIN_PIXELS, MAX_COUNT = 3, 500, 5
map_name, width, height, masks_name = ARGV
width, height = Integer(width), Integer(height)
plane = width * height

def check(status, context)
  abort "ctm: #{Ctm.ctm_last_error(context)}" unless status.zero?
end

map = File.binread(map_name)
abort "#{map_name}: its size is not that of WIDTH x HEIGHT x 3 floats" unless map.bytesize == plane * CHANNELS * 4

holder = Fiddle::Pointer.malloc(Fiddle::SIZEOF_VOIDP, Fiddle::RUBY_FREE)
check(Ctm.ctm_create(nil, holder), nil)
context = holder.ptr
puts "ctm #{Ctm.ctm_version}"

masks = Fiddle::Pointer.malloc([MAX_COUNT * plane * 4, 1].max, Fiddle::RUBY_FREE)
count = Fiddle::Pointer.malloc(4, Fiddle::RUBY_FREE)
check(Ctm.ctm_run(context, map, width, height, CHANNELS, MIN_PIXELS, MAX_COUNT, masks, MAX_COUNT * plane, count), context)
Ctm.ctm_destroy(context)

mask_count = count[0, 4].unpack1("L")
bytes = masks[0, mask_count * plane * 4]
mask_count.times do |mask|
  pixels = bytes.byteslice(mask * plane * 4, plane * 4).unpack("e*").sum.to_i
  puts "mask #{mask + 1}: #{pixels} pixels"
end
File.binwrite(masks_name, bytes)
