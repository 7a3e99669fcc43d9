# A colour map of raw floats becomes masks: perl world.pl MAP WIDTH HEIGHT MASKS
use strict;
use warnings;
use FFI::Platypus 2.00;
use FFI::Platypus::Buffer qw(scalar_to_buffer);

die "usage: perl world.pl MAP WIDTH HEIGHT MASKS\n" unless @ARGV == 4;

my $ffi = FFI::Platypus->new(api => 2, lib => [find_library()]);
$ffi->attach(ctm_create => ["opaque", "opaque*"] => "sint32");
$ffi->attach(ctm_run => ["opaque", "opaque", "uint32", "uint32", "uint32", "uint64", "uint32", "opaque", "size_t",
    "uint32*"] => "sint32");
$ffi->attach(ctm_destroy => ["opaque"] => "void");
$ffi->attach(ctm_last_error => ["opaque"] => "string");
$ffi->attach(ctm_version => [] => "string");

my ($CHANNELS, $MIN_PIXELS, $MAX_COUNT) = (3, 500, 5);
my ($map_name, $width, $height, $masks_name) = @ARGV;
my $plane = $width * $height;

# The dynamic loader looks for it, in LD_LIBRARY_PATH, too.
sub find_library { return "libctm.so.0" }

sub check {
    my ($status, $context) = @_;
    die "ctm: " . ctm_last_error($context) . "\n" if $status != 0;
}

open my $file, "<:raw", $map_name or die "$map_name: $!\n";
my $map = do { local $/; <$file> };
die "$map_name: its size is not that of WIDTH x HEIGHT x 3 floats\n" if length $map != $plane * $CHANNELS * 4;

my $context;
check(ctm_create(undef, \$context), undef);
print "ctm ", ctm_version(), "\n";

my $masks = "\0" x ($MAX_COUNT * $plane * 4 || 1);
my ($map_address) = scalar_to_buffer($map);
my ($masks_address) = scalar_to_buffer($masks);
my $count = 0;
check(ctm_run($context, $map_address, $width, $height, $CHANNELS, $MIN_PIXELS, $MAX_COUNT, $masks_address,
    $MAX_COUNT * $plane, \$count), $context);
ctm_destroy($context);

my $one = pack "f", 1;
for my $mask (0 .. $count - 1) {
    my $pixels = () = substr($masks, $mask * $plane * 4, $plane * 4) =~ /\G(?:\0{4})*+\Q$one\E/g;
    printf "mask %d: %d pixels\n", $mask + 1, $pixels;
}
open my $output, ">:raw", $masks_name or die "$masks_name: $!\n";
print $output substr($masks, 0, $count * $plane * 4);
close $output or die "$masks_name: $!\n";
